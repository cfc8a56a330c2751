//! Images as models read them.

use alambic_data::{DetectedRegions, Picture, Raster};

use crate::InferenceError;

/// Image in the form in which a model reads it.
#[derive(Debug, Clone, PartialEq)]
pub enum ProcessedImage {
    /// All pixels, in the size of the model's input.
    Image(Raster),
    /// Regions with their features.
    Regions(DetectedRegions),
    /// Regions of several images that a text is about, for a model that reads each by itself.
    Several(Vec<DetectedRegions>),
}

impl ProcessedImage {
    /// Bytes of its pixels, or of the numbers of its regions, in memory.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_regions = |found: &DetectedRegions| {
            std::mem::size_of_val(found.features.as_slice())
                + std::mem::size_of_val(found.class_probabilities.as_slice())
        };
        match self {
            Self::Image(raster) => raster.rgb.len(),
            Self::Regions(found) => of_regions(found),
            Self::Several(all) => all.iter().map(of_regions).sum(),
        }
    }

    /// The same with its parts in another order, those of `picture`; see [`Picture::reordered`]. None where pixels have to be drawn
    /// anew.
    #[must_use]
    pub fn reordered(&self, picture: &Picture, order: &[usize]) -> Option<Self> {
        match (self, &picture.regions) {
            (Self::Several(all), _) => {
                Some(Self::Several(order.iter().filter_map(|&part| all.get(part).cloned()).collect()))
            }
            // Boxes and shapes keep their features, and are in other places.
            (Self::Regions(found), Some(_)) => {
                let bounds = picture.reordered(order).regions.as_ref()?.bounds().to_vec();
                (bounds.len() >= found.bounds.len()).then(|| {
                    let bounds = bounds[..found.bounds.len()].to_vec();
                    Self::Regions(DetectedRegions { bounds, ..found.clone() })
                })
            }
            _ => None,
        }
    }

    pub(super) fn image(&self) -> Result<&Raster, InferenceError> {
        match self {
            Self::Image(raster) => Ok(raster),
            Self::Regions(_) | Self::Several(_) => Err(other_processor("regions", "patches")),
        }
    }

    /// Regions of its images, `images` of them.
    pub(super) fn regions(&self, images: usize) -> Result<&[DetectedRegions], InferenceError> {
        let found = self.detected();
        match self {
            Self::Image(_) => Err(other_processor("patches", "regions")),
            _ if found.len() == images => Ok(found),
            _ => Err(InferenceError::Unsupported(format!(
                "the regions of {} images were found for a text; the model reads those of {images}",
                found.len()
            ))),
        }
    }

    /// Regions of its images, one after another; none of pixels.
    #[must_use]
    pub fn detected(&self) -> &[DetectedRegions] {
        match self {
            Self::Image(_) => &[],
            Self::Regions(found) => std::slice::from_ref(found),
            Self::Several(all) => all,
        }
    }
}

fn other_processor(found: &str, expected: &str) -> InferenceError {
    InferenceError::Unsupported(format!(
        "an image was processed for a model that reads {found}; this one reads {expected}"
    ))
}
