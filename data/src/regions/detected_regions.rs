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
            self.features =
                Arc::new(self.features[..(max_regions * self.width).min(self.features.len())].to_vec());
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
        blake3::hash(&bytes)
    }
}
