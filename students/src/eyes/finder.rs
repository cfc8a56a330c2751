//! Running a detector.

use std::path::Path;
use std::sync::Arc;

use alambic_data::{DetectedRegions, Raster};
use alambic_files::digests::hash_file;
use alambic_models::detector::{CellBox, Detector, DetectorConfig};
use alambic_models::{
    Config, ImageNormalization, Images, ModelError, ModelFolder, Patches, TapSelection, tap, vilt_size,
};

use crate::StudentError;

/// The least probability at which a cell is believed to have an object.
const LEAST: f32 = 0.4;

/// Of two regions that overlap by more than this, intersection over union, the likelier one is kept.
const OVERLAP: f32 = 0.5;

/// Finds objects in images: regions, their features and tags.
#[derive(Debug, Clone)]
pub struct Finder {
    detector: Detector,
    digest: String,
}

/// An object as a cell believes it to be.
struct Believed {
    cell: usize,
    logit: f32,
    bounds: [f32; 4],
}

impl Finder {
    /// Loads the folder of a detector.
    ///
    /// # Errors
    /// When a file is missing or broken, or it is no detector.
    pub fn load(path: &Path) -> Result<Self, StudentError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let Config::Detector(own) = &config else {
            return Err(StudentError::Size(format!(
                "{}: a detector is needed, and a {} is none",
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

    /// The detector over weights in memory.
    #[must_use]
    pub fn new(detector: Detector) -> Self {
        Self { detector, digest: String::new() }
    }

    /// The detector's configuration.
    #[must_use]
    pub fn config(&self) -> &DetectorConfig {
        self.detector.config()
    }

    /// A digest of its weights, empty for weights in memory, and what it calls things.
    pub(crate) fn identity(&self) -> (&str, &[String]) {
        (&self.digest, &self.config().tags)
    }

    /// An image in the size in which the detector reads it.
    #[must_use]
    pub fn fit(config: &DetectorConfig, image: &Raster) -> Raster {
        let (width, height) = vilt_size((image.width, image.height), config.image_size, config.patch_size);
        image.resize(width, height)
    }

    /// The objects of an image, the likeliest first; their features are those of the cells that found them.
    ///
    /// # Errors
    /// When the image does not fit the detector.
    pub fn find(&self, image: &Raster) -> Result<DetectedRegions, StudentError> {
        let config = self.detector.config();
        let image = Self::fit(config, image);
        let images =
            Images::of_rgb(&[(image.width, image.height, image.rgb.as_slice())], ImageNormalization::VILT)?;
        let patches = Patches::of(&images, config.patch_size)?;
        let grid = patches.rectangle()?;
        let features = tap("", "hidden", config.num_hidden_layers);
        let wanted = ["objectness", "boxes", "logits", features.as_str()];
        let trace = self.detector.trace(&patches, TapSelection::named(wanted))?;
        let rows = |tap: &str| -> Result<Vec<Vec<f32>>, StudentError> {
            let tensor = trace.get(tap).ok_or_else(|| ModelError::MissingTensor(tap.to_owned()))?;
            let tensor = if tensor.rank() == 2 { tensor.unsqueeze(2) } else { Ok(tensor.clone()) };
            let rows = tensor.and_then(|tensor| tensor.squeeze(0)).and_then(|tensor| tensor.to_vec2());
            Ok(rows.map_err(ModelError::from)?)
        };
        let (objectness, boxes, tags, cells) =
            (rows("objectness")?, rows("boxes")?, rows("logits")?, rows(&features)?);
        let least = (LEAST / (1.0 - LEAST)).ln();
        let mut believed: Vec<Believed> = Vec::new();
        for (cell, (logit, numbers)) in objectness.iter().zip(&boxes).enumerate() {
            let (logit, numbers) = (logit[0], [numbers[0], numbers[1], numbers[2], numbers[3]]);
            if logit >= least {
                let place = [cell / grid[1], cell % grid[1]];
                let bounds = CellBox { cell: place, numbers }.bounds(grid);
                believed.push(Believed { cell, logit, bounds });
            }
        }
        believed.sort_by(|one, other| other.logit.total_cmp(&one.logit).then(one.cell.cmp(&other.cell)));
        let mut kept: Vec<Believed> = Vec::new();
        for next in believed {
            if kept.iter().all(|other| overlap(other.bounds, next.bounds) <= OVERLAP) {
                kept.push(next);
            }
        }
        let tag = |cell: usize| {
            let row = &tags[cell];
            let best =
                (0..row.len()).max_by(|&one, &other| row[one].total_cmp(&row[other]).then(other.cmp(&one)));
            best.and_then(|index| config.tags.get(index).cloned()).unwrap_or_default()
        };
        Ok(DetectedRegions {
            width: config.hidden_size,
            features: Arc::new(kept.iter().flat_map(|own| cells[own.cell].iter().copied()).collect()),
            bounds: kept.iter().map(|own| own.bounds).collect(),
            tags: kept.iter().map(|own| tag(own.cell)).collect(),
        })
    }
}

/// Intersection over union of two boxes, given by their left, top, right and bottom edges.
#[must_use]
pub fn overlap(one: [f32; 4], other: [f32; 4]) -> f32 {
    let area = |[left, top, right, bottom]: [f32; 4]| (right - left).max(0.0) * (bottom - top).max(0.0);
    let common = [one[0].max(other[0]), one[1].max(other[1]), one[2].min(other[2]), one[3].min(other[3])];
    let common = area(common);
    common / (area(one) + area(other) - common).max(f32::MIN_POSITIVE)
}
