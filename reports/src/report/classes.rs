//! Tables of classes: how often each is predicted, and in the place of which.

use indexmap::IndexMap;

use super::content::Report;
use crate::document::{Block, Cell, ColumnHeading, Table};
use crate::metrics::{ClassCounts, Confusion};
use crate::numbers::{self, NO_VALUE};
use crate::outcome::{ModelOutcome, STUDENT};

/// Classes of a table; the commonest where there are more.
const MAX_CLASSES: usize = 40;
/// Classes of a matrix; of more, the commonest confusions are listed.
const MAX_MATRIX: usize = 12;
/// Confusions in the list.
const CONFUSIONS: usize = 12;

/// What each model makes of each class, and what the student takes for what.
pub(super) fn by_class(report: &Report) -> Vec<Block> {
    let models: IndexMap<&str, &ModelOutcome> =
        report.outcome.present().filter(|(_, model)| !model.classes.is_empty()).collect();
    let Some(student) = models.get(STUDENT) else { return Vec::new() };
    let mut tables = vec![class_table(student, &models)];
    tables.extend(confusion(&student.confusion));
    vec![Block::Tables(tables)]
}

fn class_table(student: &ModelOutcome, models: &IndexMap<&str, &ModelOutcome>) -> Table {
    let mut columns = vec![ColumnHeading::text("class")];
    columns.extend(["support", "precision", "recall", "F1"].map(ColumnHeading::number));
    let others: Vec<&str> = models.keys().copied().filter(|name| *name != STUDENT).collect();
    columns.extend(others.iter().map(|name| ColumnHeading::number(&format!("F1 of {name}"))));
    let share = |value: Option<f64>| Cell::new(value.map_or_else(|| NO_VALUE.to_owned(), numbers::percent));
    let mut classes: Vec<(&String, &ClassCounts)> = student.classes.iter().collect();
    let all = classes.len();
    if all > MAX_CLASSES {
        classes.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.support));
        classes.truncate(MAX_CLASSES);
    }
    let rows = classes.into_iter().map(|(class, counts)| {
        let mut row = vec![
            Cell::new(class),
            Cell::new(numbers::thousands(counts.support)),
            share(counts.precision()),
            share(counts.recall()),
            share(counts.f1()),
        ];
        row.extend(
            others.iter().map(|name| share(models[name].classes.get(class).and_then(ClassCounts::f1))),
        );
        row
    });
    let which = if all > MAX_CLASSES {
        format!("the {MAX_CLASSES} commonest of {} classes", numbers::thousands(all as u64))
    } else {
        "each class".to_owned()
    };
    Table { caption: format!("The student on {which}, with its first seed"), columns, rows: rows.collect() }
}

/// The matrix, or the commonest confusions where it would be too wide; none without a wrong prediction of many classes.
fn confusion(confusion: &Confusion) -> Option<Table> {
    if confusion.is_empty() {
        return None;
    }
    let mut classes: IndexMap<&str, ()> = confusion.keys().map(|class| (class.as_str(), ())).collect();
    classes.extend(confusion.values().flat_map(IndexMap::keys).map(|class| (class.as_str(), ())));
    let count = |right: &str, predicted: &str| -> u64 {
        confusion.get(right).and_then(|row| row.get(predicted)).copied().unwrap_or_default()
    };
    if classes.len() > MAX_MATRIX {
        return commonest(confusion);
    }
    let mut columns = vec![ColumnHeading::text("right")];
    columns.extend(classes.keys().map(|class| ColumnHeading::number(class)));
    let rows = classes.keys().map(|right| {
        let cells = classes.keys().map(|predicted| {
            Cell::new(numbers::thousands(count(right, predicted))).emphasised(right == predicted)
        });
        [Cell::new(*right)].into_iter().chain(cells).collect()
    });
    Some(Table {
        caption:
            "Confusion matrix of the student: a row for each right class, a column for each predicted one"
                .to_owned(),
        columns,
        rows: rows.collect(),
    })
}

fn commonest(confusion: &Confusion) -> Option<Table> {
    let pairs = confusion.iter().flat_map(|(right, row)| {
        row.iter().map(move |(predicted, count)| (right.as_str(), predicted.as_str(), *count))
    });
    let mut wrong: Vec<(&str, &str, u64)> =
        pairs.filter(|(right, predicted, count)| right != predicted && *count > 0).collect();
    wrong.sort_by_key(|(.., count)| std::cmp::Reverse(*count));
    wrong.truncate(CONFUSIONS);
    (!wrong.is_empty()).then(|| Table {
        caption: "The student's commonest confusions".to_owned(),
        columns: vec![
            ColumnHeading::text("right"),
            ColumnHeading::text("predicted"),
            ColumnHeading::number("count"),
        ],
        rows: wrong
            .into_iter()
            .map(|(right, predicted, count)| {
                vec![Cell::new(right), Cell::new(predicted), Cell::new(numbers::thousands(count))]
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::{CONFUSIONS, confusion};
    use crate::metrics::Confusion;

    #[test]
    fn matrix_of_many_classes_becomes_a_list_of_confusions() {
        let classes = |count: usize| -> Confusion {
            let row = |right: usize| {
                let predicted = (right + 1) % count;
                [(format!("c{right}"), 5), (format!("c{predicted}"), right as u64)].into()
            };
            (0..count).map(|right| (format!("c{right}"), row(right))).collect()
        };
        let small = confusion(&classes(3)).unwrap();
        assert_eq!((small.rows.len(), small.columns.len()), (3, 4));
        assert_eq!(small.rows[2][1].text, "2");
        assert!(small.rows[2][3].emphasis);
        let large = confusion(&classes(30)).unwrap();
        assert_eq!((large.rows.len(), large.columns.len()), (CONFUSIONS, 3));
        assert_eq!(large.rows[0][2].text, "29");
        assert!(confusion(&Confusion::new()).is_none());
    }
}
