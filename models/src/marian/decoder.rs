//! The decoder, over whole sequences and one token at a time.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::AttentionMask;

use super::MarianConfig;
use super::cache::{LayerCache, Memory};
use crate::layers::{CrossAttention, FeedForward, Norm, Pass, Place, SelfAttention, Sequences, WeightSource};
use crate::{ModelError, Trace};

#[derive(Debug, Clone)]
struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    cross: CrossAttention,
    cross_norm: Norm,
    feed_forward: FeedForward,
}

/// The stack of decoder layers, over embedded tokens.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    layers: Vec<Layer>,
    dropout: f32,
}

impl Decoder {
    pub(super) fn load(source: WeightSource<'_>, config: &MarianConfig) -> Result<Self, ModelError> {
        let sizes = config.decoder_sizes()?;
        let layers = (0..config.decoder_layers)
            .map(|index| {
                let names = MarianConfig::decoder_layer(index);
                let norm = |name: &str| Norm::load(source, name, sizes.width, sizes.epsilon);
                let place = |stream| Place { stream, layer: index };
                let [inner, outer, last] = &names.feed_forward;
                Ok(Layer {
                    attention: SelfAttention::load(source, &names.attention, &sizes, place("decoder"))?,
                    attention_norm: norm(&names.attention_norm)?,
                    cross: CrossAttention::load(source, &names.cross, &sizes, place("cross"))?,
                    cross_norm: norm(&names.cross_norm)?,
                    feed_forward: FeedForward::load(source, [inner, outer, last], &sizes)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { layers, dropout: config.dropout })
    }

    /// Hidden states of whole target sequences, as they lie, over embedded tokens and a memory, both `[batch, length, width]`.
    pub(super) fn forward(
        &self,
        embedded: &Tensor,
        memory: &Tensor,
        [target, source]: &[Sequences; 2],
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let (memory, memory_mask) = (&source.unpad(memory)?, &target.attention_to(source));
        let mut hidden = pass.dropout(&target.unpad(embedded)?, self.dropout)?;
        target.record("decoder.hidden.0", &hidden, trace)?;
        // Padding stands behind the tokens, which so see none of it.
        let causal = AttentionMask { causal: true, keys: None, ..target.attention() };
        for (index, layer) in self.layers.iter().enumerate() {
            let attended = layer.attention.forward(&hidden, &causal, pass, trace)?;
            hidden = layer.attention_norm.after(&hidden, &attended, pass, self.dropout)?;
            let key_value = layer.cross.project_memory(memory)?;
            let attended = layer.cross.forward(&hidden, &key_value, memory_mask, pass, trace)?;
            hidden = layer.cross_norm.after(&hidden, &attended, pass, self.dropout)?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
            target.record(&format!("decoder.hidden.{}", index + 1), &hidden, trace)?;
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
        let mut untapped = Trace::new(crate::TapSelection::nothing());
        let width = embedded.dim(2)?;
        for ((layer, cache), key_value) in self.layers.iter().zip(caches).zip(&memory.key_values) {
            let projected = layer.attention.project_step(&hidden)?;
            cache.push(&projected)?;
            let query = projected.narrow(2, 0, width)?.contiguous()?;
            let attended =
                layer.attention.forward_cached(&query, cache.rows(), cache.capacity(), cache.length())?;
            hidden = layer.attention_norm.after(&hidden, &attended, Pass::Evaluate, 0.0)?;
            let attended =
                layer.cross.forward(&hidden, key_value, &memory.mask, Pass::Evaluate, &mut untapped)?;
            hidden = layer.cross_norm.after(&hidden, &attended, Pass::Evaluate, 0.0)?;
            hidden = layer.feed_forward.forward(&hidden, Pass::Evaluate)?;
        }
        Ok(hidden)
    }
}
