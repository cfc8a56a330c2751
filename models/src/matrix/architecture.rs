//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{MODEL_TYPE, MatrixConfig};
use super::model::MatrixEmbeddings;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::head::{HeadSpec, TextHead};
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for MatrixConfig {
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
        self.shapes()
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        let names: Vec<String> = self.shapes().into_keys().collect();
        self.initialise(&names, *streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(MatrixEmbeddings::new(self, weights)?))
    }

    fn text_head(&self) -> Option<TextHead<'_>> {
        let Self { head, problem_type, pairs, .. } = *self;
        Some(TextHead { head, problem_type, labels: &self.labels, pairs })
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
        self.with_new_head(&weights, head, *streams)
    }

    fn sparse_tables(&self) -> Vec<String> {
        self.table_names()
    }

    fn reads_empty_texts(&self) -> bool {
        true
    }
}

impl Architecture for MatrixEmbeddings {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        self.trace(batch.text()?, pass, wanted)
    }

    fn word_embeddings(&self) -> Option<&Tensor> {
        self.word_embeddings()
    }
}
