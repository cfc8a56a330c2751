//! Towers of texts and of images whose tensors are named as CLIP's.

use super::{AttentionNames, Biases, EncoderNames, LayerSizes, Norms, activation};
use crate::{ModelError, Stream};

/// Sizes of the layers of a tower of CLIP or SigLIP.
pub(crate) struct Tower<'a> {
    /// What stands before the names of its tensors.
    pub(crate) base: &'static str,
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) heads: usize,
    pub(crate) intermediate_size: usize,
    pub(crate) activation: &'a str,
    pub(crate) epsilon: f64,
    /// Of attention probabilities.
    pub(crate) dropout: f32,
}

impl Tower<'_> {
    /// The tensors of a layer, counted from 0.
    pub(crate) fn layer(&self, index: usize) -> EncoderNames {
        let part = |part: &str| format!("{}encoder.layers.{index}.{part}", self.base);
        EncoderNames {
            attention: AttentionNames {
                query: part("self_attn.q_proj"),
                key: part("self_attn.k_proj"),
                value: part("self_attn.v_proj"),
                output: part("self_attn.out_proj"),
            },
            attention_norm: Some(part("layer_norm1")),
            gate: None,
            feed_forward: [part("mlp.fc1"), part("mlp.fc2"), part("layer_norm2")],
        }
    }

    pub(crate) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.width,
            heads: self.heads,
            intermediate_size: self.intermediate_size,
            activation: activation(self.activation)?,
            epsilon: self.epsilon,
            dropout: 0.0,
            attention_dropout: self.dropout,
            norms: Norms::Before,
            biases: Biases::ALL,
        })
    }

    /// Its stream, with an embedding of this width.
    pub(crate) fn stream(&self, projection: usize) -> Stream {
        Stream { embedding: Some(projection), ..Stream::new(self.layers, self.width, self.heads) }
    }
}
