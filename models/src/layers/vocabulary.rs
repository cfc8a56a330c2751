//! The head of masked language modelling.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{self, Activation};

use super::{Linear, Norm, Source};
use crate::ModelError;

/// A linear layer, a norm, and the logits of the vocabulary, whose weights are the table of words.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    dense: Linear,
    norm: Norm,
    bias: Tensor,
    activation: Activation,
}

impl Vocabulary {
    /// The head of these names: the linear layer, the norm, and the whole name of the bias of the logits.
    pub(crate) fn load(
        source: Source<'_>,
        [dense, norm, bias]: [&str; 3],
        (width, vocabulary): (usize, usize),
        (activation, epsilon): (Activation, f64),
    ) -> Result<Self, ModelError> {
        Ok(Self {
            dense: Linear::load(source, dense, width, width)?,
            norm: Norm::load(source, norm, width, epsilon)?,
            bias: source.tensor(bias, &[vocabulary])?,
            activation,
        })
    }

    /// The logits of each state, `[.., vocabulary]`.
    pub(crate) fn forward(&self, hidden: &Tensor, words: &Tensor) -> Result<Tensor, ModelError> {
        let transformed = self.norm.forward(&self.dense.forward(hidden, self.activation)?)?;
        Ok(ops::linear(&transformed, words, Some(&self.bias), Activation::Identity)?)
    }
}
