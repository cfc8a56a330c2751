//! The head of answers that ViLT and DiDE have.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::{Linear, Norm, WeightSource};
use crate::ModelError;

/// Added to the variance in the norm of a head of answers: PyTorch's default, as no configuration names it.
pub const ANSWERS_EPSILON: f64 = 1e-5;

/// A linear layer, a norm, a GELU and another linear layer: the parts 0, 1, 2 and 3 of a sequence of modules.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    inner: Linear,
    norm: Norm,
    outer: Linear,
}

impl Answers {
    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        [inputs, inner, outputs]: [usize; 3],
    ) -> Result<Self, ModelError> {
        Ok(Self {
            inner: Linear::load(source, &format!("{name}.0"), inputs, inner)?,
            norm: Norm::load(source, &format!("{name}.1"), inner, ANSWERS_EPSILON)?,
            outer: Linear::load(source, &format!("{name}.3"), inner, outputs)?,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        let inner = self.norm.forward(&self.inner.forward(x, Activation::Identity)?)?;
        self.outer.forward(&ops::activate(&inner, Activation::Gelu)?, Activation::Identity)
    }
}
