//! Families in BART's layout.

use serde_json::{Value, json};

/// Family of encoder-decoders in BART's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BartFamily {
    /// Marian.
    #[default]
    Marian,
    /// BART.
    Bart,
    /// mBART.
    Mbart,
    /// M2M-100 and NLLB.
    M2m100,
}

impl BartFamily {
    /// All of them.
    pub(super) const ALL: [Self; 4] = [Self::Marian, Self::Bart, Self::Mbart, Self::M2m100];

    /// The values of `model_type`.
    pub(super) const MODEL_TYPES: [&'static str; 4] = ["marian", "bart", "mbart", "m2m_100"];

    pub(super) fn of(model_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.model_type() == model_type)
    }

    /// The `model_type` of a configuration.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        Self::MODEL_TYPES[self as usize]
    }

    /// Class of transformers.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Marian => "MarianMTModel",
            Self::Bart => "BartForConditionalGeneration",
            Self::Mbart => "MBartForConditionalGeneration",
            Self::M2m100 => "M2M100ForConditionalGeneration",
        }
    }

    /// Class of the tokenizer in transformers, where a folder names none.
    pub(super) fn tokenizer_class(self) -> &'static str {
        match self {
            Self::Marian => "MarianTokenizer",
            Self::Bart => "BartTokenizer",
            Self::Mbart => "MBartTokenizer",
            Self::M2m100 => "M2M100Tokenizer",
        }
    }

    /// Whether norms stand before the sublayers, and one behind each stack.
    pub(super) fn is_norm_first(self) -> bool {
        matches!(self, Self::Mbart | Self::M2m100)
    }

    /// Whether embeddings are normed, and positions learned.
    pub(super) fn has_learned_positions(self) -> bool {
        matches!(self, Self::Bart | Self::Mbart)
    }

    /// Whether the last token that there is room for is the end.
    pub(super) fn is_end_forced(self) -> bool {
        matches!(self, Self::Bart | Self::Mbart)
    }

    /// What transformers takes for keys that a configuration has not; Marian's have all.
    pub(super) fn defaults(self) -> Value {
        let common = json!({
            "d_model": 1024,
            "encoder_layers": 12,
            "decoder_layers": 12,
            "encoder_attention_heads": 16,
            "decoder_attention_heads": 16,
            "encoder_ffn_dim": 4096,
            "decoder_ffn_dim": 4096,
            "max_position_embeddings": 1024,
            "dropout": 0.1,
            "bos_token_id": 0,
            "pad_token_id": 1,
            "eos_token_id": 2,
        });
        let own = match self {
            Self::Marian => return json!({}),
            Self::Bart | Self::Mbart => json!({ "vocab_size": 50_265, "activation_function": "gelu" }),
            Self::M2m100 => json!({
                "vocab_size": 128_112,
                "activation_function": "relu",
                "attention_dropout": 0.1,
                "scale_embedding": true,
            }),
        };
        let mut all = common;
        crate::json::extend_object(&mut all, own);
        all
    }
}
