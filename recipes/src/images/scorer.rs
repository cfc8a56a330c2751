//! Images as a scorer sees them, a dual encoder that was trained on others.

use alambic_data::Raster;
use alambic_inference::{ProcessedImage, RetrievalPipeline};
use rayon::prelude::*;

use crate::error::RunError;

/// Images as the scorer reads them.
pub(crate) fn processed(
    scorer: &RetrievalPipeline,
    images: &[Raster],
) -> Result<Vec<ProcessedImage>, RunError> {
    let processor = scorer.image_processor();
    let of = |image: &Raster| Ok(processor.process_raster(image, "drawn")?);
    images.par_iter().map(of).collect()
}

/// How far each image is from the one that it was made of, by the scorer's states of patches; none where it gives none.
pub(crate) fn state_distances(
    scorer: &RetrievalPipeline,
    made: &[Raster],
    real: &[Raster],
) -> Result<Vec<Option<f64>>, RunError> {
    let (made, real) = (processed(scorer, made)?, processed(scorer, real)?);
    let pairs: Vec<[&ProcessedImage; 2]> = made.iter().zip(&real).map(|(one, other)| [one, other]).collect();
    let distances = scorer.patch_state_distances(&pairs)?;
    Ok(distances.map_or_else(|| vec![None; pairs.len()], |all| all.into_iter().map(Some).collect()))
}
