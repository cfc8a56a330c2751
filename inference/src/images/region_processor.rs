//! Image processing for models that read regions.

use std::sync::Arc;

use alambic_data::{DetectedRegions, Picture, Pixels, Raster};
use alambic_models::{ModelError, RegionInput, Regions};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use super::load::load_image;
use super::object_detector::ObjectDetector;
use super::processed_image::ProcessedImage;
use crate::InferenceError;

/// Position features of a region: left, top, right and bottom edge, width and height, as shares of the image's sides.
pub const POSITION_FEATURES: usize = 6;

/// Maximum number of regions of an image for models whose configuration does not say it.
pub(crate) const DEFAULT_REGIONS: usize = 36;

/// Regions of images with their features, as a model reads them.
#[derive(Debug, Clone)]
pub struct RegionProcessor {
    /// Finds the regions of images that come without.
    detector: Option<Arc<ObjectDetector>>,
    /// Maximum number of regions of an image.
    max_regions: usize,
    /// Numbers of a region that the model reads, its position included unless that stands apart.
    feature_width: usize,
    /// Numbers of a position that stands apart; 0 where it is among the features, or not read.
    position_width: usize,
    /// Whether the tags of the regions are a second text.
    has_tags: bool,
    /// Images that a text is about, each of which is read by itself.
    images: usize,
}

impl RegionProcessor {
    /// Processor of a model's image input; `detector` finds the regions of images that come without.
    pub(super) fn new(input: RegionInput, detector: Option<Arc<ObjectDetector>>) -> Self {
        Self {
            detector,
            max_regions: input.max_regions.unwrap_or(DEFAULT_REGIONS),
            feature_width: input.features,
            position_width: input.box_numbers,
            has_tags: input.reads_tags,
            images: input.images,
        }
    }

    /// Whether the tags of regions are a second text of the model.
    #[must_use]
    pub fn has_tags(&self) -> bool {
        self.has_tags
    }

    /// Whether it finds the regions of images that come without.
    #[must_use]
    pub fn has_detector(&self) -> bool {
        self.detector.is_some()
    }

    /// Whether both read the same regions in the same form.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        let form =
            |own: &Self| (own.max_regions, own.feature_width, own.position_width, own.has_tags, own.images);
        form(self) == form(other)
            && self.detector.as_ref().map(|detector| detector.identity())
                == other.detector.as_ref().map(|detector| detector.identity())
    }

    /// Regions of an image, or of each of the images that a text is about.
    pub(super) fn process(&self, picture: &Picture) -> Result<ProcessedImage, InferenceError> {
        if self.images == 1 {
            return Ok(ProcessedImage::Regions(self.regions_of(picture)?));
        }
        match &picture.pixels {
            Pixels::Joined(parts) if parts.len() == self.images => {
                let found = parts.iter().map(|part| self.regions_of(part));
                Ok(ProcessedImage::Several(found.collect::<Result<_, _>>()?))
            }
            _ => Err(InferenceError::Unsupported(format!(
                "the model reads texts about {} images side by side, and {} is {}",
                self.images,
                alambic_files::text::elided(&picture.name),
                match &picture.pixels {
                    Pixels::Joined(parts) => format!("made of {}", parts.len()),
                    _ => "one".to_owned(),
                }
            ))),
        }
    }

    /// Images that a text is about.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Regions of an image, those of its corpus or else the detector's.
    fn regions_of(&self, picture: &Picture) -> Result<DetectedRegions, InferenceError> {
        let mut found = match (&picture.regions, &self.detector) {
            (Some(found), _) => found.load()?,
            (None, Some(detector)) => detector.detect(&load_image(picture)?)?,
            (None, None) => {
                return Err(InferenceError::Unsupported(format!(
                    "the model reads regions: its folder has no detector, and there are none for {}",
                    alambic_files::text::elided(&picture.name)
                )));
            }
        };
        found.truncate(self.max_regions);
        Ok(found)
    }

    /// Regions that the detector finds in pixels.
    pub(super) fn detect(&self, raster: &Raster, name: &str) -> Result<DetectedRegions, InferenceError> {
        let Some(detector) = &self.detector else {
            return Err(InferenceError::Unsupported(format!(
                "the model reads regions: its folder has no detector for the view of {}",
                alambic_files::text::elided(name)
            )));
        };
        let mut found = detector.detect(raster)?;
        found.truncate(self.max_regions);
        Ok(found)
    }

    /// Numbers of a region that the model reads, its position included unless that stands apart.
    #[must_use]
    pub fn feature_width(&self) -> usize {
        self.feature_width
    }

    /// Whether regions of `width` features fit the model: published ones may have the position behind them already, for models
    /// that read it there or apart.
    #[must_use]
    pub fn is_compatible_width(&self, width: usize) -> bool {
        [width, width + POSITION_FEATURES, width.saturating_sub(POSITION_FEATURES)]
            .contains(&self.feature_width)
    }

    /// Regions of images padded to the most of an image, at least one; those of the images of one text lie one behind another.
    pub(super) fn batch(&self, images: &[&ProcessedImage]) -> Result<Regions, InferenceError> {
        let found: Vec<&[DetectedRegions]> =
            images.iter().map(|image| image.regions(self.images)).collect::<Result<_, _>>()?;
        let found: Vec<&DetectedRegions> = found.into_iter().flatten().collect();
        let (batch, most) = (found.len(), found.iter().map(|own| own.bounds.len()).max().unwrap_or(0).max(1));
        let mut features = vec![0.0; batch * most * self.feature_width];
        let mut positions = vec![0.0; batch * most * self.position_width];
        let mut mask = vec![0; batch * most];
        for (row, own) in found.iter().enumerate() {
            if !self.is_compatible_width(own.width) {
                return Err(InferenceError::Unsupported(format!(
                    "regions have {} features; the model reads {}",
                    own.width, self.feature_width
                )));
            }
            for (index, &bounds) in own.bounds.iter().enumerate() {
                let region = row * most + index;
                let numbers =
                    own.features.get(index * own.width..(index + 1) * own.width).unwrap_or_default();
                let position = position(bounds);
                let own_features =
                    &mut features[region * self.feature_width..(region + 1) * self.feature_width];
                for (read, number) in own_features.iter_mut().zip(numbers.iter().chain(&position)) {
                    *read = *number;
                }
                positions[region * self.position_width..(region + 1) * self.position_width]
                    .copy_from_slice(&position[..self.position_width]);
                mask[region] = 1;
            }
        }
        let tensor = |values: Vec<f32>, width: usize| {
            Tensor::from_vec(values, (batch, most, width), device::current()).map_err(ModelError::from)
        };
        Ok(Regions {
            features: tensor(features, self.feature_width)?,
            boxes: (self.position_width > 0).then(|| tensor(positions, self.position_width)).transpose()?,
            mask: Arc::new(mask),
        })
    }
}

/// Position features of a region, as Oscar has them.
fn position([left, top, right, bottom]: [f32; 4]) -> [f32; POSITION_FEATURES] {
    [left, top, right, bottom, right - left, bottom - top]
}
