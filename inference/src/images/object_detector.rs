//! Object detection.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{DetectedRegions, Raster, RegionLabel, RegionLabels};
use alambic_files::digests::hash_file;
use alambic_models::detector::{CellBox, Detector, DetectorConfig, RegionSelection, cell, object_places};
use alambic_models::{
    Config, ImageNormalization, Images, ModelError, ModelFolder, Patches, TapSelection, vilt_size,
};

use super::region_selection;
use crate::InferenceError;

/// Probability of an attribute from which on a region has it.
const MIN_ATTRIBUTE: f32 = 0.05;

/// Detector of objects in images: regions, their features and tags.
#[derive(Debug, Clone)]
pub struct ObjectDetector {
    detector: Detector,
    digest: String,
}

/// What the network says of each object that the cells of an image may have.
struct CellOutputs {
    /// Rows and columns of cells.
    grid: [usize; 2],
    /// Logits that there is an object.
    objectness: Vec<f32>,
    bounds: Vec<[f32; 4]>,
    /// Logits of the classes.
    logits: Vec<Vec<f32>>,
    /// Confidence in each class: that there is an object, and that it is of the class.
    scores: Vec<Vec<f32>>,
    features: Vec<Vec<f32>>,
    /// Probabilities of attributes; none of a detector without.
    attributes: Vec<Vec<f32>>,
}

impl ObjectDetector {
    /// Loads the folder of a detector.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture is not a detector.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let Config::Detector(own) = &config else {
            return Err(InferenceError::Unsupported(format!(
                "{}: a detector is needed, and this is a {}",
                path.display(),
                config.model_type()
            )));
        };
        let weights = config.weights(&folder)?;
        let mut hasher = blake3::Hasher::new();
        for file in folder.weight_files()? {
            hash_file(&mut hasher, &file)?;
        }
        let digest = hasher.finalize().to_hex().to_string();
        Ok(Self { detector: Detector::new(own, &weights)?, digest })
    }

    /// Detector over a network in memory.
    #[must_use]
    pub fn new(detector: Detector) -> Self {
        Self { detector, digest: String::new() }
    }

    /// Configuration of the network.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        self.detector.config()
    }

    /// Digest of its weights, empty for weights in memory, and its tags.
    pub(crate) fn identity(&self) -> (&str, &[String]) {
        (&self.digest, &self.config().tags)
    }

    /// Image in the size of the detector's input.
    #[must_use]
    pub fn resize(config: &DetectorConfig, image: &Raster) -> Raster {
        let (width, height) = vilt_size((image.width, image.height), config.image_size, config.stride());
        image.resize(width, height)
    }

    /// Objects of an image, the likeliest first; the features of each are those from which its class and its box are predicted.
    ///
    /// # Errors
    /// When the image does not fit the detector.
    pub fn detect(&self, image: &Raster) -> Result<DetectedRegions, InferenceError> {
        Ok(self.regions(&self.outputs(image)?))
    }

    /// The same, and the probability of each attribute of objects whose edges are given, of the classes that are predicted at their
    /// places; empty of a detector without attributes.
    ///
    /// # Errors
    /// When the image does not fit the detector.
    pub fn detect_and_describe(
        &self,
        image: &Raster,
        objects: &[[f32; 4]],
    ) -> Result<(DetectedRegions, Vec<Vec<f32>>), InferenceError> {
        let outputs = self.outputs(image)?;
        let slots = self.config().slots;
        let places = object_places(objects, outputs.grid, slots).into_iter().zip(objects);
        let described = places.filter_map(|(place, bounds)| {
            // An object for which its cell has no room is read at the last place of the cell.
            let place = place.unwrap_or_else(|| (cell(*bounds, outputs.grid) + 1) * slots - 1);
            outputs.attributes.get(place).cloned()
        });
        Ok((self.regions(&outputs), described.collect()))
    }

    /// The regions that are chosen.
    fn regions(&self, outputs: &CellOutputs) -> DetectedRegions {
        let config = self.config();
        let kept = match config.selection {
            RegionSelection::Agnostic => {
                let CellOutputs { objectness, bounds, logits, scores, .. } = outputs;
                region_selection::agnostic(objectness, bounds, logits, scores)
            }
            RegionSelection::VinVl => region_selection::vinvl(&outputs.bounds, &outputs.scores),
        };
        let attributes = |place: usize| {
            let named = config.attributes.iter().zip(&outputs.attributes[place]);
            let mut all: Vec<(String, f32)> = named
                .filter(|(_, probability)| **probability >= MIN_ATTRIBUTE)
                .map(|(name, probability)| (name.clone(), *probability))
                .collect();
            all.sort_by(|one, other| other.1.total_cmp(&one.1));
            all
        };
        let features = kept.iter().flat_map(|own| outputs.features[own.place].iter().copied());
        // How sure it is of the class of an object that is there.
        let object = |own: &region_selection::Selected| {
            let class = softmax(&outputs.logits[own.place]).get(own.class).copied();
            RegionLabel { class: Some(own.class as u32), confidence: class.unwrap_or_default() }
        };
        let probabilities = kept.iter().flat_map(|own| softmax(&outputs.logits[own.place]));
        let attribute = |own: &region_selection::Selected| {
            let of = outputs.attributes.get(own.place);
            let best =
                of.and_then(|all| (0..all.len()).max_by(|&one, &other| all[one].total_cmp(&all[other])));
            let confidence = of.zip(best).map_or(0.0, |(all, best)| all[best]);
            RegionLabel { class: best.map(|best| best as u32), confidence }
        };
        DetectedRegions {
            width: config.hidden_size,
            features: Arc::new(features.collect()),
            bounds: kept.iter().map(|own| outputs.bounds[own.place]).collect(),
            tags: kept.iter().map(|own| config.tags.get(own.class).cloned().unwrap_or_default()).collect(),
            confidences: kept.iter().map(|own| own.confidence.clamp(0.0, 1.0)).collect(),
            attributes: if config.attributes.is_empty() {
                Vec::new()
            } else {
                kept.iter().map(|own| attributes(own.place)).collect()
            },
            labels: Some(RegionLabels {
                objects: kept.iter().map(object).collect(),
                attributes: kept.iter().map(attribute).collect(),
            }),
            classes: config.tags.len(),
            class_probabilities: Arc::new(probabilities.collect()),
        }
    }

    /// Runs the network over an image.
    fn outputs(&self, image: &Raster) -> Result<CellOutputs, InferenceError> {
        let config = self.detector.config();
        let image = Self::resize(config, image);
        let images =
            Images::of_rgb(&[(image.width, image.height, image.rgb.as_slice())], ImageNormalization::VILT)?;
        let patches = Patches::of(&images, config.patch_size)?;
        let grid = config.grid(patches.rectangle()?);
        let mut wanted = vec!["objectness", "boxes", "logits", "features"];
        if !config.attributes.is_empty() {
            wanted.push("attributes");
        }
        let trace = self.detector.trace(&patches, None, TapSelection::named(wanted))?;
        let rows = |tap: &str| -> Result<Vec<Vec<f32>>, InferenceError> {
            let tensor = trace.get(tap).ok_or_else(|| ModelError::MissingTensor(tap.to_owned()))?;
            let tensor = if tensor.rank() == 2 { tensor.unsqueeze(2) } else { Ok(tensor.clone()) };
            let rows = tensor.and_then(|tensor| tensor.squeeze(0)).and_then(|tensor| tensor.to_vec2());
            Ok(rows.map_err(ModelError::from)?)
        };
        let objectness: Vec<f32> = rows("objectness")?.concat();
        let bounds = |(place, numbers): (usize, Vec<f32>)| {
            let cell = place / config.slots;
            let numbers = [numbers[0], numbers[1], numbers[2], numbers[3]];
            CellBox { cell: [cell / grid[1], cell % grid[1]], numbers }.bounds(grid)
        };
        let logits = rows("logits")?;
        let scores = |(logits, objectness): (&Vec<f32>, &f32)| {
            let there = 1.0 / (1.0 + (-objectness).exp());
            softmax(logits).into_iter().map(|probability| there * probability).collect()
        };
        Ok(CellOutputs {
            grid,
            bounds: rows("boxes")?.into_iter().enumerate().map(bounds).collect(),
            scores: logits.iter().zip(&objectness).map(scores).collect(),
            logits,
            features: rows("features")?,
            attributes: if config.attributes.is_empty() {
                Vec::new()
            } else {
                rows("attributes")?.iter().map(|logits| softmax(logits)).collect()
            },
            objectness,
        })
    }
}

/// The softmax of logits.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exponentials: Vec<f32> = logits.iter().map(|logit| (logit - most).exp()).collect();
    let sum: f32 = exponentials.iter().sum();
    exponentials.into_iter().map(|value| value / sum).collect()
}

/// Intersection over union of two boxes, given by their left, top, right and bottom edges.
#[must_use]
pub fn box_iou(one: [f32; 4], other: [f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common = [one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])];
    let common = area(common);
    common / (area(one) + area(other) - common).max(f32::MIN_POSITIVE)
}
