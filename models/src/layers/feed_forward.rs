//! The position-wise feed-forward sublayer.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::Activation;

use super::{LayerSizes, Linear, Norm, Pass, Source};
use crate::ModelError;

/// Two linear layers with an activation between them and a residual norm behind.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward {
    inner: Linear,
    outer: Linear,
    norm: Norm,
    activation: Activation,
    dropout: f32,
}

impl FeedForward {
    /// Loads the linear layers and the norm of these names.
    pub(crate) fn load(
        source: Source<'_>,
        [inner, outer, norm]: [&str; 3],
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            inner: Linear::load(source, inner, sizes.width, sizes.inner)?,
            outer: Linear::load(source, outer, sizes.inner, sizes.width)?,
            norm: Norm::load(source, norm, sizes.width, sizes.epsilon)?,
            activation: sizes.activation,
            dropout: sizes.dropout,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, pass: Pass<'_>) -> Result<Tensor, ModelError> {
        let inner = self.inner.forward(x, self.activation)?;
        let outer = self.outer.forward(&inner, Activation::Identity)?;
        self.norm.after(x, &outer, pass, self.dropout)
    }
}
