//! The head of masked language modelling.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::{Linear, Norm, WeightSource};
use crate::ModelError;

/// A linear layer, a norm, and the logits of the vocabulary, whose weights are the table of words or a matrix of their own.
#[derive(Debug, Clone)]
pub(crate) struct Vocabulary {
    dense: Linear,
    norm: Norm,
    bias: Tensor,
    /// The weights of the logits, where they are not the table of words.
    output: Option<Tensor>,
    activation: Activation,
}

impl Vocabulary {
    /// The head of these names: the linear layer, the norm, and the whole name of the bias of the logits; and of their
    /// weights, if they are not the table of words.
    pub(crate) fn load(
        source: WeightSource<'_>,
        [dense, norm, bias]: [&str; 3],
        output: Option<&str>,
        (width, vocabulary): (usize, usize),
        (activation, epsilon): (Activation, f64),
    ) -> Result<Self, ModelError> {
        Ok(Self {
            dense: Linear::load(source, dense, width, width)?,
            norm: Norm::load(source, norm, width, epsilon)?,
            bias: source.tensor(bias, &[vocabulary])?,
            output: output.map(|output| source.tensor(output, &[vocabulary, width])).transpose()?,
            activation,
        })
    }

    /// The logits of each state, `[.., vocabulary]`.
    pub(crate) fn forward(&self, hidden: &Tensor, words: &Tensor) -> Result<Tensor, ModelError> {
        let transformed = self.norm.forward(&self.dense.forward(hidden, self.activation)?)?;
        let words = self.output.as_ref().unwrap_or(words);
        Ok(ops::linear(&transformed, words, Some(&self.bias), Activation::Identity)?)
    }
}
