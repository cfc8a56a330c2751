//! Two ids a line, separated by a tab.

use indexmap::IndexSet;

use super::super::references::{Gold, Predictions, References};
use super::super::rows::stripped;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// The pairs of a file with their lines.
pub(in super::super) fn read_pairs(source: &TableSource) -> Result<Vec<(usize, [String; 2])>, DataError> {
    let mut problems = Problems::default();
    let mut pairs = Vec::new();
    for (number, line) in stripped(source, &mut problems) {
        let columns: Vec<&str> = line.split('\t').collect();
        match columns.as_slice() {
            [first, second] if !first.is_empty() && !second.is_empty() => {
                pairs.push((number, [(*first).to_owned(), (*second).to_owned()]));
            }
            [_] if line.is_empty() => {
                problems.push(Place::line(&source.name, number), BenchmarkFault::EmptyLine.into());
            }
            [_, _] => problems.push(Place::line(&source.name, number), Fault::EmptyField("id")),
            other => {
                let fault = Fault::ColumnCount { found: other.len(), expected: 2 };
                problems.push(Place::line(&source.name, number), fault);
            }
        }
    }
    problems.or(pairs)
}

/// What an id begins with, up to its last hyphen: the language.
fn prefix(id: &str) -> &str {
    id.rfind('-').map_or("", |end| &id[..=end])
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let gold = match &references.gold {
        Gold::Pairs(gold) => gold.first(),
        _ => None,
    };
    let expected = gold.map(|[first, second]| [prefix(first), prefix(second)]).unwrap_or_default();
    let mut problems = Problems::default();
    // As the published script, which counts a pair that is given twice once.
    let mut pairs: IndexSet<[String; 2]> = IndexSet::new();
    for (number, pair) in read_pairs(source)? {
        let labels = || references.source.clone();
        let [first, second] = &pair;
        let own = [prefix(first), prefix(second)];
        let place = || Place::line(&source.name, number);
        if own == expected {
            pairs.insert(pair);
        } else if own == [expected[1], expected[0]] {
            let fault = BenchmarkFault::CrossedColumns {
                first: first.clone(),
                second: second.clone(),
                expected: expected[0].to_owned(),
                labels: labels(),
            };
            problems.push(place(), fault.into());
        } else {
            let column = usize::from(own[0] == expected[0]);
            let (id, expected) = (pair[column].clone(), expected[column].to_owned());
            problems.push(place(), BenchmarkFault::OtherIds { id, expected, labels: labels() }.into());
        }
    }
    problems.or(Predictions::Pairs(pairs))
}

pub(super) fn text(pairs: &IndexSet<[String; 2]>) -> String {
    pairs.iter().fold(String::new(), |text, [first, second]| text + first + "\t" + second + "\n")
}
