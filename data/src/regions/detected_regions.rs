//! Regions of an image.

use std::sync::Arc;

/// Regions that a detector found in an image.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DetectedRegions {
    /// Numbers of one region's features.
    pub width: usize,
    /// `[regions, width]`, row by row.
    pub features: Arc<Vec<f32>>,
    /// Left, top, right and bottom edge of each, as shares of the image's width and height.
    pub bounds: Vec<[f32; 4]>,
    /// Tag of each region, in words; empty where there are none.
    pub tags: Vec<String>,
    /// Confidence in the tag of each region, from 0 to 1; empty where it is not known.
    pub confidences: Vec<f32>,
    /// Attributes of each region with the confidence in each, the likeliest first; empty where there are none.
    pub attributes: Vec<Vec<(String, f32)>>,
    /// Classes of the object of each region and of its attribute; none where they are not known.
    pub labels: Option<RegionLabels>,
    /// Classes that [`Self::class_probabilities`] are of; 0 where these are not known.
    pub classes: usize,
    /// `[regions, classes]`: how likely each class is that of the object of a region, row by row; empty where it is not known, and of
    /// regions whose features are still in a file.
    pub class_probabilities: Arc<Vec<f32>>,
}

/// Classes of the objects of regions and of their attributes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionLabels {
    /// Object of each region.
    pub objects: Vec<RegionLabel>,
    /// Attribute of the object of each region.
    pub attributes: Vec<RegionLabel>,
}

/// A class, and how sure a detector is of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RegionLabel {
    /// The class; none where it is not known.
    pub class: Option<u32>,
    /// From 0 to 1.
    pub confidence: f32,
}

impl RegionLabels {
    fn truncate(&mut self, max_regions: usize) {
        self.objects.truncate(max_regions);
        self.attributes.truncate(max_regions);
    }
}

impl DetectedRegions {
    /// Number of regions; at least one of an image whose files are read.
    #[must_use]
    pub fn regions(&self) -> usize {
        self.bounds.len()
    }

    /// Leaves the first of the regions, at most so many.
    pub fn truncate(&mut self, max_regions: usize) {
        if self.bounds.len() > max_regions {
            self.bounds.truncate(max_regions);
            self.tags.truncate(max_regions);
            self.confidences.truncate(max_regions);
            self.attributes.truncate(max_regions);
            self.truncate_labels(max_regions);
            self.features = first_rows(&self.features, max_regions * self.width);
            self.class_probabilities = first_rows(&self.class_probabilities, max_regions * self.classes);
        }
    }

    /// Leaves the classes of the first of the regions.
    pub(super) fn truncate_labels(&mut self, max_regions: usize) {
        if let Some(labels) = &mut self.labels {
            labels.truncate(max_regions);
        }
    }

    /// A fingerprint of all of it.
    pub(super) fn digest(&self) -> blake3::Hash {
        let mut bytes = Vec::new();
        bytes.extend((self.regions() as u64).to_le_bytes());
        bytes.extend((self.width as u64).to_le_bytes());
        let numbers = self.features.iter().chain(self.bounds.as_flattened());
        bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
        for tag in &self.tags {
            bytes.extend(tag.as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend(self.confidences.iter().flat_map(|number| number.to_le_bytes()));
        for (attribute, confidence) in self.attributes.iter().flatten() {
            bytes.extend(attribute.as_bytes());
            bytes.extend(confidence.to_le_bytes());
        }
        bytes.extend(self.class_probabilities.iter().flat_map(|number| number.to_le_bytes()));
        for labels in self.labels.iter().flat_map(|labels| [&labels.objects, &labels.attributes]) {
            for RegionLabel { class, confidence } in labels {
                bytes.extend(class.map_or(-1, i64::from).to_le_bytes());
                bytes.extend(confidence.to_le_bytes());
            }
        }
        blake3::hash(&bytes)
    }
}

/// The first numbers, at most so many.
fn first_rows(numbers: &[f32], count: usize) -> Arc<Vec<f32>> {
    Arc::new(numbers[..count.min(numbers.len())].to_vec())
}
