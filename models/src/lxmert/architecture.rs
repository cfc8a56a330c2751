//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::{LxmertConfig, WORDS};
use super::model::{Lxmert, LxmertInput};
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::head::HeadSpec;
use crate::image_input::{ImageInput, RegionInput};
use crate::model_config::{ModelConfig, Role};
use crate::text_input::TextInput;
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for LxmertConfig {
    fn model_types() -> &'static [&'static str] {
        &["lxmert"]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == "lxmert").then_some("LxmertTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "lxmert"
    }

    fn role(&self) -> Role {
        Role::FusionEncoder
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
        Lxmert::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Lxmert::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Regions(RegionInput {
            features: self.visual_feat_dim,
            box_numbers: self.visual_pos_dim,
            max_regions: None,
            reads_tags: false,
            images: self.images(),
        }))
    }

    fn other_tensors(&self) -> Vec<String> {
        let is_tied = self.is_pretraining(self.task_mask_lm);
        is_tied.then(|| WORDS.output.to_owned()).into_iter().collect()
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
        Lxmert::with_head(self, &weights, head, streams)
    }
}

impl Architecture for Lxmert {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, selected, .. } = batch.text()?.clone();
        let input = LxmertInput { tokens, segments, regions: batch.regions()?.clone(), selected };
        self.trace(&input, pass, wanted)
    }
}
