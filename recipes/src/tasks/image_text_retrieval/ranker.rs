//! Models that rank images by captions and captions by images.

use std::path::Path;

use alambic_data::Picture;
use alambic_inference::{
    ImageProcessor, ImageTextMatchingPipeline, LoadedModel, ProcessedImage, RetrievalPipeline,
};
use alambic_models::Config;

use crate::error::RunError;

/// A model that ranks: two towers, whose embeddings are compared, or a fusion encoder, which reads each pair.
pub(crate) enum Ranker {
    Towers(Box<RetrievalPipeline>),
    Fusion(Box<ImageTextMatchingPipeline>),
}

impl Ranker {
    /// Whether a model can rank.
    pub(crate) fn takes(config: &Config) -> bool {
        config.outline().pairs || ImageTextMatchingPipeline::is_scored_by(config)
    }

    /// The model of a folder.
    pub(crate) fn load(folder: &Path) -> Result<Self, RunError> {
        Self::from_model(&LoadedModel::load(folder)?)
    }

    /// A loaded model.
    pub(crate) fn from_model(model: &LoadedModel) -> Result<Self, RunError> {
        Ok(if model.config().outline().pairs {
            Self::Towers(Box::new(RetrievalPipeline::from_model(model)?))
        } else {
            Self::Fusion(Box::new(ImageTextMatchingPipeline::from_model(model)?))
        })
    }

    /// Whether it reads each text with each image.
    pub(crate) fn reads_pairs(&self) -> bool {
        matches!(self, Self::Fusion(_))
    }

    pub(crate) fn image_processor(&self) -> &ImageProcessor {
        match self {
            Self::Towers(pipeline) => pipeline.image_processor(),
            Self::Fusion(pipeline) => pipeline.image_processor(),
        }
    }
}

/// Scores of each of some captions with each of some images, a row a caption, by a model that reads them together.
pub(super) fn pair_scores(
    pipeline: &ImageTextMatchingPipeline,
    captions: &[&str],
    images: &[ProcessedImage],
) -> Result<Vec<Vec<f32>>, RunError> {
    let row = |caption: &&str| {
        let pairs: Vec<(&str, &ProcessedImage)> = images.iter().map(|image| (*caption, image)).collect();
        Ok(pipeline.scores(&pairs)?)
    };
    captions.iter().map(row).collect()
}

/// Places of the largest scores, the largest first and of equal ones the first.
///
/// # Errors
/// When a score is NaN or infinite, by which nothing can be ranked.
pub(super) fn best(scores: &[f32], count: usize) -> Result<Vec<usize>, RunError> {
    if scores.iter().any(|score| !score.is_finite()) {
        return Err(RunError::Recipe(
            "a model gives scores that are infinity or NaN, by which nothing can be ranked".into(),
        ));
    }
    let mut places: Vec<usize> = (0..scores.len()).collect();
    places.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]).then(one.cmp(&other)));
    places.truncate(count);
    Ok(places)
}

/// Whether a caption is true of a picture: it is one of its own, or says what a made-up scene shows.
pub(crate) fn is_told_by(picture: &Picture, caption: &str) -> bool {
    picture.captions.iter().any(|own| own.text == caption)
        || picture.scene_contents().is_some_and(|scene| scene.is_described_by(caption))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn largest_scores_go_first_and_nan_is_refused() {
        assert_eq!(best(&[0.5, 2.0, -1.0, 2.0], 3).unwrap(), [1, 3, 0]);
        assert!(best(&[], 3).unwrap().is_empty());
        assert!(best(&[0.5, f32::NAN], 1).is_err());
    }
}
