//! Names of the tensors of BERT's family.

use alambic_tensor::parameters::Weights;

use super::family::Family;
use crate::head::Head;
use crate::layers::{AttentionNames, EncoderNames};

/// Names of a model's tensors, `.weight` and `.bias` left out.
#[derive(Debug, Clone, Copy)]
pub struct TensorNames {
    /// `bert.` and the like; empty for a model without a head.
    prefix: &'static str,
    family: Family,
}

impl TensorNames {
    /// The names in a model of a family with this head.
    pub(super) fn new(family: Family, head: Head) -> Self {
        let prefix = if head == Head::None { "" } else { base(family) };
        Self { prefix, family }
    }

    /// The names of an encoder that stands in another model, under this prefix.
    pub(crate) fn under(prefix: &'static str, family: Family) -> Self {
        Self { prefix, family }
    }

    fn base(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A table of embeddings, `.weight` with it: `word`, `position` or `token_type`.
    #[must_use]
    pub fn table(&self, kind: &str) -> String {
        self.base(&format!("embeddings.{kind}_embeddings.weight"))
    }

    /// The norm of the embeddings.
    #[must_use]
    pub fn embedding_norm(&self) -> String {
        self.base("embeddings.LayerNorm")
    }

    /// The linear layer of the pooler.
    #[must_use]
    pub fn pooler(&self) -> String {
        self.base("pooler.dense")
    }

    /// The tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        if self.family == Family::DistilBert {
            let part = |part: &str| self.base(&format!("transformer.layer.{index}.{part}"));
            return EncoderNames {
                attention: AttentionNames {
                    query: part("attention.q_lin"),
                    key: part("attention.k_lin"),
                    value: part("attention.v_lin"),
                    output: part("attention.out_lin"),
                },
                attention_norm: part("sa_layer_norm"),
                feed_forward: [part("ffn.lin1"), part("ffn.lin2"), part("output_layer_norm")],
            };
        }
        let part = |part: &str| self.base(&format!("encoder.layer.{index}.{part}"));
        EncoderNames {
            attention: AttentionNames {
                query: part("attention.self.query"),
                key: part("attention.self.key"),
                value: part("attention.self.value"),
                output: part("attention.output.dense"),
            },
            attention_norm: part("attention.output.LayerNorm"),
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
        }
    }

    /// The linear layer of a classification head that gives the logits, and the one before it where the head has a
    /// layer of its own.
    #[must_use]
    pub fn classifier(&self, head: Head) -> (Option<&'static str>, &'static str) {
        match (head, self.family) {
            (Head::Sequence, Family::Roberta | Family::XlmRoberta) => {
                (Some("classifier.dense"), "classifier.out_proj")
            }
            (Head::Sequence, Family::DistilBert) => (Some("pre_classifier"), "classifier"),
            (Head::Span, _) => (None, "qa_outputs"),
            _ => (None, "classifier"),
        }
    }

    /// The whole name of the matrix of the vocabulary's logits, where it is not the table of words.
    #[must_use]
    pub fn output(&self) -> &'static str {
        match self.family {
            Family::Bert => "cls.predictions.decoder.weight",
            Family::Roberta | Family::XlmRoberta => "lm_head.decoder.weight",
            Family::DistilBert => "vocab_projector.weight",
        }
    }

    /// Linear layer and norm before the vocabulary's logits, and the whole name of the bias of these, which stands beside the
    /// matrix of the logits where that is not the table of words.
    #[must_use]
    pub fn masked_language(&self, untied: bool) -> [&'static str; 3] {
        match self.family {
            Family::Bert => [
                "cls.predictions.transform.dense",
                "cls.predictions.transform.LayerNorm",
                if untied { "cls.predictions.decoder.bias" } else { "cls.predictions.bias" },
            ],
            Family::Roberta | Family::XlmRoberta => [
                "lm_head.dense",
                "lm_head.layer_norm",
                if untied { "lm_head.decoder.bias" } else { "lm_head.bias" },
            ],
            Family::DistilBert => ["vocab_transform", "vocab_layer_norm", "vocab_projector.bias"],
        }
    }
}

/// Prefix of the names of the encoder's tensors under a head.
pub(super) fn base(family: Family) -> &'static str {
    match family {
        Family::Bert => "bert.",
        Family::Roberta | Family::XlmRoberta => "roberta.",
        Family::DistilBert => "distilbert.",
    }
}

/// The weights of an encoder with these layers alone, counted from 0, in this order; one may come several times.
#[must_use]
pub fn select_layers(weights: &Weights, layers: &[usize]) -> Weights {
    let mut selected = Weights::new();
    for (name, tensor) in weights {
        let Some((front, index, rest)) = layer_of(name) else {
            selected.insert(name.clone(), tensor.clone());
            continue;
        };
        for (place, _) in layers.iter().enumerate().filter(|(_, layer)| **layer == index) {
            selected.insert(format!("{front}layer.{place}.{rest}"), tensor.clone());
        }
    }
    selected
}

/// The number of the layer that a tensor belongs to, with what stands before and after it in the name.
fn layer_of(name: &str) -> Option<(&str, usize, &str)> {
    let (front, rest) = name.split_once("layer.")?;
    let (index, rest) = rest.split_once('.')?;
    let stacked = front.ends_with("encoder.") || front.ends_with("transformer.");
    Some((front, index.parse().ok().filter(|_| stacked)?, rest))
}
