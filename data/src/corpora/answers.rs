//! Answers that are classes, as files of models and of corpora list them.

use std::collections::HashSet;

use alambic_files::text::quoted;
use alambic_settings::Location;
use serde_json::Value;

use crate::error::{DataError, Fault, Place};
use crate::image_datasets::AnswerClasses;
use crate::source::{Extent, TableSource};

/// The answers of a file in the order of their ids: `id2label` of a model's `config.json`, a list in JSON, or a line each.
///
/// # Errors
/// Where the file cannot be read, or lists none, or one twice.
pub(super) fn listed(location: &Location) -> Result<Vec<String>, DataError> {
    let source = TableSource::open_lines(location, Extent::Whole)?;
    let fail = |reason: String| DataError::new(Place::file(&source.name), Fault::NotAnswers(reason));
    let bytes = source.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&source.bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| fail(error.to_string()))?;
    let answers = match serde_json::from_str(text) {
        Ok(Value::Object(config)) => of_config(&config).map_err(|reason| fail(reason.to_owned()))?,
        Ok(Value::Array(answers)) => answers
            .iter()
            .map(named)
            .collect::<Option<_>>()
            .ok_or_else(|| fail("the list holds something else than texts".into()))?,
        _ => text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect(),
    };
    if answers.is_empty() {
        return Err(fail("the file is empty".into()));
    }
    once_each(&answers, &source.name)?;
    Ok(answers)
}

/// Makes sure that no answer is listed twice; `place` is where they are listed.
///
/// # Errors
/// The first one that is.
pub(super) fn once_each(answers: &[String], place: &str) -> Result<(), DataError> {
    let mut seen = HashSet::new();
    match answers.iter().find(|answer| !seen.insert(answer.as_str())) {
        Some(twice) => Err(DataError::new(Place::file(place), Fault::DuplicateAnswer(quoted(twice)))),
        None => Ok(()),
    }
}

/// An answer as JSON has it; the answer 2 may be a number.
fn named(answer: &Value) -> Option<String> {
    match answer {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The names of a model's classes.
fn of_config(config: &serde_json::Map<String, Value>) -> Result<Vec<String>, &'static str> {
    let labels = config.get("id2label").and_then(Value::as_object).ok_or("there is no `id2label`")?;
    (0..labels.len())
        .map(|id| labels.get(&id.to_string()).and_then(named))
        .collect::<Option<_>>()
        .ok_or("the ids of `id2label` do not count up from 0")
}

/// Answers that are classes: those of a file, or those that are common enough.
pub(super) fn answer_classes(listed: Option<&[String]>, min_answer_count: usize) -> AnswerClasses<'_> {
    listed.map_or(AnswerClasses::Common(min_answer_count), AnswerClasses::Listed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_listed_in_three_ways() {
        let folder = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let path = folder.path().join("answers");
            std::fs::write(&path, text).unwrap();
            listed(&Location::File(path)).map_err(|error| error.to_string())
        };
        for text in [
            r#"{"model_type": "vilt", "id2label": {"1": "no", "0": "yes", "2": "2"}}"#,
            r#"["yes", "no", "2"]"#,
            r#"["yes", "no", 2]"#,
            "\u{feff}yes\r\nno\r\n2",
            "yes\nno\n\n2\n",
        ] {
            assert_eq!(read(text).unwrap(), ["yes", "no", "2"], "{text}");
        }
        for (text, expected) in [
            ("", "empty"),
            ("yes\nno\nyes", "`yes` is listed twice"),
            (r#"{"id2label": {"1": "no", "2": "yes"}}"#, "do not count up from 0"),
            (r#"{"labels": 3}"#, "no `id2label`"),
            ("[1, null]", "something else than texts"),
        ] {
            assert!(read(text).unwrap_err().contains(expected), "{text}");
        }
    }
}
