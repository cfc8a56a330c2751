//! The head of masked language modelling.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::{Linear, Norm, WeightSource};
use crate::ModelError;
use crate::head::MaskedLanguageNames;

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
    /// The head of these names; the weights of its logits are a matrix of its own where it is `untied`. Widths are those of
    /// states, of embeddings, and of the vocabulary.
    pub(crate) fn load(
        source: WeightSource<'_>,
        names: &MaskedLanguageNames,
        untied: bool,
        [width, embedded, vocabulary]: [usize; 3],
        (linear_bias, norm_bias): (bool, bool),
        (activation, epsilon): (Activation, f64),
    ) -> Result<Self, ModelError> {
        let [dense, norm] = names.transform;
        Ok(Self {
            dense: Linear::load_with(source, dense, width, embedded, linear_bias)?,
            norm: Norm::load_with(source, norm, embedded, epsilon, norm_bias)?,
            bias: source.tensor(names.bias, &[vocabulary])?,
            output: untied.then(|| source.tensor(names.output, &[vocabulary, embedded])).transpose()?,
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
