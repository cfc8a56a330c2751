//! The encoder.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{Activation, AttentionMask};

use super::MarianConfig;
use crate::layers::{Attention, Linear, Pass, ResidualNorm, Source};
use crate::{ModelError, Trace};

/// Layer norms of transformers' Marian use PyTorch's default.
pub(super) const EPSILON: f64 = 1e-5;

/// The position-wise feed-forward sublayer with its residual norm.
#[derive(Debug, Clone)]
pub(super) struct FeedForward {
    inner: Linear,
    outer: Linear,
    norm: ResidualNorm,
    activation: Activation,
    dropout: f32,
}

impl FeedForward {
    pub(super) fn load(
        source: Source<'_>,
        name: &str,
        config: &MarianConfig,
        inner: usize,
    ) -> Result<Self, ModelError> {
        let width = config.d_model;
        Ok(Self {
            inner: Linear::load(source, &format!("{name}.fc1"), width, inner)?,
            outer: Linear::load(source, &format!("{name}.fc2"), inner, width)?,
            norm: ResidualNorm::load(source, &format!("{name}.final_layer_norm"), width, EPSILON)?,
            activation: config.activation()?,
            dropout: config.dropout,
        })
    }

    pub(super) fn forward(&self, x: &Tensor, pass: Pass<'_>) -> Result<Tensor, ModelError> {
        let inner = self.inner.forward(x, self.activation)?;
        let outer = self.outer.forward(&inner, Activation::Identity)?;
        self.norm.forward(x, &outer, pass, self.dropout)
    }
}

#[derive(Debug, Clone)]
struct Layer {
    attention: Attention,
    attention_norm: ResidualNorm,
    feed_forward: FeedForward,
}

/// The stack of encoder layers, over embedded tokens.
#[derive(Debug, Clone)]
pub(super) struct Encoder {
    layers: Vec<Layer>,
    dropout: f32,
}

impl Encoder {
    pub(super) fn load(source: Source<'_>, config: &MarianConfig) -> Result<Self, ModelError> {
        let layers = (0..config.encoder_layers)
            .map(|index| {
                let name = format!("model.encoder.layers.{index}");
                Ok(Layer {
                    attention: Attention::load(
                        source,
                        &format!("{name}.self_attn"),
                        config.d_model,
                        config.encoder_attention_heads,
                        ("encoder", index),
                    )?,
                    attention_norm: ResidualNorm::load(
                        source,
                        &format!("{name}.self_attn_layer_norm"),
                        config.d_model,
                        EPSILON,
                    )?,
                    feed_forward: FeedForward::load(source, &name, config, config.encoder_ffn_dim)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { layers, dropout: config.dropout })
    }

    pub(super) fn forward(
        &self,
        embedded: &Tensor,
        mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let mut hidden = pass.dropout(embedded, self.dropout)?;
        trace.record("encoder.hidden.0", &hidden);
        for (index, layer) in self.layers.iter().enumerate() {
            let attended = layer.attention.attend_self(&hidden, mask, trace)?;
            hidden = layer.attention_norm.forward(&hidden, &attended, pass, self.dropout)?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
            trace.record(&format!("encoder.hidden.{}", index + 1), &hidden);
        }
        Ok(hidden)
    }
}
