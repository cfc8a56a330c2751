//! Labels of one class an example, a label a line.

use super::files::LanguageFile;
use super::references::{Gold, References};
use super::rows::stripped;
use crate::error::{BenchmarkFault, DataError, Fault, Place, Problems};

/// A class by its name, or what is wrong with it.
pub(super) fn class_of(label: &str, classes: &[&str]) -> Result<String, Fault> {
    let known = classes.iter().find(|class| **class == label);
    known.map(ToString::to_string).ok_or_else(|| Fault::UnknownClass {
        found: label.to_owned(),
        classes: classes.iter().map(ToString::to_string).collect(),
    })
}

/// A class by its name, or by its place in the benchmark's order.
pub(super) fn class_or_index(label: &str, classes: &[&str]) -> Result<String, Fault> {
    let index = label.parse::<usize>().ok().filter(|_| !classes.contains(&label));
    match index.and_then(|index| classes.get(index)) {
        Some(class) => Ok((*class).to_owned()),
        None => class_of(label, classes),
    }
}

/// References of classes.
pub(super) fn references(file: &LanguageFile<'_>, classes: &[&str], labels: Vec<String>) -> References {
    References {
        source: file.source.name.clone(),
        classes: classes.iter().map(ToString::to_string).collect(),
        gold: Gold::Classes(labels),
    }
}

/// Reads a file of labels alone.
pub(super) fn read_lines(file: &LanguageFile<'_>, classes: &[&str]) -> Result<References, DataError> {
    let mut problems = Problems::default();
    let mut labels = Vec::new();
    for (number, line) in stripped(file.source, &mut problems) {
        let label =
            if line.is_empty() { Err(BenchmarkFault::EmptyLine.into()) } else { class_of(line, classes) };
        match label {
            Ok(label) => labels.push(label),
            Err(fault) => problems.push(Place::line(&file.source.name, number), fault),
        }
    }
    problems.or(references(file, classes, labels))
}
