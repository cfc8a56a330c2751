//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{CausalConfig, CausalFamily};
use super::model::CausalModel;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::head::TextHead;
use crate::initialise::DEVIATION;
use crate::model_config::{ModelConfig, Role};
use crate::text_encoder::Pooling;
use crate::{Initialiser, ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for CausalConfig {
    fn model_types() -> &'static [&'static str] {
        &CausalFamily::MODEL_TYPES
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        CausalFamily::of(model_type).map(CausalFamily::tokenizer_class)
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
        let shapes = self.shapes();
        let names: Vec<String> = shapes.keys().cloned().collect();
        Initialiser::new(streams).fill(&shapes, &names, DEVIATION)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(CausalModel::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        self.spellings(name)
    }

    fn text_head(&self) -> Option<TextHead<'_>> {
        Some(TextHead::NONE)
    }

    fn pooling(&self) -> Option<&Pooling> {
        self.pooling.as_ref()
    }
}

impl Architecture for CausalModel {
    fn forward(&self, batch: &Batch, _: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(batch.text()?, wanted)
    }

    fn word_embeddings(&self) -> Option<&Tensor> {
        Some(self.word_embeddings())
    }
}
