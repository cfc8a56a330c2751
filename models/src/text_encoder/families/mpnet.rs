//! MPNet (Song et al., 2020): biases of attention by buckets of relative positions.

use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, Family, FamilyDeclaration};
use super::bert::{Published, keys};
use super::roberta;
use crate::head::{Head, MaskedLanguageNames};
use crate::json::extend_object;
use crate::layers::{AttentionNames, EncoderNames};
use crate::text_encoder::structure::{RelativePositions, Structure};
use crate::{ModelError, ModelFolder};

/// MPNet.
pub(crate) struct MpNet;

impl MpNet {
    pub(crate) const MODEL_TYPE: &'static str = "mpnet";
}

impl FamilyDeclaration for MpNet {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "MPNet"
    }

    fn tokenizer_class(&self) -> &'static str {
        "MPNetTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "mpnet."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let defaults = json!({
            "vocab_size": 30527, "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12,
            "intermediate_size": 3072, "max_position_embeddings": 512, "pad_token_id": 1,
        });
        let published = Published { type_vocab_size: 0, ..Published::read(folder, &defaults)? };
        let buckets = folder.size_or("relative_attention_num_buckets", 32)?;
        let structure = Structure {
            counts_from_padding: true,
            relative: Some(RelativePositions::Buckets(buckets)),
            ..Structure::default()
        };
        Ok(published.into_config(Family::MpNet, head, structure))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        if let Some(RelativePositions::Buckets(buckets)) = config.structure.relative {
            extend_object(&mut json, json!({ "relative_attention_num_buckets": buckets }));
        }
        if let Some(json) = json.as_object_mut() {
            json.shift_remove("type_vocab_size");
        }
        json
    }

    fn layer(&self, _: usize, part: &dyn Fn(&str) -> String) -> EncoderNames {
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.attn.q"),
                key: part("attention.attn.k"),
                value: part("attention.attn.v"),
                output: part("attention.attn.o"),
            },
            attention_norm: Some(part("attention.LayerNorm")),
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
            gate: None,
        }
    }

    fn classifier(&self, head: Head, _: bool) -> Classifier {
        roberta::classifier(head, roberta::CLASSIFIER)
    }

    fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
        roberta::masked_language(untied)
    }

    fn masked_language_activation(&self) -> Option<&'static str> {
        Some("gelu")
    }
}
