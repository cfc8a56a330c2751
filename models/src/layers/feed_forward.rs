//! The position-wise feed-forward sublayer.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::Activation;

use super::{LayerSizes, Linear, Norm, Norms, Pass, WeightSource};
use crate::ModelError;

/// Two linear layers with an activation between them, a norm and a residual sum.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward {
    inner: Linear,
    outer: Linear,
    norm: Norm,
    activation: Activation,
    dropout: f32,
    norms: Norms,
}

impl FeedForward {
    /// Loads the linear layers and the norm of these names.
    pub(crate) fn load(
        source: WeightSource<'_>,
        [inner, outer, norm]: [&str; 3],
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            inner: Linear::load(source, inner, sizes.width, sizes.intermediate_size)?,
            outer: Linear::load(source, outer, sizes.intermediate_size, sizes.width)?,
            norm: Norm::load(source, norm, sizes.width, sizes.epsilon)?,
            activation: sizes.activation,
            dropout: sizes.dropout,
            norms: sizes.norms,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, pass: Pass<'_>) -> Result<Tensor, ModelError> {
        let sublayer = |x: &Tensor| {
            let inner = self.inner.forward(x, self.activation)?;
            self.outer.forward(&inner, Activation::Identity)
        };
        match self.norms {
            Norms::After => self.norm.after(x, &sublayer(x)?, pass, self.dropout),
            Norms::Before => {
                let outer = sublayer(&self.norm.forward(x)?)?;
                Ok((x + pass.dropout(&outer, self.dropout)?)?)
            }
        }
    }
}
