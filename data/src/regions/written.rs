//! Regions as they are written: rows of VinVL's predictions and of LXMERT's features.

use alambic_settings::choices;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::detected_regions::DetectedRegions;

choices! {
    /// Layout of a file of regions.
    pub enum RegionLayout {
        /// VinVL's `predictions.tsv`: id and JSON with `objects`, each with `rect`, `class`, `conf`, `attributes`, `attr_scores` and
        /// `feature`.
        VinVl = "vinvl",
        /// LXMERT's TSV: id, height and width, numbers and confidence of objects and of attributes, number of regions, boxes, features.
        Lxmert = "lxmert",
    }
}

/// Names that numbers of classes and attributes stand for, as a detector has them.
#[derive(Debug, Clone, Copy)]
pub struct RegionVocabulary<'a> {
    /// Classes of objects.
    pub objects: &'a [String],
    /// Attributes; none of a detector without.
    pub attributes: &'a [String],
}

impl DetectedRegions {
    /// A line of a file of regions without its end: the regions of the image of an id, which has so many pixels in width and
    /// height. Numbers are of 32 bits, the low byte first; boxes are in pixels. An object whose class or attribute the
    /// vocabulary does not have, or that has none, has the number -1 with confidence 0.
    #[must_use]
    pub fn to_row(
        &self,
        layout: RegionLayout,
        id: &str,
        size: (usize, usize),
        vocabulary: RegionVocabulary<'_>,
    ) -> String {
        match layout {
            RegionLayout::VinVl => format!("{id}\t{}", self.to_json(size)),
            RegionLayout::Lxmert => {
                let number = |names: &[String], name: &str| {
                    names.iter().position(|own| own == name).map_or(-1, |place| place as i64)
                };
                let regions = self.regions();
                let objects = self.tags.iter().map(|tag| number(vocabulary.objects, tag));
                let confidences = (0..regions).map(|region| self.confidence(region));
                let likeliest = |region: usize| {
                    let own = self.attributes.get(region).and_then(|own| own.first());
                    own.map_or((-1, 0.0), |(name, confidence)| {
                        (number(vocabulary.attributes, name), *confidence)
                    })
                };
                let (attributes, sure): (Vec<i64>, Vec<f32>) = (0..regions).map(likeliest).unzip();
                let (width, height) = size;
                let columns = [
                    id.to_owned(),
                    height.to_string(),
                    width.to_string(),
                    integers(objects.chain(std::iter::repeat(-1)).take(regions)),
                    floats(confidences),
                    integers(attributes),
                    floats(sure),
                    regions.to_string(),
                    floats((0..regions).flat_map(|region| self.pixels(region, size))),
                    floats(self.features.iter().copied()),
                ];
                columns.join("\t")
            }
        }
    }

    /// The object of a row of VinVL's predictions.
    fn to_json(&self, size: (usize, usize)) -> Value {
        let object = |region: usize| {
            let features = &self.features[region * self.width..(region + 1) * self.width];
            let mut object = json!({
                "rect": self.pixels(region, size),
                "bbox_id": region,
                "class": self.tags.get(region),
                "conf": self.confidence(region),
                "feature": floats(features.iter().copied()),
            });
            if let Some(attributes) = self.attributes.get(region) {
                object["attributes"] = attributes.iter().map(|(name, _)| name.as_str()).collect();
                object["attr_scores"] = attributes.iter().map(|(_, confidence)| *confidence).collect();
            }
            object
        };
        let objects: Vec<Value> = (0..self.regions()).map(object).collect();
        json!({ "image_w": size.0, "image_h": size.1, "num_boxes": objects.len(), "objects": objects })
    }

    /// Confidence in the tag of a region; 1 where it is not known.
    #[must_use]
    pub fn confidence(&self, region: usize) -> f32 {
        self.confidences.get(region).copied().unwrap_or(1.0)
    }

    /// Left, top, right and bottom edge of a region in pixels.
    fn pixels(&self, region: usize, (width, height): (usize, usize)) -> [f32; 4] {
        let [left, top, right, bottom] = self.bounds[region];
        let (width, height) = (width as f32, height as f32);
        [left * width, top * height, right * width, bottom * height]
    }
}

/// Numbers of 32 bits in base64.
fn floats(numbers: impl IntoIterator<Item = f32>) -> String {
    let bytes: Vec<u8> = numbers.into_iter().flat_map(f32::to_le_bytes).collect();
    BASE64_STANDARD.encode(bytes)
}

/// Whole numbers of 64 bits in base64.
fn integers(numbers: impl IntoIterator<Item = i64>) -> String {
    let bytes: Vec<u8> = numbers.into_iter().flat_map(i64::to_le_bytes).collect();
    BASE64_STANDARD.encode(bytes)
}
