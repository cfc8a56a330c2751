//! The position-wise feed-forward sublayer.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::{LayerSizes, Linear, Norm, Norms, Packed, Pass, WeightSource};
use crate::ModelError;

/// Two linear layers with an activation between them, a norm and a residual sum.
#[derive(Debug, Clone)]
pub(crate) struct FeedForward {
    inner: Packed,
    /// Whether the first half of what `inner` gives is activated and multiplied by the second, or all of it activated.
    is_gated: bool,
    outer: Linear,
    norm: Norm,
    activation: Activation,
    dropout: f32,
    inner_dropout: f32,
    norms: Norms,
}

impl FeedForward {
    /// Loads the linear layers and the norm of these names, and the linear layer of a gate, if there is one.
    pub(crate) fn load_gated(
        source: WeightSource<'_>,
        [inner, outer, norm]: [&str; 3],
        gate: Option<&str>,
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        let (width, inner_width, has_bias) = (sizes.width, sizes.intermediate_size, sizes.biases.linear);
        let names: Vec<&str> = std::iter::once(inner).chain(gate).collect();
        Ok(Self {
            inner: Packed::load(source, &names, width, inner_width, has_bias)?,
            is_gated: gate.is_some(),
            outer: Linear::load_with(source, outer, inner_width, width, has_bias)?,
            norm: Norm::load_sized(source, norm, sizes)?,
            activation: sizes.activation,
            dropout: sizes.dropout,
            inner_dropout: sizes.options.inner_dropout,
            norms: sizes.norms,
        })
    }

    pub(crate) fn forward(&self, x: &Tensor, pass: Pass<'_>) -> Result<Tensor, ModelError> {
        let sublayer = |x: &Tensor| {
            let inner = if self.is_gated {
                ops::gated(&self.inner.forward(x)?, self.activation)?
            } else {
                self.inner.activated(x, self.activation)?
            };
            self.outer.forward(&pass.dropout(&inner, self.inner_dropout)?, Activation::Identity)
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
