//! Models that answer questions about images.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{QuestionInput, VisualQuestionAnsweringPipeline};
use alambic_settings::IndexMap;
use serde_json::json;

use super::images::{Lines, open};
use super::lines::{Answer, in_batches};
use super::{Arguments, check_numbers, probabilities};
use crate::failure::Failure;

/// Answers questions, each about an image of its own or all about one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = VisualQuestionAnsweringPipeline::load(path)?;
    if let Some(max_length) = arguments.max_length {
        pipeline = pipeline.with_max_length(max_length as usize)?;
    }
    let common = arguments.image.as_deref().map(|file| open(pipeline.image_processor(), file)).transpose()?;
    // Two towers look at an image once, however many questions there are.
    let vector = common.as_ref().map(|image| pipeline.image_embeddings(&[image])).transpose()?.flatten();
    let labels = pipeline.config().outline().labels;
    in_batches(arguments, |batch| {
        let Lines { images, texts: questions } =
            Lines::read(batch, pipeline.image_processor(), common.is_some())?;
        let logits = match (&vector, &common) {
            (Some(vector), _) => {
                let texts: Vec<&str> = questions.iter().map(|(text, _)| *text).collect();
                pipeline.logits_from_embeddings(&texts, &vec![0; texts.len()], vector)?
            }
            (None, common) => {
                let inputs: Vec<QuestionInput<'_>> = questions
                    .iter()
                    .filter_map(|(text, place)| {
                        Some((*text, place.map_or(common.as_ref(), |place| images.get(place))?))
                    })
                    .collect();
                pipeline.logits(&inputs)?
            }
        };
        let mut answers = Vec::with_capacity(batch.len());
        for ((line, row), (text, _)) in batch.iter().zip(logits).zip(&questions) {
            check_numbers("logits", &row)?;
            let answer = pipeline.label(&row);
            let likely: IndexMap<&String, f64> = labels.iter().zip(probabilities(&row)).collect();
            answers.push(Answer {
                text: visible(answer.as_ref()),
                json: json!({ "question": line.text, "prediction": answer, "probabilities": likely }),
                is_cut: pipeline.is_truncated(text)?,
            });
        }
        Ok(answers)
    })
}
