//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::ViltConfig;
use super::model::{Vilt, ViltInput};
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PREPROCESSOR};
use crate::model_config::{ModelConfig, Role};
use crate::text_encoder::{Head as TextHead, HeadSpec};
use crate::text_input::TextInput;
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for ViltConfig {
    fn model_types() -> &'static [&'static str] {
        &["vilt"]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == "vilt").then_some("BertTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "vilt"
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
        Vilt::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Vilt::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Patches(self.patch_input()))
    }

    fn with_head(self, head: &HeadSpec) -> Self {
        match head.answers() {
            Some(answers) => self.answering(answers),
            None if head.head == TextHead::MultipleChoice => self.matching(),
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
            Some(answers) => Vilt::with_answers(self, weights, answers, streams),
            None if head.head == TextHead::MultipleChoice => {
                Vilt::with_head_of(&self.clone().matching(), &weights, streams)
            }
            None => Ok((self.clone(), weights)),
        }
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        vec![(PREPROCESSOR, self.image_processor().to_json())]
    }
}

impl Architecture for Vilt {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, .. } = batch.text()?.clone();
        let config = self.config();
        let patches = batch.patches(config.patch_size, config.max_image_length)?;
        self.trace(&ViltInput { tokens, segments, patches }, pass, wanted)
    }
}
