//! Images as models read them.

use alambic_data::{DetectedRegions, Raster};

use crate::InferenceError;

/// Image in the form in which a model reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProcessedImage {
    /// All pixels, in the size of the model's input.
    Image(Raster),
    /// Regions with their features.
    Regions(DetectedRegions),
}

impl ProcessedImage {
    /// Bytes of its pixels or features in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Image(raster) => raster.rgb.len(),
            Self::Regions(found) => std::mem::size_of_val(found.features.as_slice()),
        }
    }

    pub(super) fn image(&self) -> Result<&Raster, InferenceError> {
        match self {
            Self::Image(raster) => Ok(raster),
            Self::Regions(_) => Err(other_processor("regions", "patches")),
        }
    }

    pub(super) fn regions(&self) -> Result<&DetectedRegions, InferenceError> {
        match self {
            Self::Regions(found) => Ok(found),
            Self::Image(_) => Err(other_processor("patches", "regions")),
        }
    }
}

fn other_processor(found: &str, expected: &str) -> InferenceError {
    InferenceError::Unsupported(format!(
        "an image was processed for a model that reads {found}; this one reads {expected}"
    ))
}
