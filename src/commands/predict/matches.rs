//! Models that retrieve images by texts.

use std::path::Path;

use alambic_inference::{ProcessedImage, RetrievalPipeline};
use alambic_models::ModelError;
use serde_json::json;

use super::images::{Lines, open};
use super::lines::{Answer, in_batches};
use super::{Arguments, check_numbers};
use crate::failure::Failure;

/// Says how near texts are to images, each to one of its own or all to one.
pub(super) fn run(path: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let mut pipeline = RetrievalPipeline::load(path)?;
    if let Some(max_length) = arguments.max_length {
        pipeline = pipeline.with_max_length(max_length as usize)?;
    }
    let common = arguments.image.as_deref().map(|file| open(pipeline.image_processor(), file)).transpose()?;
    let vectors = |images: &[&ProcessedImage]| -> Result<Vec<Vec<f32>>, Failure> {
        Ok(pipeline.embed_images(images)?.to_vec2().map_err(ModelError::from)?)
    };
    let common = common.map(|image| vectors(&[&image])).transpose()?;
    in_batches(arguments, |batch| {
        let lines = Lines::read(batch, pipeline.image_processor(), common.is_some())?;
        let own = match &common {
            Some(common) => common.clone(),
            None => vectors(&lines.images.iter().collect::<Vec<_>>())?,
        };
        let texts: Vec<&str> = lines.texts.iter().map(|(text, _)| *text).collect();
        let texts: Vec<Vec<f32>> = pipeline.embed_texts(&texts)?.to_vec2().map_err(ModelError::from)?;
        let mut answers = Vec::with_capacity(batch.len());
        for ((line, vector), (text, place)) in batch.iter().zip(texts).zip(&lines.texts) {
            let Some(image) = own.get(place.unwrap_or(0)) else { continue };
            let similarity: f32 = vector.iter().zip(image).map(|(text, image)| text * image).sum();
            check_numbers("similarity", &[similarity])?;
            answers.push(Answer {
                text: format!("{similarity:.4}"),
                json: json!({ "text": line.text, "similarity": similarity }),
                is_cut: pipeline.is_truncated(text)?,
            });
        }
        Ok(answers)
    })
}
