//! The families of BERT's layout.

/// Architectures that differ in names, positions and heads, not in their layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// BERT, MiniLM, TinyBERT, IndicBERT: positions from 0, two segments.
    Bert,
    /// RoBERTa: positions from the padding id on, no segments to speak of.
    Roberta,
    /// XLM-RoBERTa: RoBERTa with another vocabulary.
    XlmRoberta,
    /// DistilBERT: no segments, no pooler.
    DistilBert,
}

impl Family {
    /// The family of a `model_type`.
    #[must_use]
    pub fn of(model_type: &str) -> Option<Self> {
        match model_type {
            "bert" => Some(Self::Bert),
            "roberta" => Some(Self::Roberta),
            "xlm-roberta" => Some(Self::XlmRoberta),
            "distilbert" => Some(Self::DistilBert),
            _ => None,
        }
    }

    /// The `model_type` of the family.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::Roberta => "roberta",
            Self::XlmRoberta => "xlm-roberta",
            Self::DistilBert => "distilbert",
        }
    }

    /// Prefix of the names of transformers' classes.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Bert => "Bert",
            Self::Roberta => "Roberta",
            Self::XlmRoberta => "XLMRoberta",
            Self::DistilBert => "DistilBert",
        }
    }

    /// Whether the layer of a head of its own ends in a tanh, and not in a `ReLU`.
    #[must_use]
    pub fn classifies_with_tanh(self) -> bool {
        self != Self::DistilBert
    }

    /// Whether positions are counted from the padding id on, as fairseq does.
    #[must_use]
    pub fn counts_from_padding(self) -> bool {
        matches!(self, Self::Roberta | Self::XlmRoberta)
    }
}
