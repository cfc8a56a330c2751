//! Models that answer questions about images.

use std::path::Path;

use alambic_files::text::visible;
use alambic_settings::IndexMap;
use alambic_students::{Answerer, Sighted};
use serde_json::json;

use super::images::{Lines, open};
use super::lines::{Answer, in_batches};
use super::{Arguments, check_numbers, probabilities};
use crate::failure::Failure;

/// Answers questions, each about an image of its own or all about one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut answerer = Answerer::load(path)?;
    if let Some(longest) = arguments.longest {
        answerer = answerer.cut_at(longest as usize)?;
    }
    let common = arguments.image.as_deref().map(|file| open(answerer.eyes(), file)).transpose()?;
    // Two towers look at an image once, however many questions there are.
    let vector = common.as_ref().map(|image| answerer.vectors(&[image])).transpose()?.flatten();
    let labels = answerer.config().outline().labels;
    in_batches(arguments, |batch| {
        let Lines { images, texts: questions } = Lines::read(batch, answerer.eyes(), common.is_some())?;
        let logits = match (&vector, &common) {
            (Some(vector), _) => {
                let texts: Vec<&str> = questions.iter().map(|(text, _)| *text).collect();
                answerer.logits_by_vectors(&texts, &vec![0; texts.len()], vector)?
            }
            (None, common) => {
                let sighted: Vec<Sighted<'_>> = questions
                    .iter()
                    .filter_map(|(text, place)| {
                        Some((*text, place.map_or(common.as_ref(), |place| images.get(place))?))
                    })
                    .collect();
                answerer.logits(&sighted)?
            }
        };
        let mut answers = Vec::with_capacity(batch.len());
        for ((line, row), (text, _)) in batch.iter().zip(logits).zip(&questions) {
            check_numbers("logits", &row)?;
            let answer = answerer.answer(&row);
            let likely: IndexMap<&String, f64> = labels.iter().zip(probabilities(&row)).collect();
            answers.push(Answer {
                said: visible(answer.as_ref()),
                json: json!({ "question": line.text, "prediction": answer, "probabilities": likely }),
                is_cut: answerer.cuts(text)?,
            });
        }
        Ok(answers)
    })
}
