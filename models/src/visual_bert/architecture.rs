//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::VisualBertConfig;
use super::model::{VisualBert, VisualBertInput};
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, RegionInput};
use crate::model_config::{ModelConfig, Role};
use crate::text_encoder::HeadSpec;
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for VisualBertConfig {
    fn model_types() -> &'static [&'static str] {
        &["visual_bert"]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == "visual_bert").then_some("BertTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "visual_bert"
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
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        VisualBert::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(VisualBert::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn with_head(self, head: &HeadSpec) -> Self {
        match head.answers() {
            Some(answers) => Self { labels: answers.to_vec(), ..self },
            None => self,
        }
    }

    fn with_head_weights(
        &self,
        weights: Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(Self, Weights), ModelError> {
        match head.answers() {
            Some(answers) => VisualBert::with_answers(self, weights, answers, streams),
            None => Ok((self.clone(), weights)),
        }
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Regions(RegionInput {
            features: self.features,
            box_numbers: 0,
            max_regions: None,
            reads_tags: false,
            images: 1,
        }))
    }
}

impl Architecture for VisualBert {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let input = VisualBertInput { text: batch.text()?.clone(), regions: batch.regions()?.clone() };
        self.trace(&input, pass, wanted)
    }
}
