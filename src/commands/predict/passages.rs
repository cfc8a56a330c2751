//! Models that answer questions out of passages.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{ExtractiveQuestionAnsweringPipeline, LanguageInput, LoadedModel, SpanOptions};
use serde_json::json;

use super::Arguments;
use super::lines::{Answer, Line, in_batches};
use crate::failure::Failure;

/// Runs a model that answers questions out of passages: each line has the question, a tab, and the passage.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let model = LoadedModel::load(path)?;
    let max_length = arguments.max_length.map_or(usize::MAX, |given| given as usize);
    let options = SpanOptions::within(max_length.min(model.config().max_length()));
    let options = SpanOptions { allows_no_answer: arguments.no_answer, ..options };
    let mut pipeline = ExtractiveQuestionAnsweringPipeline::from_model(&model, options)?;
    if let Some(language) = &arguments.language {
        pipeline = pipeline.in_language(language)?;
    }
    in_batches(arguments, |batch| answer(batch, &pipeline))
}

fn answer(batch: &[Line], pipeline: &ExtractiveQuestionAnsweringPipeline) -> Result<Vec<Answer>, Failure> {
    let parts = |line: &'_ Line| -> Result<(String, String), Failure> {
        let (question, passage) = line.text.split_once('\t').ok_or_else(|| {
            Failure::Usage(
                "there is no tab: a line is a question, a tab, and the passage that answers it".into(),
            )
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
                text: visible(&found.text),
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
