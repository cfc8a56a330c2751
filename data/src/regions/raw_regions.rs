//! What a file says of an image's regions, checked for consistency.

use std::mem;
use std::sync::Arc;

use super::detected_regions::{DetectedRegions, RegionLabels};
use super::scored::{ScoredAttribute, check_confidences};
use crate::error::{OSCAR_PLACES, OSCAR_WIDTH, RegionFault};

/// How far over the edge of an image a box may be, as a share of the image: detectors round.
const TOLERANCE: f32 = 0.01;

/// An image's regions as a file has them.
#[derive(Debug, Default)]
pub(super) struct RawRegions {
    /// How many there are.
    pub(super) regions: usize,
    /// The features, region by region.
    pub(super) features: Vec<f32>,
    /// The boxes, where the file has them apart from the features.
    pub(super) boxes: Option<Boxes>,
    /// What each is, in words, where the file says it; else nothing.
    pub(super) tags: Vec<String>,
    /// Confidence in each of the tags, where the file says it; else nothing.
    pub(super) confidences: Vec<f32>,
    /// Attributes of each, where the file says them; else nothing.
    pub(super) attributes: Vec<Vec<ScoredAttribute>>,
    /// Classes of objects and attributes, where the file has them.
    pub(super) classes: Option<RegionLabels>,
    /// How likely each class is that of the object of a region, region by region, where the file says it; else nothing.
    pub(super) class_probabilities: Vec<f32>,
}

/// The boxes of an image's regions.
#[derive(Debug)]
pub(super) struct Boxes {
    /// Left, top, right and bottom edge, region by region.
    pub(super) numbers: Vec<f32>,
    /// Width and height of the image in pixels, where the file says so.
    pub(super) size: Option<[f32; 2]>,
}

/// Labels of an image's regions out of a file of tags.
#[derive(Debug)]
pub(super) struct Labels {
    /// Tag of each region, in words.
    pub(super) tags: Vec<String>,
    /// Where each is, if all say so.
    pub(super) boxes: Option<Boxes>,
    /// Confidence in each of the tags, where the file says it; else nothing.
    pub(super) confidences: Vec<f32>,
}

impl RawRegions {
    /// Numbers of a region's features.
    ///
    /// # Errors
    /// Where there is no region, or the features do not fit the regions, or are not finite.
    pub(super) fn width(&self) -> Result<usize, RegionFault> {
        let (numbers, regions) = (self.features.len(), self.regions);
        if regions == 0 {
            return Err(RegionFault::NoRegion);
        }
        if numbers == 0 || !numbers.is_multiple_of(regions) {
            return Err(RegionFault::FeatureCount { numbers, regions });
        }
        let width = numbers / regions;
        match self.features.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(RegionFault::NotFinite { what: "features", region: index / width + 1 }),
            None => Ok(width),
        }
    }

    /// The first regions of those that there are, with the boxes that the labels have if nothing else has any.
    ///
    /// # Errors
    /// Where features, boxes and number of regions disagree, and where numbers or boxes are none.
    pub(super) fn detected(
        mut self,
        labels: Option<Labels>,
        max_regions: usize,
    ) -> Result<DetectedRegions, RegionFault> {
        let width = self.width()?;
        let (mut tags, mut confidences, beside) = match labels {
            None => (mem::take(&mut self.tags), mem::take(&mut self.confidences), None),
            // Confidences of other tags say nothing of these.
            Some(Labels { tags, boxes, confidences }) => (tags, confidences, boxes),
        };
        check_confidences(&confidences, self.regions)?;
        let boxes = match self.boxes.take() {
            Some(boxes) => boxes,
            None if width == OSCAR_WIDTH => {
                let rows = self.features.chunks_exact(width);
                let numbers = rows.flat_map(|row| &row[OSCAR_PLACES]).copied().collect();
                Boxes { numbers, size: None }
            }
            None => beside.ok_or(RegionFault::NoBoxes(width))?,
        };
        let mut bounds = boxes.shares(self.regions)?;
        self.features.truncate(max_regions.saturating_mul(width));
        bounds.truncate(max_regions);
        tags.truncate(max_regions);
        confidences.truncate(max_regions);
        let mut attributes = self.attributes;
        attributes.truncate(max_regions);
        let features = Arc::new(self.features);
        let labels = self.classes.take();
        let classes = self.class_probabilities.len() / self.regions.max(1);
        self.class_probabilities.truncate(max_regions.saturating_mul(classes));
        let class_probabilities = Arc::new(self.class_probabilities);
        let mut found = DetectedRegions {
            width,
            features,
            bounds,
            tags,
            confidences,
            attributes,
            labels,
            classes,
            class_probabilities,
        };
        found.truncate_labels(max_regions);
        Ok(found)
    }
}

impl Boxes {
    /// Left, top, right and bottom edge of each region, as shares of the image. Numbers none of which is above one are
    /// shares already.
    fn shares(&self, regions: usize) -> Result<Vec<[f32; 4]>, RegionFault> {
        let (boxes, rest) = self.numbers.as_chunks::<4>();
        if boxes.len() != regions || !rest.is_empty() {
            return Err(RegionFault::BoxCount { numbers: self.numbers.len(), regions });
        }
        let pixels = self.numbers.iter().any(|&number| number > 1.0 + TOLERANCE);
        let [width, height] = match self.size {
            Some([width, height]) if !(width >= 1.0 && height >= 1.0 && (width * height).is_finite()) => {
                return Err(RegionFault::ImageSize(width.to_string(), height.to_string()));
            }
            Some(size) if pixels => size,
            _ => [1.0, 1.0],
        };
        let share = |(index, &[left, top, right, bottom]): (usize, &[f32; 4])| {
            let bounds = [left / width, top / height, right / width, bottom / height];
            if bounds.iter().any(|edge| !edge.is_finite()) {
                return Err(RegionFault::NotFinite { what: "bounds", region: index + 1 });
            }
            let within = bounds.iter().all(|edge| (-TOLERANCE..=1.0 + TOLERANCE).contains(edge));
            if !within || bounds[0] > bounds[2] || bounds[1] > bounds[3] {
                let bounds = format!("{left}, {top}, {right}, {bottom}");
                return Err(RegionFault::BoxOutside { region: index + 1, bounds });
            }
            Ok(bounds.map(|edge| edge.clamp(0.0, 1.0)))
        };
        boxes.iter().enumerate().map(share).collect()
    }
}
