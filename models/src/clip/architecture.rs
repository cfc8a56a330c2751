//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::ClipConfig;
use super::model::{Clip, ClipInput};
use crate::architecture::{Architecture, Batch, Image, missing};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PREPROCESSOR};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for ClipConfig {
    fn model_types() -> &'static [&'static str] {
        &["clip"]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == "clip").then_some("CLIPTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "clip"
    }

    fn role(&self) -> Role {
        Role::DualEncoder
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
        Clip::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Clip::new(self, weights)?))
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(self.vision_config.image_input(self.image_processor()))
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        vec![(PREPROCESSOR, self.image_processor().to_json())]
    }

    /// The logarithm of the scale of similarities, below that of 100 (Radford et al., 2021, section 2.5).
    fn clamped_parameters(&self) -> &'static [(&'static str, f64)] {
        // The logarithm of 100.
        &[("logit_scale", 4.605_170_185_988_092)]
    }
}

impl Architecture for Clip {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let patch = self.config().vision_config.patch_size;
        let input = ClipInput {
            tokens: batch.text.as_ref().map(|text| text.tokens.clone()),
            patches: batch.image.is_some().then(|| batch.patches(patch, -1)).transpose()?,
        };
        if input.tokens.is_none() && input.patches.is_none() {
            return Err(missing("text (`input_ids`) and no image (`pixel_values`)"));
        }
        self.trace(&input, pass, wanted)
    }

    fn project_images(&self, image: &Image) -> Result<Option<Tensor>, ModelError> {
        let patches = image.patches(self.config().vision_config.patch_size, -1)?;
        let mut untapped = Trace::new(TapSelection::nothing());
        self.project(&patches, Pass::Evaluate, &mut untapped).map(Some)
    }
}
