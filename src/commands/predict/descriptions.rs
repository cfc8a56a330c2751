//! Models that choose among descriptions of an image.

use std::path::Path;

use alambic_files::text::visible;
use alambic_inference::{ChoiceAnswer, DescribedImage, PictureChoicePipeline};
use serde_json::json;

use super::images::{Lines, open};
use super::lines::{Answer, in_batches};
use super::{Arguments, check_numbers};
use crate::failure::Failure;

/// Chooses among the descriptions of each line, which stand with a tab between, of an image of its own or all of one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = PictureChoicePipeline::load(path)?;
    if let Some(max_length) = arguments.max_length {
        pipeline = pipeline.with_max_length(max_length as usize)?;
    }
    let common = arguments.image.as_deref().map(|file| open(pipeline.image_processor(), file)).transpose()?;
    in_batches(arguments, |batch| {
        let Lines { images, texts } = Lines::read(batch, pipeline.image_processor(), common.is_some())?;
        let inputs: Vec<DescribedImage<'_>> = texts
            .iter()
            .filter_map(|(text, place)| {
                let image = place.map_or(common.as_ref(), |place| images.get(place))?;
                Some((image, choices(text)))
            })
            .collect();
        if inputs.iter().any(|(_, choices)| choices.len() < 2) {
            return Err(Failure::Usage(
                "there are fewer than two descriptions: a line has two or more, with a tab between, behind the path of an image \
                 where `--image` names none"
                    .into(),
            ));
        }
        let mut answers = Vec::with_capacity(batch.len());
        for ((scores, (_, choices)), line) in pipeline.scores(&inputs)?.into_iter().zip(&inputs).zip(batch) {
            check_numbers("logits", &scores)?;
            let Some(answer) = ChoiceAnswer::of_scores(scores) else { continue };
            let mut is_cut = false;
            for choice in choices {
                is_cut |= pipeline.is_truncated(choice)?;
            }
            let chosen = choices[answer.choice];
            answers.push(Answer {
                text: visible(chosen),
                json: json!({
                    "text": line.text,
                    "choices": choices,
                    "prediction": chosen,
                    "choice": answer.choice,
                    "probabilities": answer.probabilities,
                }),
                is_cut,
            });
        }
        Ok(answers)
    })
}

/// The descriptions of a line; empty columns are none.
fn choices(text: &str) -> Vec<&str> {
    text.split('\t').filter(|choice| !choice.trim().is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptions_stand_between_tabs() {
        assert_eq!(choices("a fox\ta hat\t\t "), ["a fox", "a hat"]);
        assert_eq!(choices("").len() + choices(" \t").len(), 0);
    }
}
