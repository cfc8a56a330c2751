//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{CodebookLearning, ImageTokenizerConfig};
use super::model::{Coding, ImageTokenizer};
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PatchInput};
use crate::model_config::{ModelConfig, Role};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Pass, Resampling, TapSelection, Trace};

impl ModelConfig for ImageTokenizerConfig {
    fn model_types() -> &'static [&'static str] {
        &["image-tokenizer"]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "image-tokenizer"
    }

    fn role(&self) -> Role {
        Role::ImageTokenizer
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
        ImageTokenizer::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(ImageTokenizer::new(self, weights)?))
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Patches(PatchInput {
            processor: ImageProcessorConfig::square(self.image_size, Resampling::Bicubic),
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.factor(),
            max_patches: None,
        }))
    }

    /// Codes that are running means are set, and not stepped.
    fn frozen_parameters(&self) -> &'static [&'static str] {
        match self.codebook_learning {
            CodebookLearning::Averages => &["codebook."],
            CodebookLearning::Gradient => &["codebook.cluster_size"],
        }
    }
}

impl Architecture for ImageTokenizer {
    fn forward(&self, batch: &Batch, _: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(batch.pixels()?, Coding::Codes, wanted)
    }
}
