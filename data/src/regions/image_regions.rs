//! Regions of an image whose features are in memory, or still in the file that they come from.

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::detected_regions::{DetectedRegions, RegionLabels};
use super::feature_place::{FeaturePlace, open};
use super::{features, npz};
use crate::arrays::decoded;
use crate::error::{DataError, Fault, RegionFault};
use crate::shape_boxes::ShapeBoxes;

/// Regions of an image, whose features are in memory or in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageRegions {
    /// Without features if these are in a file.
    found: DetectedRegions,
    origin: Option<FeaturePlace>,
}

impl ImageRegions {
    /// Regions whose features are held in memory.
    pub(super) fn held(found: DetectedRegions) -> Self {
        Self { found, origin: None }
    }

    /// The same regions, their features to be read again when they are needed.
    pub(super) fn filed(found: DetectedRegions, origin: FeaturePlace) -> Self {
        let found =
            DetectedRegions { features: Arc::default(), class_probabilities: Arc::default(), ..found };
        Self { found, origin: Some(origin) }
    }

    /// Regions of boxes of shapes: each box, and each shape; their features are drawn when they are needed.
    pub(crate) fn drawn(boxes: Arc<ShapeBoxes>) -> Self {
        Self::filed(boxes.regions(), FeaturePlace::Drawing(boxes))
    }

    /// Whether they are those of a drawing, and come from no file.
    pub(crate) fn are_drawn(&self) -> bool {
        matches!(self.origin, Some(FeaturePlace::Drawing(_)))
    }

    /// Classes of the objects of regions and of their attributes; none where they are not known.
    #[must_use]
    pub fn labels(&self) -> Option<&RegionLabels> {
        self.found.labels.as_ref()
    }

    /// Classes of objects whose probabilities are known of each region; 0 where none are.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.found.classes
    }

    /// Numbers of one region's features.
    #[must_use]
    pub fn width(&self) -> usize {
        self.found.width
    }

    /// Left, top, right and bottom edge of each, as shares of the image's width and height.
    #[must_use]
    pub fn bounds(&self) -> &[[f32; 4]] {
        &self.found.bounds
    }

    /// Tag of each region, in words; empty where there are none.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.found.tags
    }

    /// The regions with their features.
    ///
    /// # Errors
    /// When the file of the features has changed, or cannot be read any more.
    pub fn load(&self) -> Result<DetectedRegions, DataError> {
        let Some(origin) = &self.origin else { return Ok(self.found.clone()) };
        let read = origin.numbers().map_err(|fault| DataError::new(origin.place(), fault))?;
        let [features, class_probabilities] = read;
        let whole = |mut numbers: Vec<f32>, width: usize| {
            let expected = self.found.regions() * width;
            if numbers.len() < expected {
                return Err(DataError::new(origin.place(), RegionFault::FileChanged.into()));
            }
            numbers.truncate(expected);
            Ok(Arc::new(numbers))
        };
        Ok(DetectedRegions {
            features: whole(features, self.found.width)?,
            class_probabilities: whole(class_probabilities, self.found.classes)?,
            ..self.found.clone()
        })
    }
}

impl FeaturePlace {
    /// The features and the probabilities of classes, read again.
    fn numbers(&self) -> Result<[Vec<f32>; 2], Fault> {
        let unreadable = |error: std::io::Error| Fault::Unreadable(error.to_string());
        let bytes = |path: &Path, start: u64, length: usize| {
            let mut file = open(path)?;
            file.seek(SeekFrom::Start(start)).map_err(unreadable)?;
            let mut bytes = Vec::with_capacity(length);
            file.take(length as u64).read_to_end(&mut bytes).map_err(unreadable)?;
            Ok::<_, Fault>(bytes)
        };
        let features = match self {
            Self::Line { path, start, length } => features::of_line(&bytes(path, *start, *length)?)?.features,
            Self::Archive(path) => {
                let read = npz::parse(path)?;
                return Ok([read.features, read.class_probabilities]);
            }
            Self::Drawing(boxes) => boxes.features(),
            Self::Tensor { path, start, length, dtype } => {
                let bytes = bytes(path, *start, *length)?;
                decoded(*dtype, &bytes).unwrap_or_default()
            }
        };
        Ok([features, Vec::new()])
    }
}
