//! The decoder, over whole sequences and one token at a time.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::AttentionMask;

use super::MarianConfig;
use super::cache::{LayerCache, Memory};
use super::encoder::{EPSILON, FeedForward};
use crate::layers::{Attention, Pass, ResidualNorm, Source};
use crate::{ModelError, Trace};

#[derive(Debug, Clone)]
struct Layer {
    attention: Attention,
    attention_norm: ResidualNorm,
    cross: Attention,
    cross_norm: ResidualNorm,
    feed_forward: FeedForward,
}

/// The stack of decoder layers, over embedded tokens.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    layers: Vec<Layer>,
    dropout: f32,
}

impl Decoder {
    pub(super) fn load(source: Source<'_>, config: &MarianConfig) -> Result<Self, ModelError> {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let layers = (0..config.decoder_layers)
            .map(|index| {
                let name = format!("model.decoder.layers.{index}");
                let attention = |part: &str, place| {
                    Attention::load(source, &format!("{name}.{part}"), width, heads, (place, index))
                };
                let norm = |part: &str| ResidualNorm::load(source, &format!("{name}.{part}"), width, EPSILON);
                Ok(Layer {
                    attention: attention("self_attn", "decoder")?,
                    attention_norm: norm("self_attn_layer_norm")?,
                    cross: attention("encoder_attn", "cross")?,
                    cross_norm: norm("encoder_attn_layer_norm")?,
                    feed_forward: FeedForward::load(source, &name, config, config.decoder_ffn_dim)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { layers, dropout: config.dropout })
    }

    /// Hidden states `[batch, length, width]` of a whole target sequence.
    pub(super) fn forward(
        &self,
        embedded: &Tensor,
        memory: &Tensor,
        memory_mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let mut hidden = pass.dropout(embedded, self.dropout)?;
        trace.record("decoder.hidden.0", &hidden);
        let causal = AttentionMask::causal();
        for (index, layer) in self.layers.iter().enumerate() {
            let attended = layer.attention.attend_self(&hidden, &causal, trace)?;
            hidden = layer.attention_norm.forward(&hidden, &attended, pass, self.dropout)?;
            let key_value = layer.cross.project_memory(memory)?;
            let attended = layer.cross.attend_memory(&hidden, &key_value, memory_mask, trace)?;
            hidden = layer.cross_norm.forward(&hidden, &attended, pass, self.dropout)?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
            trace.record(&format!("decoder.hidden.{}", index + 1), &hidden);
        }
        Ok(hidden)
    }

    /// Keys and values of the encoder's output for every layer.
    pub(super) fn project_memory(&self, memory: &Tensor) -> Result<Vec<Tensor>, ModelError> {
        self.layers.iter().map(|layer| layer.cross.project_memory(memory)).collect()
    }

    /// Hidden states `[batch, 1, width]` of the next token, whose keys and values join the caches.
    pub(super) fn step(
        &self,
        embedded: &Tensor,
        caches: &mut [LayerCache],
        memory: &Memory,
    ) -> Result<Tensor, ModelError> {
        let mut hidden = embedded.clone();
        let mut untapped = Trace::new(crate::Wanted::nothing());
        let width = embedded.dim(2)?;
        for ((layer, cache), key_value) in self.layers.iter().zip(caches).zip(&memory.key_values) {
            let projected = layer.attention.project_step(&hidden)?;
            cache.push(&projected)?;
            let query = projected.narrow(2, 0, width)?.contiguous()?;
            let attended =
                layer.attention.attend_cached(&query, cache.rows(), cache.capacity(), cache.length())?;
            hidden = layer.attention_norm.forward(&hidden, &attended, Pass::Evaluate, 0.0)?;
            let attended = layer.cross.attend_memory(&hidden, key_value, &memory.mask, &mut untapped)?;
            hidden = layer.cross_norm.forward(&hidden, &attended, Pass::Evaluate, 0.0)?;
            hidden = layer.feed_forward.forward(&hidden, Pass::Evaluate)?;
        }
        Ok(hidden)
    }
}
