//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::DetectorConfig;
use super::model::Detector;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PatchInput};
use crate::model_config::{ModelConfig, Role};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for DetectorConfig {
    fn model_types() -> &'static [&'static str] {
        &["detector"]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "detector"
    }

    fn role(&self) -> Role {
        Role::ObjectDetector
    }

    fn summary(&self) -> ConfigSummary<'_> {
        self.summary()
    }

    fn outline(&self) -> Outline {
        self.outline()
    }

    fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes()
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        self.to_json()
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        Detector::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Detector::new(self, weights)?))
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Patches(PatchInput {
            processor: ImageProcessorConfig::vilt(self.image_size, self.stride()),
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.patch_size,
            max_patches: None,
        }))
    }
}

impl Architecture for Detector {
    fn forward(&self, batch: &Batch, _: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let patches = batch.patches(self.config().patch_size, -1)?;
        self.trace(&patches, batch.classes.as_ref(), wanted)
    }
}
