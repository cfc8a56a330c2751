//! Models that answer questions out of passages.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{ExtractiveQuestionAnsweringPipeline, SpanOptions};
use alambic_models::WindowSizes;
use serde_json::json;

use super::Arguments;
use super::lines::{Answer, Line, in_batches};
use crate::failure::Failure;

/// Runs a model that answers questions out of passages: each line has the question, a tab, and the passage.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let defaults = SpanOptions::default();
    let mut windows = defaults.windows;
    if let Some(max_length) = arguments.max_length {
        // A short window repeats and reserves as large a share of itself as the usual one.
        let max_length = max_length as usize;
        let of_usual = |tokens: usize| (tokens * max_length / windows.max_length).max(1);
        windows = WindowSizes {
            max_length,
            stride: windows.stride.min(of_usual(windows.stride)),
            max_first_length: windows.max_first_length.min(of_usual(windows.max_first_length)),
        };
    }
    let options = SpanOptions { windows, allows_no_answer: arguments.no_answer, ..defaults };
    let pipeline = ExtractiveQuestionAnsweringPipeline::load(path, options)?;
    in_batches(arguments, |batch| answer(batch, &pipeline))
}

fn answer(batch: &[Line], pipeline: &ExtractiveQuestionAnsweringPipeline) -> Result<Vec<Answer>, Failure> {
    let parts = |line: &'_ Line| -> Result<(String, String), Failure> {
        let (question, passage) = line.text.split_once('\t').ok_or_else(|| {
            Failure::Usage(format!(
                "line {}: there is no tab; a line is a question, a tab, and the passage that answers it",
                line.number + 1
            ))
        })?;
        Ok((question.to_owned(), passage.to_owned()))
    };
    let texts = batch.iter().map(parts).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<(&str, &str)> =
        texts.iter().map(|(question, passage)| (question.as_str(), passage.as_str())).collect();
    let answers = pipeline.answer(&inputs)?;
    Ok(answers
        .into_iter()
        .zip(&texts)
        .map(|(found, (question, passage))| {
            let start = passage.get(..found.start).map_or(0, |before| before.chars().count());
            Answer {
                said: visible(&found.text),
                json: json!({
                    "question": question,
                    "passage": passage,
                    "prediction": found.text,
                    "start": (!found.text.is_empty()).then_some(start),
                    "probability": found.probability,
                }),
                is_cut: found.is_truncated,
            }
        })
        .collect())
}
