//! BERT (Devlin et al., 2019), and the keys of configuration files that most families share with it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Family, FamilyDeclaration};
use crate::head::{Head, MaskedLanguageNames, ProblemType};
use crate::json::decimal;
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// BERT, MiniLM, TinyBERT, IndicBERT.
pub(crate) struct Bert;

/// `config.json` of BERT, RoBERTa and others that follow them.
#[derive(Deserialize)]
pub(crate) struct Published {
    pub(crate) vocab_size: usize,
    pub(crate) hidden_size: usize,
    pub(crate) num_hidden_layers: usize,
    pub(crate) num_attention_heads: usize,
    pub(crate) intermediate_size: usize,
    #[serde(default = "gelu")]
    pub(crate) hidden_act: String,
    pub(crate) max_position_embeddings: usize,
    #[serde(default = "two")]
    pub(crate) type_vocab_size: usize,
    #[serde(default = "default_epsilon")]
    pub(crate) layer_norm_eps: f64,
    pub(crate) pad_token_id: Option<u32>,
    #[serde(default = "tenth")]
    pub(crate) hidden_dropout_prob: f32,
    #[serde(default = "tenth")]
    pub(crate) attention_probs_dropout_prob: f32,
    pub(crate) classifier_dropout: Option<f32>,
}

fn gelu() -> String {
    "gelu".into()
}

fn two() -> usize {
    2
}

pub(crate) fn default_epsilon() -> f64 {
    1e-12
}

pub(crate) fn tenth() -> f32 {
    0.1
}

impl Published {
    /// The configuration of a folder with transformers' `defaults` for keys that it does not have.
    pub(super) fn read(folder: &ModelFolder, defaults: &Value) -> Result<Self, ModelError> {
        folder.typed(&with_defaults(folder.json(), defaults))
    }

    /// Configuration of a family, without labels.
    pub(crate) fn into_config(self, family: Family, head: Head, structure: Structure) -> TextEncoderConfig {
        TextEncoderConfig {
            family,
            head,
            pooler: family.declaration().has_pooler(head),
            untied: false,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary: self.vocab_size,
            width: self.hidden_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: self.hidden_act,
            positions: self.max_position_embeddings,
            segments: self.type_vocab_size,
            epsilon: self.layer_norm_eps,
            padding: self.pad_token_id.unwrap_or(u32::from(structure.counts_from_padding)),
            dropout: self.hidden_dropout_prob,
            attention_dropout: self.attention_probs_dropout_prob,
            head_dropout: self.classifier_dropout.unwrap_or(self.hidden_dropout_prob),
            structure,
            pooling: None,
        }
    }
}

/// A configuration with values for keys that it lacks, or leaves null.
pub(super) fn with_defaults(json: &Value, defaults: &Value) -> Value {
    let mut all = defaults.clone();
    if let (Some(all), Some(own)) = (all.as_object_mut(), json.as_object()) {
        for (key, value) in own.iter().filter(|(_, value)| !value.is_null()) {
            all.insert(key.clone(), value.clone());
        }
    }
    all
}

/// Keys of sizes in `config.json`, as BERT has them.
pub(super) fn keys(config: &TextEncoderConfig) -> Value {
    json!({
        "hidden_size": config.width,
        "num_hidden_layers": config.layers,
        "num_attention_heads": config.heads,
        "intermediate_size": config.intermediate_size,
        "hidden_act": config.activation,
        "type_vocab_size": config.segments,
        // Readers outside of transformers ask for it.
        "position_embedding_type": "absolute",
        "layer_norm_eps": config.epsilon,
        "hidden_dropout_prob": decimal(config.dropout),
        "attention_probs_dropout_prob": decimal(config.attention_dropout),
        "classifier_dropout": decimal(config.head_dropout),
        "is_decoder": false,
    })
}

impl Bert {
    pub(crate) const MODEL_TYPE: &'static str = "bert";
}

impl FamilyDeclaration for Bert {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "Bert"
    }

    fn tokenizer_class(&self) -> &'static str {
        "BertTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "bert."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let published: Published = folder.typed(folder.json())?;
        Ok(published.into_config(Family::Bert, head, Structure::default()))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        keys(config)
    }

    fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"],
            bias: if untied { "cls.predictions.decoder.bias" } else { "cls.predictions.bias" },
            output: "cls.predictions.decoder.weight",
        }
    }
}
