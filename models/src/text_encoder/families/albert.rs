//! ALBERT (Lan et al., 2020): one layer's weights for all layers.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Family, FamilyDeclaration};
use super::bert::{Published, keys, with_defaults};
use crate::head::{Head, MaskedLanguageNames};
use crate::json::{decimal, extend_object};
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// ALBERT.
pub(crate) struct Albert;

impl Albert {
    pub(crate) const MODEL_TYPE: &'static str = "albert";
}

/// Keys that make several layers of weights, with the only value that is read.
const ONE: [&str; 2] = ["num_hidden_groups", "inner_group_num"];

impl FamilyDeclaration for Albert {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "Albert"
    }

    fn tokenizer_class(&self) -> &'static str {
        "AlbertTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "albert."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let json = folder.json();
        for key in ONE {
            let value = &json[key];
            if !value.is_null() && *value != 1 {
                let found = quoted(&value.to_string());
                let message =
                    format!("`{key}` is {found}; only 1 is supported, the same weights for all layers");
                return Err(ModelError::content(&folder.path().join("config.json"), message));
            }
        }
        let defaults = json!({
            "vocab_size": 30000, "hidden_size": 4096, "num_hidden_layers": 12, "num_attention_heads": 64,
            "intermediate_size": 16384, "hidden_act": "gelu_new", "max_position_embeddings": 512,
            "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout_prob": 0.1,
        });
        let mut json = with_defaults(json, &defaults);
        json["classifier_dropout"] = json["classifier_dropout_prob"].clone();
        let published: Published = folder.typed(&json)?;
        let embedding_width = folder.size_or("embedding_size", 128)?;
        let structure =
            Structure { embedding_width: Some(embedding_width), is_shared: true, ..Structure::default() };
        Ok(published.into_config(Family::Albert, head, structure))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        extend_object(
            &mut json,
            json!({
                "embedding_size": config.embedding_width(),
                "num_hidden_groups": 1,
                "inner_group_num": 1,
                "classifier_dropout_prob": decimal(config.head_dropout),
            }),
        );
        json
    }

    fn embedding_projection(&self) -> (&'static str, bool, bool) {
        ("encoder.embedding_hidden_mapping_in", true, false)
    }

    fn pooler(&self, prefix: &str) -> String {
        format!("{prefix}pooler")
    }

    fn stack(&self) -> &'static str {
        "encoder.albert_layer_groups.0.albert_layers."
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.query"),
                key: part("attention.key"),
                value: part("attention.value"),
                output: part("attention.dense"),
            },
            attention_norm: Some(part("attention.LayerNorm")),
            feed_forward: [part("ffn"), part("ffn_output"), part("full_layer_layer_norm")],
            gate: None,
        }
    }

    fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["predictions.dense", "predictions.LayerNorm"],
            bias: if untied { "predictions.decoder.bias" } else { "predictions.bias" },
            output: "predictions.decoder.weight",
        }
    }
}
