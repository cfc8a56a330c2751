//! Questions about passages in the files of `SQuAD` 1.1.

use serde::Deserialize;
use serde_json::Value;

use super::files::LanguageFile;
use super::references::{Gold, References};
use super::rows::of_file;
use crate::corpora::json::Words;
use crate::error::{BenchmarkFault, DataError, Fault, Place};
use crate::table::unmarked;

#[derive(Deserialize)]
struct File {
    data: Vec<Article>,
}

#[derive(Deserialize)]
pub(super) struct Article {
    pub(super) paragraphs: Vec<Paragraph>,
}

#[derive(Deserialize)]
pub(super) struct Paragraph {
    #[serde(default)]
    pub(super) context: String,
    pub(super) qas: Vec<Question>,
}

#[derive(Deserialize)]
pub(super) struct Question {
    pub(super) id: Words,
    #[serde(default)]
    #[serde(rename = "question")]
    pub(super) text: String,
    answers: Option<Vec<Answer>>,
}

#[derive(Deserialize)]
pub(super) struct Answer {
    text: String,
}

/// The right answers of each question: `data` of the file, or the list that the file is.
pub(super) fn read(files: &[LanguageFile<'_>]) -> Result<References, DataError> {
    let mut questions = Vec::new();
    for file in files {
        for article in articles(file)? {
            for question in article.paragraphs.into_iter().flat_map(|paragraph| paragraph.qas) {
                let texts = question.answers.unwrap_or_default().into_iter().map(|answer| answer.text);
                questions.push((question.id.0, texts.collect::<Vec<_>>()));
            }
        }
    }
    let is_removed = |(_, texts): &(String, Vec<String>)| texts.iter().all(String::is_empty);
    if !questions.is_empty() && questions.iter().all(is_removed) {
        return Err(of_file(
            files[0].source,
            BenchmarkFault::NoLabels("no question has an answer with a text"),
        ));
    }
    Ok(References {
        source: files[0].source.name.clone(),
        classes: Vec::new(),
        gold: Gold::Answers(questions),
    })
}

/// The articles of a file.
pub(super) fn articles(file: &LanguageFile<'_>) -> Result<Vec<Article>, DataError> {
    let source = file.source;
    let broken = |error: serde_json::Error| {
        DataError::new(Place::line(&source.name, error.line()), Fault::BrokenJson(error.to_string()))
    };
    let bytes = unmarked(&source.bytes);
    if bytes.trim_ascii_start().starts_with(b"[") {
        return serde_json::from_slice(bytes).map_err(broken);
    }
    // Read by its own types first, which know the line of what is wrong.
    let error = match serde_json::from_slice::<File>(bytes) {
        Ok(file) => return Ok(file.data),
        Err(error) => error,
    };
    // Predictions in the place of labels are an object of ids.
    let is_predictions = serde_json::from_slice::<Value>(bytes).is_ok_and(|value| {
        value.as_object().is_some_and(|all| !all.contains_key("data") && all.values().all(Value::is_string))
    });
    if is_predictions {
        let (expected, found) =
            ("a file of questions in `data`", "an object of texts, as predictions are".into());
        return Err(of_file(source, BenchmarkFault::OtherLayout { expected, found }));
    }
    Err(broken(error))
}
