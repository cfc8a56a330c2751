//! Object detection.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{DetectedRegions, Raster, RegionLabel, RegionLabels};
use alambic_files::digests::hash_file;
use alambic_models::detector::{CellBox, Detector, DetectorConfig};
use alambic_models::{
    Config, ImageNormalization, Images, ModelError, ModelFolder, Patches, TapSelection, tap, vilt_size,
};

use crate::InferenceError;

/// Minimum probability of an object in a cell.
const MIN_PROBABILITY: f32 = 0.4;

/// Maximum intersection over union of two regions of an image; of two that overlap more the likelier one is kept.
const MAX_OVERLAP: f32 = 0.5;

/// Detector of objects in images: regions, their features and tags.
#[derive(Debug, Clone)]
pub struct ObjectDetector {
    detector: Detector,
    digest: String,
}

/// Object that a cell predicts.
struct Candidate {
    cell: usize,
    logit: f32,
    bounds: [f32; 4],
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
        let (width, height) = vilt_size((image.width, image.height), config.image_size, config.patch_size);
        image.resize(width, height)
    }

    /// Objects of an image, the likeliest first; the features of each are the hidden state of its cell.
    ///
    /// # Errors
    /// When the image does not fit the detector.
    pub fn detect(&self, image: &Raster) -> Result<DetectedRegions, InferenceError> {
        let config = self.detector.config();
        let image = Self::resize(config, image);
        let images =
            Images::of_rgb(&[(image.width, image.height, image.rgb.as_slice())], ImageNormalization::VILT)?;
        let patches = Patches::of(&images, config.patch_size)?;
        let grid = patches.rectangle()?;
        let features = tap("", "hidden", config.num_hidden_layers);
        let wanted = ["objectness", "boxes", "logits", features.as_str()];
        let trace = self.detector.trace(&patches, TapSelection::named(wanted))?;
        let rows = |tap: &str| -> Result<Vec<Vec<f32>>, InferenceError> {
            let tensor = trace.get(tap).ok_or_else(|| ModelError::MissingTensor(tap.to_owned()))?;
            let tensor = if tensor.rank() == 2 { tensor.unsqueeze(2) } else { Ok(tensor.clone()) };
            let rows = tensor.and_then(|tensor| tensor.squeeze(0)).and_then(|tensor| tensor.to_vec2());
            Ok(rows.map_err(ModelError::from)?)
        };
        let (objectness, boxes, tags, cells) =
            (rows("objectness")?, rows("boxes")?, rows("logits")?, rows(&features)?);
        let min_logit = (MIN_PROBABILITY / (1.0 - MIN_PROBABILITY)).ln();
        let mut candidates: Vec<Candidate> = Vec::new();
        for (cell, (logit, numbers)) in objectness.iter().zip(&boxes).enumerate() {
            let (logit, numbers) = (logit[0], [numbers[0], numbers[1], numbers[2], numbers[3]]);
            if logit >= min_logit {
                let place = [cell / grid[1], cell % grid[1]];
                let bounds = CellBox { cell: place, numbers }.bounds(grid);
                candidates.push(Candidate { cell, logit, bounds });
            }
        }
        candidates.sort_by(|one, other| other.logit.total_cmp(&one.logit).then(one.cell.cmp(&other.cell)));
        let mut kept: Vec<Candidate> = Vec::new();
        for next in candidates {
            if kept.iter().all(|other| box_iou(other.bounds, next.bounds) <= MAX_OVERLAP) {
                kept.push(next);
            }
        }
        let best = |cell: usize| {
            let row = &tags[cell];
            (0..row.len()).max_by(|&one, &other| row[one].total_cmp(&row[other]).then(other.cmp(&one)))
        };
        let tag =
            |cell: usize| best(cell).and_then(|index| config.tags.get(index).cloned()).unwrap_or_default();
        // How sure it is of the class of an object that is there.
        let object = |cell: usize| {
            let (row, class) = (&tags[cell], best(cell));
            let largest = class.map_or(0.0, |class| row[class]);
            let sum: f32 = row.iter().map(|logit| (logit - largest).exp()).sum();
            RegionLabel { class: class.map(|class| class as u32), confidence: 1.0 / sum.max(1.0) }
        };
        let unknown = RegionLabel { class: None, confidence: 0.0 };
        Ok(DetectedRegions {
            width: config.hidden_size,
            features: Arc::new(kept.iter().flat_map(|own| cells[own.cell].iter().copied()).collect()),
            bounds: kept.iter().map(|own| own.bounds).collect(),
            tags: kept.iter().map(|own| tag(own.cell)).collect(),
            labels: Some(RegionLabels {
                objects: kept.iter().map(|own| object(own.cell)).collect(),
                attributes: vec![unknown; kept.len()],
            }),
        })
    }
}

/// Intersection over union of two boxes, given by their left, top, right and bottom edges.
#[must_use]
pub fn box_iou(one: [f32; 4], other: [f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common = [one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])];
    let common = area(common);
    common / (area(one) + area(other) - common).max(f32::MIN_POSITIVE)
}
