//! DistilBERT (Sanh et al., 2019).

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierDense, ClassifierInput, Family, FamilyDeclaration};
use super::bert::{default_epsilon, tenth};
use crate::head::{Head, MaskedLanguageNames, ProblemType};
use crate::json::decimal;
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// DistilBERT.
pub(crate) struct DistilBert;

impl DistilBert {
    pub(crate) const MODEL_TYPE: &'static str = "distilbert";
}

/// `config.json`.
#[derive(Deserialize)]
struct Published {
    vocab_size: usize,
    dim: usize,
    n_layers: usize,
    n_heads: usize,
    hidden_dim: usize,
    #[serde(default = "gelu")]
    activation: String,
    max_position_embeddings: usize,
    pad_token_id: Option<u32>,
    #[serde(default = "tenth")]
    dropout: f32,
    #[serde(default = "tenth")]
    attention_dropout: f32,
    #[serde(default = "fifth")]
    seq_classif_dropout: f32,
}

fn gelu() -> String {
    "gelu".into()
}

fn fifth() -> f32 {
    0.2
}

impl FamilyDeclaration for DistilBert {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "DistilBert"
    }

    fn tokenizer_class(&self) -> &'static str {
        "BertTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "distilbert."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let published: Published = folder.config(Self::MODEL_TYPE)?;
        let is_position_table = |name: &String| name.ends_with("embeddings.position_embeddings.weight");
        if folder.json()["sinusoidal_pos_embds"] == true
            && !folder.weight_shapes()?.keys().any(is_position_table)
        {
            let file = folder.path().join("config.json");
            return Err(ModelError::content(&file, "sinusoidal positions are not stored in the weights"));
        }
        Ok(TextEncoderConfig {
            family: Family::DistilBert,
            head,
            pooler: false,
            untied: false,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary: published.vocab_size,
            width: published.dim,
            layers: published.n_layers,
            heads: published.n_heads,
            intermediate_size: published.hidden_dim,
            activation: published.activation,
            positions: published.max_position_embeddings,
            segments: 0,
            epsilon: default_epsilon(),
            padding: published.pad_token_id.unwrap_or(0),
            dropout: published.dropout,
            attention_dropout: published.attention_dropout,
            head_dropout: if head.is_of_text() { published.seq_classif_dropout } else { published.dropout },
            structure: Structure::default(),
            pooling: None,
        })
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        json!({
            "dim": config.width,
            "n_layers": config.layers,
            "n_heads": config.heads,
            "hidden_dim": config.intermediate_size,
            "activation": config.activation,
            "dropout": decimal(config.dropout),
            "attention_dropout": decimal(config.attention_dropout),
            "seq_classif_dropout": decimal(config.head_dropout),
            "sinusoidal_pos_embds": false,
        })
    }

    fn layers_key(&self) -> &'static str {
        "n_layers"
    }

    fn stack(&self) -> &'static str {
        "transformer.layer."
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.q_lin"),
                key: part("attention.k_lin"),
                value: part("attention.v_lin"),
                output: part("attention.out_lin"),
            },
            attention_norm: Some(part("sa_layer_norm")),
            feed_forward: [part("ffn.lin1"), part("ffn.lin2"), part("output_layer_norm")],
            gate: None,
        }
    }

    fn classifier(&self, head: Head, _: bool) -> Classifier {
        let dense =
            ClassifierDense { name: "pre_classifier", activation: "relu", norm: None, drops_input: false };
        match head {
            Head::Sequence | Head::MultipleChoice => {
                Classifier { dense: Some(dense), ..Classifier::of(ClassifierInput::First, "classifier") }
            }
            Head::Span => Classifier::of(ClassifierInput::Tokens, "qa_outputs"),
            _ => Classifier::of(ClassifierInput::Tokens, "classifier"),
        }
    }

    fn masked_language(&self, _: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["vocab_transform", "vocab_layer_norm"],
            bias: "vocab_projector.bias",
            output: "vocab_projector.weight",
        }
    }
}
