//! Towers of texts and of images whose tensors are named as CLIP's.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;

use super::{AttentionNames, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes, activation};
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

    /// Adds names and shapes of the layers.
    pub(crate) fn add_layers(&self, shapes: &mut Shapes) {
        for index in 0..self.layers {
            shapes.layer(&self.layer(index), self.width, self.intermediate_size);
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
            options: LayerOptions::default(),
        })
    }

    /// Its stream, with an embedding of this width.
    pub(crate) fn stream(&self, projection: usize) -> Stream {
        Stream { embedding: Some(projection), ..Stream::new(self.layers, self.width, self.heads) }
    }
}

/// The weights that a model gives one of its widths with parameters of these shapes. `towers` are the latter's, each with the former's:
/// layer m of a tower of S is the other's ⌈m·T/S⌉ of T. What has no counterpart of the same shape is left out.
pub(crate) fn weights_of_layers<const TOWERS: usize>(
    shapes: &IndexMap<String, Vec<usize>>,
    towers: [(Tower<'_>, Tower<'_>); TOWERS],
    weights: &Weights,
) -> Weights {
    let mut given = Weights::new();
    let mut take = |name: &str, from: &str| {
        if let Some(tensor) = weights.get(from) {
            given.insert(name.to_owned(), tensor.clone());
        }
    };
    for name in shapes.keys().filter(|name| !name.contains(".encoder.layers.")) {
        take(name, name);
    }
    for (own, other) in towers {
        for index in 0..own.layers {
            let from = ((index + 1) * other.layers).div_ceil(own.layers) - 1;
            for (name, from) in own.layer(index).all().into_iter().zip(other.layer(from).all()) {
                for kind in ["weight", "bias"] {
                    take(&format!("{name}.{kind}"), &format!("{from}.{kind}"));
                }
            }
        }
    }
    given.retain(|name, tensor| shapes.get(name).is_some_and(|shape| *shape == tensor.dims()));
    given
}
