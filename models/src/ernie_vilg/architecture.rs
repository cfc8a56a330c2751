//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::ErnieVilgConfig;
use super::decoding::ImageTranslator;
use super::model::ErnieVilg;
use crate::architecture::{Architecture, Batch, Image};
use crate::config_summary::ConfigSummary;
use crate::generation::Translator;
use crate::image_input::ImageInput;
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for ErnieVilgConfig {
    fn model_types() -> &'static [&'static str] {
        &[Self::MODEL_TYPE]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == Self::MODEL_TYPE).then_some("BertTokenizer")
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
        ErnieVilg::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(ErnieVilg::new(self, weights)?))
    }

    fn image_input(&self) -> Option<ImageInput> {
        self.image_tokenizer.image_input()
    }

    fn decoder_start(&self) -> Option<u32> {
        Some(self.text_start())
    }

    /// The image tokenizer stays as it is.
    fn frozen_parameters(&self) -> &'static [&'static str] {
        &[Self::IMAGE_TOKENIZER]
    }
}

impl Architecture for ErnieVilg {
    /// The source is the image where there is one, and the text else.
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        match &batch.image {
            Some(image) => self.trace(&self.image_tokens(image)?, batch.target.as_ref(), pass, wanted),
            None => self.trace(&batch.text()?.tokens, batch.target.as_ref(), pass, wanted),
        }
    }

    fn as_translator(&self) -> Option<&dyn Translator> {
        Some(self)
    }

    fn translator_of_images(&self, image: &Image) -> Option<Box<dyn Translator + '_>> {
        Some(Box::new(ImageTranslator { model: self, image: image.clone() }))
    }
}
