//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::VitConfig;
use super::model::Vit;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PREPROCESSOR, PatchInput};
use crate::initialise::DEVIATION;
use crate::model_config::{ModelConfig, Role};
use crate::{Initialiser, ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for VitConfig {
    fn model_types() -> &'static [&'static str] {
        &["vit"]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "vit"
    }

    fn role(&self) -> Role {
        Role::ImageEncoder
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
        let shapes = self.shapes();
        Initialiser::new(streams).fill(&shapes, shapes.keys(), DEVIATION)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Vit::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Patches(PatchInput {
            processor: self.image_processor(),
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.patch_size,
            max_patches: None,
        }))
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        vec![(PREPROCESSOR, self.image_processor().to_json())]
    }
}

impl Architecture for Vit {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(&batch.patches(self.config().patch_size, -1)?, pass, wanted)
    }
}
