//! RoBERTa (Liu et al., 2019), and the families that differ from it in their vocabulary.

use serde_json::Value;

use super::super::config::TextEncoderConfig;
use super::super::family::{Classifier, ClassifierDense, ClassifierInput, Family, FamilyDeclaration};
use super::bert::{Published, keys};
use crate::head::{Head, MaskedLanguageNames};
use crate::text_encoder::structure::Structure;
use crate::{ModelError, ModelFolder};

/// The head of texts: the first token through a layer of its own.
pub(super) const CLASSIFIER: Classifier = Classifier {
    input: ClassifierInput::First,
    dense: Some(ClassifierDense {
        name: "classifier.dense",
        activation: "tanh",
        norm: None,
        drops_input: true,
    }),
    last: "classifier.out_proj",
    drops: true,
};

/// The layers of a classification head, that of texts being `of_texts`.
pub(super) fn classifier(head: Head, of_texts: Classifier) -> Classifier {
    match head {
        Head::Sequence => of_texts,
        // As transformers has it: of the pooler, which the head of texts does without.
        Head::MultipleChoice => Classifier::of(ClassifierInput::Pooled, "classifier"),
        Head::Span => Classifier { drops: false, ..Classifier::of(ClassifierInput::Tokens, "qa_outputs") },
        _ => Classifier::of(ClassifierInput::Tokens, "classifier"),
    }
}

/// The head of masked language modelling.
pub(super) fn masked_language(untied: bool) -> MaskedLanguageNames {
    MaskedLanguageNames {
        transform: ["lm_head.dense", "lm_head.layer_norm"],
        bias: if untied { "lm_head.decoder.bias" } else { "lm_head.bias" },
        output: "lm_head.decoder.weight",
    }
}

/// Declares a family that is RoBERTa under another name.
macro_rules! roberta {
    ($(#[doc = $doc:literal] $name:ident: $model_type:literal, $class:literal, $tokenizer:literal;)+) => {
        $(
            #[doc = $doc]
            pub(crate) struct $name;

            impl $name {
                pub(crate) const MODEL_TYPE: &'static str = $model_type;
            }

            impl FamilyDeclaration for $name {
                fn model_type(&self) -> &'static str {
                    Self::MODEL_TYPE
                }

                fn class(&self) -> &'static str {
                    $class
                }

                fn tokenizer_class(&self) -> &'static str {
                    $tokenizer
                }

                fn prefix(&self) -> &'static str {
                    "roberta."
                }

                fn read(&self, folder: &ModelFolder, head: Head) -> Result<TextEncoderConfig, ModelError> {
                    let published: Published = folder.typed(folder.json())?;
                    let structure = Structure { counts_from_padding: true, ..Structure::default() };
                    Ok(published.into_config(Family::$name, head, structure))
                }

                fn write(&self, config: &TextEncoderConfig) -> Value {
                    keys(config)
                }

                fn classifier(&self, head: Head, _: bool) -> Classifier {
                    classifier(head, CLASSIFIER)
                }

                fn masked_language(&self, untied: bool) -> MaskedLanguageNames {
                    masked_language(untied)
                }

                fn masked_language_activation(&self) -> Option<&'static str> {
                    Some("gelu")
                }
            }
        )+
    };
}

roberta! {
    /// RoBERTa.
    Roberta: "roberta", "Roberta", "RobertaTokenizer";
    /// XLM-RoBERTa (Conneau et al., 2020).
    XlmRoberta: "xlm-roberta", "XLMRoberta", "XLMRobertaTokenizer";
    /// CamemBERT (Martin et al., 2020).
    CamemBert: "camembert", "Camembert", "CamembertTokenizer";
}
