//! Pixels of images.

use alambic_data::{Picture, Raster};

use crate::InferenceError;

/// Maximum ratio of an image's longer side to its shorter one: a model's input bounds the shorter one alone.
const MAX_ASPECT_RATIO: usize = 200;

/// Pixels of an image, if the proportion of its sides allows resizing.
pub(super) fn load_image(picture: &Picture) -> Result<Raster, InferenceError> {
    let raster = picture.load()?;
    check_aspect_ratio(&raster, &picture.name)?;
    Ok(raster)
}

/// Fails where the proportion of an image's sides does not allow resizing; `name` is what the error calls it.
pub(super) fn check_aspect_ratio(raster: &Raster, name: &str) -> Result<(), InferenceError> {
    let (shorter, longer) = (raster.width.min(raster.height), raster.width.max(raster.height));
    if longer > shorter.saturating_mul(MAX_ASPECT_RATIO) {
        return Err(InferenceError::Unsupported(format!(
            "the image {} has {} by {} pixels; its longer side may be at most {MAX_ASPECT_RATIO} times its shorter one",
            alambic_files::text::elided(name),
            raster.width,
            raster.height
        )));
    }
    Ok(())
}
