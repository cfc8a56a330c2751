//! Declarations of the architecture.

use alambic_tensor::Streams;
use alambic_tensor::candle_nn::VarBuilder;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::config::BartConfig;
use super::family::BartFamily;
use super::names::spellings;
use crate::architecture::Architecture;
use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::EncoderDecoder;
use crate::json::extend_object;
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline, published};

impl ModelConfig for BartConfig {
    fn model_types() -> &'static [&'static str] {
        &BartFamily::MODEL_TYPES
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        BartFamily::of(model_type).map(BartFamily::tokenizer_class)
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        self.family.model_type()
    }

    fn role(&self) -> Role {
        Role::EncoderDecoder
    }

    fn summary(&self) -> ConfigSummary<'_> {
        self.summary()
    }

    fn outline(&self) -> Outline {
        self.structure().outline()
    }

    fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.structure().shapes()
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        self.to_json()
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        self.initial_weights(streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(EncoderDecoder::new(self.structure(), weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        spellings(name)
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
        let shapes = self.structure().shapes();
        let mut weights = published::take(builder, &shapes, &self.optional_shapes(), spellings)?;
        // In the order of those of a folder.
        weights.sort_unstable_keys();
        Ok(weights)
    }

    fn decoder_start(&self) -> Option<u32> {
        Some(self.decoder_start_token_id)
    }

    /// transformers decodes greedily then, from the first token to the end token and nothing else.
    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        let mut generation = json!({
            "decoder_start_token_id": self.decoder_start_token_id,
            "pad_token_id": self.pad_token_id,
            "eos_token_id": self.eos_token_id,
            "do_sample": false,
            "num_beams": 1,
            // transformers counts the start token too.
            "max_length": self.max_position_embeddings,
        });
        if self.family.is_end_forced() {
            extend_object(&mut generation, json!({ "forced_eos_token_id": self.eos_token_id }));
        }
        vec![("generation_config.json", generation)]
    }
}
