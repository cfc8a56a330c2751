//! ELECTRA (Clark et al., 2020). Of a discriminator the encoder is read.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierDense, ClassifierInput, Family, FamilyDeclaration};
use super::bert::{Published, keys, tenth};
use super::roberta;
use crate::head::{Head, MaskedLanguageNames};
use crate::json::{decimal, extend_object};
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// ELECTRA.
pub(crate) struct Electra;

impl Electra {
    pub(crate) const MODEL_TYPE: &'static str = "electra";
}

/// Keys of the layer before the logit of a choice, each with the only value that is supported, which is its default.
fn summary() -> [(&'static str, Value); 3] {
    [
        ("summary_type", json!("first")),
        ("summary_use_proj", json!(true)),
        ("summary_activation", json!("gelu")),
    ]
}

/// Key of the dropout behind that layer.
const SUMMARY_DROPOUT: &str = "summary_last_dropout";

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
        let config = published.into_config(Family::Electra, head, structure);
        if head != Head::MultipleChoice {
            return Ok(config);
        }
        let json = folder.json();
        // Of an activation that is null transformers takes none.
        let other = |(key, expected): &(&str, Value)| json.get(*key).is_some_and(|own| own != expected);
        if let Some((key, expected)) = summary().into_iter().find(other) {
            let found = quoted(&json[key].to_string());
            let message = format!("`{key}` is {found}; only {expected} is supported");
            return Err(ModelError::content(&folder.path().join("config.json"), message));
        }
        let head_dropout = json[SUMMARY_DROPOUT].as_f64().map_or_else(tenth, |dropout| dropout as f32);
        Ok(TextEncoderConfig { head_dropout, ..config })
    }

    fn write(&self, config: &TextEncoderConfig) -> Value {
        let mut json = keys(config);
        extend_object(&mut json, json!({ "embedding_size": config.embedding_width() }));
        if config.head == Head::MultipleChoice {
            for (key, value) in summary() {
                json[key] = value;
            }
            json[SUMMARY_DROPOUT] = decimal(config.head_dropout);
        }
        json
    }

    fn classifier(&self, head: Head, _: bool) -> Classifier {
        if head == Head::MultipleChoice {
            let dense = ClassifierDense {
                name: "sequence_summary.summary",
                activation: "gelu",
                norm: None,
                drops_input: false,
            };
            return Classifier { dense: Some(dense), ..Classifier::of(ClassifierInput::First, "classifier") };
        }
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
