//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::PaliConfig;
use super::model::{ImageTranslator, Pali, PaliInput};
use crate::architecture::{Architecture, Batch, Image};
use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::t5::T5Config;
use crate::generation::Translator;
use crate::image_input::{ImageInput, PREPROCESSOR};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for PaliConfig {
    fn model_types() -> &'static [&'static str] {
        &[Self::MODEL_TYPE]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == Self::MODEL_TYPE).then_some("T5Tokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn role(&self) -> Role {
        Role::EncoderDecoder
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
        self.initial_weights(streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Pali::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        match name.strip_prefix(Self::LANGUAGE_MODEL) {
            Some(own) => T5Config::spellings(own).iter().map(|name| Self::of_language_model(name)).collect(),
            None => vec![name.to_owned()],
        }
    }

    fn other_tensors(&self) -> Vec<String> {
        self.text_config.other_tensors().iter().map(|name| Self::of_language_model(name)).collect()
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(self.vision_config.image_input(self.image_processor()))
    }

    fn decoder_start(&self) -> Option<u32> {
        self.text_config.decoder_start()
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        let images = (PREPROCESSOR, self.image_processor().to_json());
        self.text_config.extra_files().into_iter().chain([images]).collect()
    }

    fn frozen_parameters(&self) -> &'static [&'static str] {
        if self.freeze_image_encoder { &[Self::IMAGE_ENCODER] } else { &[] }
    }
}

impl Architecture for Pali {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let patch = self.config().vision_config.patch_size;
        let input = PaliInput {
            tokens: batch.text.as_ref().map(|text| text.tokens.clone()),
            patches: batch.image.as_ref().map(|image| image.patches(patch, -1)).transpose()?,
            target: batch.target.clone(),
        };
        self.trace(&input, pass, wanted)
    }

    fn as_translator(&self) -> Option<&dyn Translator> {
        Some(self.language_model())
    }

    fn translator_of_images(&self, image: &Image) -> Option<Box<dyn Translator + '_>> {
        Some(Box::new(ImageTranslator { model: self, image: image.clone() }))
    }
}
