//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{MODEL_TYPE, StaticConfig, TABLE};
use super::model::StaticEmbeddings;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::folder::modules::MODULES;
use crate::head::TextHead;
use crate::initialise::DEVIATION;
use crate::model_config::{ModelConfig, Role};
use crate::{Initialiser, ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for StaticConfig {
    fn model_types() -> &'static [&'static str] {
        &[MODEL_TYPE]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        MODEL_TYPE
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
        IndexMap::from([(TABLE.to_owned(), vec![self.vocabulary, self.width])])
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        let shapes = self.shapes();
        Initialiser::new(streams).fill(&shapes, shapes.keys(), DEVIATION)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(StaticEmbeddings::new(self, weights)?))
    }

    fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        Self::table(folder)
    }

    fn other_tensors(&self) -> Vec<String> {
        ["weights", "mapping", "embedding.weight"].map(str::to_owned).to_vec()
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        vec![(MODULES, self.modules())]
    }

    fn text_head(&self) -> Option<TextHead<'_>> {
        Some(TextHead::NONE)
    }

    fn reads_empty_texts(&self) -> bool {
        true
    }
}

impl Architecture for StaticEmbeddings {
    fn forward(&self, batch: &Batch, _: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(batch.text()?, wanted)
    }

    fn word_embeddings(&self) -> Option<&Tensor> {
        Some(self.word_embeddings())
    }
}
