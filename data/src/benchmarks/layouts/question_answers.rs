//! A list of JSON: objects with `questionId` and `prediction`, as GQA has them.

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::json;

use super::super::references::{Gold, Predictions, References};
use super::{Layout, answers, from_json};
use crate::corpora::json::Words;
use crate::error::{BenchmarkFault, DataError, Place};
use crate::source::TableSource;

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "questionId")]
    id: Words,
    prediction: Words,
}

pub(super) fn read(source: &TableSource, references: &References) -> Result<Predictions, DataError> {
    let all: Vec<Answer> = from_json(source, Layout::QuestionAnswers)?;
    let entries = all.into_iter().map(|answer| (answer.id.0, answer.prediction.0));
    let predictions = answers::check(source, references, entries)?;
    if let (Predictions::Answers(found), Gold::QuestionAnswers(all)) = (&predictions, &references.gold) {
        let missing: Vec<String> = all.keys().filter(|id| !found.contains_key(*id)).cloned().collect();
        if !missing.is_empty() {
            let fault = BenchmarkFault::MissingIds { ids: missing, expected: all.len() };
            return Err(DataError::new(Place::file(&source.name), fault.into()));
        }
    }
    Ok(predictions)
}

pub(super) fn text(answers: &IndexMap<String, String>) -> String {
    let all: Vec<_> =
        answers.iter().map(|(id, text)| json!({ "questionId": id, "prediction": text })).collect();
    format!("{}\n", serde_json::Value::Array(all))
}
