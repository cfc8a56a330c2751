//! A class a line.

use super::super::classes::class_of;
use super::super::references::{Predictions, References};
use super::super::rows::stripped;
use super::check_count;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};
use crate::source::TableSource;

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let known: Vec<&str> = references.classes.iter().map(String::as_str).collect();
    let mut problems = Problems::default();
    let mut labels = Vec::new();
    let lines = stripped(source, &mut problems);
    for &(number, line) in &lines {
        match class(line, &known) {
            Ok(label) => labels.push(label),
            Err(fault) => problems.push(Place::line(&source.name, number), fault),
        }
    }
    if let Err(error) = check_count(source, "lines", lines.len(), references) {
        problems.extend(error);
    }
    problems.or(Predictions::Classes(labels))
}

fn class(line: &str, known: &[&str]) -> Result<String, Fault> {
    if line.is_empty() {
        return Err(BenchmarkFault::EmptyLine.into());
    }
    if line.contains('\t') {
        let found = "a line of several columns".into();
        return Err(BenchmarkFault::OtherLayout { expected: "one label a line", found }.into());
    }
    if known.is_empty() { Ok(line.to_owned()) } else { class_of(line, known) }
}

pub(super) fn text(labels: &[String]) -> String {
    labels.iter().fold(String::new(), |text, label| text + label + "\n")
}
