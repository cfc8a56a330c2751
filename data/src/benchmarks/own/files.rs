use std::borrow::Cow;

use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part};
use super::super::references::{Gold, References};
use super::super::rows::of_file;
use crate::error::{BenchmarkFault, DataError};
use crate::source::{TableFormat, TableSource};

/// The format of a table by its name; what no name says is separated by tabs.
pub(super) fn format_of(source: &TableSource) -> TableFormat {
    let name = source.name.strip_suffix(".gz").unwrap_or(&source.name);
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "csv" => TableFormat::Csv,
        "json" | "jsonl" | "ndjson" => TableFormat::JsonLines,
        _ => TableFormat::Tsv,
    }
}

/// The name of a column or file with the code of a language in the place of `{language}`.
pub(super) fn of_language<'n>(name: &'n str, language: &str) -> Cow<'n, str> {
    if name.contains("{language}") { name.replace("{language}", language).into() } else { name.into() }
}

/// The name of the file of a part, as a suite says it.
pub(super) fn file_of(part: Part, [train, validation, test]: [&Option<String>; 3]) -> Option<&str> {
    let name = match part {
        Part::Train => train,
        Part::Validation => validation,
        Part::Test => test,
    };
    name.as_deref()
}

/// What is right, as examples say it.
pub(super) fn references_of(
    file: &LanguageFile<'_>,
    examples: Examples,
    classes: Vec<String>,
) -> Result<References, DataError> {
    let without = || of_file(file.source, BenchmarkFault::NoLabels("a column of labels is not there"));
    let gold = match examples {
        Examples::Texts(all) => {
            let labels = all.into_iter().map(|own| own.label).collect::<Option<Vec<_>>>();
            Gold::Classes(labels.ok_or_else(without)?)
        }
        Examples::Sentences(all) => {
            let tags = all.into_iter().map(|own| own.tags).collect::<Option<Vec<_>>>();
            Gold::Tags(tags.ok_or_else(without)?)
        }
        _ => return Err(without()),
    };
    Ok(References { source: file.source.name.clone(), classes, gold })
}
