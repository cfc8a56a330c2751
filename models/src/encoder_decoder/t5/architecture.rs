//! Declarations of the architecture.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::config::{T5Config, T5Family};
use crate::architecture::Architecture;
use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::EncoderDecoder;
use crate::model_config::{ModelConfig, Role};
use crate::{ModelError, ModelFolder, Outline};

impl ModelConfig for T5Config {
    fn model_types() -> &'static [&'static str] {
        &T5Family::MODEL_TYPES
    }

    fn tokenizer_class(model_type: &str) -> Option<&'static str> {
        T5Family::MODEL_TYPES.contains(&model_type).then_some("T5Tokenizer")
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
        Ok(self.to_json())
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        self.initial_weights(streams)
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(EncoderDecoder::new(self.structure(), weights)?))
    }

    fn spellings(&self, name: &str) -> Vec<String> {
        Self::spellings(name)
    }

    fn other_tensors(&self) -> Vec<String> {
        Self::COPIES.into_iter().chain([Self::OUTPUT]).map(str::to_owned).chain([older_bias()]).collect()
    }

    fn decoder_start(&self) -> Option<u32> {
        Some(self.decoder_start_token_id)
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        let generation = json!({
            "decoder_start_token_id": self.decoder_start_token_id,
            "pad_token_id": self.pad_token_id,
            "eos_token_id": self.eos_token_id,
            "do_sample": false,
            "num_beams": 1,
            // transformers counts the start token too.
            "max_length": self.n_positions,
        });
        vec![("generation_config.json", generation)]
    }
}

/// Table of positions of cross-attention in files of version 1.0, which nothing reads.
fn older_bias() -> String {
    "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight".to_owned()
}
