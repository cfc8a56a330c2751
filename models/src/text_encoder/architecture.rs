//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::TextEncoderConfig;
use super::family::Family;
use super::model::TextEncoder;
use super::pooling::Pooling;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::head::{HeadSpec, TextHead};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for TextEncoderConfig {
    fn model_types() -> &'static [&'static str] {
        Family::MODEL_TYPES
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        Some(Family::of(model_type)?.declaration().tokenizer_class())
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        self.family.model_type()
    }

    fn role(&self) -> Role {
        Role::TextEncoder
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
        TextEncoder::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(TextEncoder::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        self.spellings(name)
    }

    fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        self.weights(folder)
    }

    fn text_head(&self) -> Option<TextHead<'_>> {
        let Self { head, problem_type, pairs, .. } = *self;
        Some(TextHead { head, problem_type, labels: &self.labels, pairs })
    }

    fn pooling(&self) -> Option<&Pooling> {
        self.pooling.as_ref()
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
        TextEncoder::with_head(self, &weights, head, streams)
    }

    fn trim_vocabulary(self, tokens: usize) -> Self {
        self.trim_vocabulary(tokens)
    }

    fn trim_weights(&self, weights: Weights) -> Result<Weights, ModelError> {
        self.trim_weights(weights)
    }
}

impl Architecture for TextEncoder {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(batch.text()?, pass, wanted)
    }

    fn word_embeddings(&self) -> Option<&Tensor> {
        Some(self.word_embeddings())
    }
}
