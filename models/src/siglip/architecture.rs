//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{MODEL_TYPES, SiglipConfig};
use super::model::Siglip;
use crate::architecture::{Architecture, Batch, missing};
use crate::clip::ClipInput;
use crate::config_summary::ConfigSummary;
use crate::head::TextHead;
use crate::image_input::{ImageInput, PREPROCESSOR, PatchInput};
use crate::initialise::deviation;
use crate::model_config::{ModelConfig, Role};
use crate::{Initialiser, ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

/// The logarithm of 10, where the factor on similarities begins, and the bias of them (Zhai et al., 2023).
const INITIAL: [(&str, f32); 2] = [("logit_scale", std::f32::consts::LN_10), ("logit_bias", -10.0)];

impl ModelConfig for SiglipConfig {
    fn model_types() -> &'static [&'static str] {
        &MODEL_TYPES
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        MODEL_TYPES[..2].contains(&model_type).then_some("SiglipTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        self.model_type()
    }

    fn role(&self) -> Role {
        match (&self.text, &self.vision) {
            (Some(_), Some(_)) => Role::DualEncoder,
            (Some(_), None) => Role::TextEncoder,
            (None, _) => Role::ImageEncoder,
        }
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
        let width = self.text.as_ref().map(|text| text.hidden_size);
        let width = width.or(self.vision.as_ref().map(|vision| vision.hidden_size)).unwrap_or(1);
        let mut weights = Initialiser::new(streams).fill(&shapes, shapes.keys(), deviation(width))?;
        for (name, value) in INITIAL {
            if let Some(tensor) = weights.get_mut(name) {
                *tensor = Tensor::new(&[value], device::current())?;
            }
        }
        // PyTorch's attention has its biases in one tensor, whose name does not end as others do.
        for (name, tensor) in &mut weights {
            if name.ends_with("in_proj_bias") {
                *tensor = tensor.zeros_like()?;
            }
        }
        Ok(weights)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Siglip::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        self.spellings(name)
    }

    fn text_head(&self) -> Option<TextHead<'_>> {
        (self.role() == Role::TextEncoder).then_some(TextHead::NONE)
    }

    fn image_input(&self) -> Option<ImageInput> {
        let vision = self.vision.as_ref()?;
        Some(ImageInput::Patches(PatchInput {
            processor: self.image_processor()?,
            num_channels: vision.num_channels,
            image_size: vision.image_size,
            patch_size: vision.patch_size,
            max_patches: None,
        }))
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        self.image_processor().map(|own| (PREPROCESSOR, own.to_json())).into_iter().collect()
    }
}

impl Architecture for Siglip {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let config = self.config();
        let patches = config.vision.as_ref().filter(|_| batch.image.is_some());
        let input = ClipInput {
            tokens: batch.text.as_ref().filter(|_| config.text.is_some()).map(|text| text.tokens.clone()),
            patches: patches.map(|vision| batch.patches(vision.patch_size, -1)).transpose()?,
        };
        if input.tokens.is_none() && input.patches.is_none() {
            return Err(missing("text (`input_ids`) and no image (`pixel_values`) that the model reads"));
        }
        self.trace(&input, pass, wanted)
    }
}
