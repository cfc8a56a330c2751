//! A place a line, counted from 0.

use super::super::references::{Predictions, References};
use super::super::rows::stripped;
use super::check_count;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// The places of a file, below a number of candidates where that is known.
pub(in super::super) fn read_places(
    source: &TableSource,
    candidates: Option<usize>,
) -> Result<Vec<usize>, DataError> {
    let mut problems = Problems::default();
    let mut places = Vec::new();
    for (number, line) in stripped(source, &mut problems) {
        let place = || Place::line(&source.name, number);
        match line.parse::<usize>() {
            Ok(found) if candidates.is_some_and(|candidates| found >= candidates) => {
                let last = candidates.unwrap_or_default().saturating_sub(1);
                problems.push(place(), BenchmarkFault::PlaceBeyond { found, last }.into());
            }
            Ok(found) => places.push(found),
            Err(_) if line.is_empty() => problems.push(place(), BenchmarkFault::EmptyLine.into()),
            Err(_) => problems.push(place(), Fault::NotCount { column: "1".into(), found: line.to_owned() }),
        }
    }
    problems.or(places)
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let places = read_places(source, None)?;
    check_count(source, "lines", places.len(), references)?;
    Ok(Predictions::Places(places))
}

pub(super) fn text(places: &[usize]) -> String {
    places.iter().fold(String::new(), |text, place| text + &place.to_string() + "\n")
}
