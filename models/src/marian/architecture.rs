//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::candle_nn::VarBuilder;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::config::MarianConfig;
use super::model::Marian;
use crate::architecture::{Architecture, Batch};
use crate::config_summary::ConfigSummary;
use crate::generation::Translator;
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace, published};

impl ModelConfig for MarianConfig {
    fn model_types() -> &'static [&'static str] {
        &["marian"]
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        (model_type == "marian").then_some("MarianTokenizer")
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "marian"
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
        Marian::initial_weights(self, streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Marian::new(self, weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn other_tensors(&self) -> Vec<String> {
        Self::others()
    }

    fn optional_shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.optional_shapes()
    }

    fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        self.weights(folder)
    }

    fn weights_from(&self, builder: &VarBuilder<'_>) -> Result<Weights, ModelError> {
        let spellings = |name: &str| Self::spellings(name);
        let mut weights = published::take(builder, &self.shapes(), &self.optional_shapes(), spellings)?;
        // In the order of those of a folder.
        weights.sort_unstable_keys();
        Ok(weights)
    }

    fn decoder_start(&self) -> Option<u32> {
        Some(self.decoder_start_token_id)
    }

    /// transformers decodes greedily then, from the padding token to the end token and nothing else.
    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        let generation = json!({
            "decoder_start_token_id": self.decoder_start_token_id,
            "pad_token_id": self.pad_token_id,
            "eos_token_id": self.eos_token_id,
            "do_sample": false,
            "num_beams": 1,
            // transformers counts the start token too.
            "max_length": self.max_position_embeddings,
        });
        vec![("generation_config.json", generation)]
    }
}

impl Architecture for Marian {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        if batch.target.is_none()
            && let Some(names) = wanted.names()
            && let Some(tap) = names.iter().find(|tap| !tap.starts_with("encoder."))
        {
            return Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`")));
        }
        self.trace(&batch.text()?.tokens, batch.target.as_ref(), pass, wanted)
    }

    fn as_translator(&self) -> Option<&dyn Translator> {
        Some(self)
    }
}
