//! ELECTRA (Clark et al., 2020). Of a discriminator the encoder is read.

use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierDense, Family, FamilyDeclaration};
use super::bert::{Published, keys};
use super::roberta;
use crate::head::{Head, MaskedLanguageNames};
use crate::json::extend_object;
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// ELECTRA.
pub(crate) struct Electra;

impl Electra {
    pub(crate) const MODEL_TYPE: &'static str = "electra";
}

impl FamilyDeclaration for Electra {
    fn model_type(&self) -> &'static str {
        Self::MODEL_TYPE
    }

    fn class(&self) -> &'static str {
        "Electra"
    }

    fn tokenizer_class(&self) -> &'static str {
        "BertTokenizer"
    }

    fn prefix(&self) -> &'static str {
        "electra."
    }

    fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
        let defaults = json!({
            "vocab_size": 30522, "hidden_size": 256, "num_hidden_layers": 12, "num_attention_heads": 4,
            "intermediate_size": 1024, "max_position_embeddings": 512,
        });
        let published = Published::read(folder, &defaults)?;
        let embedding_width = folder.size_or("embedding_size", 128)?;
        let structure = Structure {
            embedding_width: Some(embedding_width).filter(|width| *width != published.hidden_size),
            ..Structure::default()
        };
        Ok(published.into_config(Family::Electra, head, structure))
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        extend_object(&mut json, json!({ "embedding_size": config.embedding_width() }));
        json
    }

    fn classifier(&self, head: Head, _: bool) -> Classifier {
        let dense = roberta::CLASSIFIER.dense.map(|dense| ClassifierDense { activation: "gelu", ..dense });
        roberta::classifier(head, Classifier { dense, ..roberta::CLASSIFIER })
    }

    fn masked_language(&self, _: bool) -> MaskedLanguageNames {
        MaskedLanguageNames {
            transform: ["generator_predictions.dense", "generator_predictions.LayerNorm"],
            bias: "generator_lm_head.bias",
            output: "generator_lm_head.weight",
        }
    }

    fn masked_language_activation(&self) -> Option<&'static str> {
        Some("gelu")
    }
}
