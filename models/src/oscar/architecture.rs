//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::OscarConfig;
use super::decoding::CaptionTranslator;
use super::model::{Oscar, OscarInput};
use crate::architecture::{Architecture, Batch, Image};
use crate::config_summary::ConfigSummary;
use crate::generation::Translator;
use crate::head::HeadSpec;
use crate::image_input::{ImageInput, RegionInput};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

/// The table of words, which may stay as it is.
const WORDS: &str = "bert.embeddings.word_embeddings.";

impl ModelConfig for OscarConfig {
    fn model_types() -> &'static [&'static str] {
        &["oscar"]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "oscar"
    }

    fn role(&self) -> Role {
        if self.captions { Role::EncoderDecoder } else { Role::FusionEncoder }
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
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        Oscar::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Oscar::new(self, weights)?))
    }

    /// The published configurations name no type, and are recognised by the key of the regions' features.
    fn recognizes(json: &Value) -> bool {
        Self::is_of(json)
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Regions(RegionInput {
            features: self.features,
            box_numbers: 0,
            max_regions: Some(self.regions),
            reads_tags: self.tags,
            images: self.images,
        }))
    }

    fn decoder_start(&self) -> Option<u32> {
        self.captions.then_some(self.special.start)
    }

    fn frozen_parameters(&self) -> &'static [&'static str] {
        if self.captions && self.freeze_embedding { &[WORDS] } else { &[] }
    }

    fn with_head(self, head: &HeadSpec) -> Self {
        self.with_head(head)
    }

    fn with_head_weights(
        &self,
        weights: Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(Self, Weights), ModelError> {
        Oscar::with_head(self, &weights, head, streams)
    }
}

impl Architecture for Oscar {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let input = OscarInput { text: batch.text()?.clone(), regions: batch.regions()?.clone() };
        self.trace(&input, pass, wanted)
    }

    fn translator_of_images(&self, image: &Image) -> Option<Box<dyn Translator + '_>> {
        match image {
            Image::Regions(image) if self.config().captions => {
                Some(Box::new(CaptionTranslator { model: self, image: image.clone() }))
            }
            _ => None,
        }
    }
}
