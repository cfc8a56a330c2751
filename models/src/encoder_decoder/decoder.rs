//! The decoder, over whole sequences and one token at a time.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::AttentionMask;

use super::memory::Memory;
use super::structure::{DecoderNames, Structure};
use crate::layers::{
    CrossAttention, FeedForward, LayerCache, LayerSizes, Norm, Norms, Pass, Place, SelfAttention, Sequences,
    WeightSource,
};
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
    norms: Norms,
    dropout: f32,
}

impl Decoder {
    pub(super) fn load(
        source: WeightSource<'_>,
        structure: &Structure,
        sizes: &LayerSizes,
    ) -> Result<Self, ModelError> {
        let layer = |(index, names): (usize, &DecoderNames)| {
            let norm = |name: &str| Norm::load_sized(source, name, sizes);
            let place = |stream| Place { stream, layer: index };
            let [inner, outer, last] = &names.feed_forward;
            Ok(Layer {
                attention: SelfAttention::load(source, &names.attention, sizes, place("decoder"))?,
                attention_norm: norm(&names.attention_norm)?,
                cross: CrossAttention::load(source, &names.cross, sizes, place("cross"))?,
                cross_norm: norm(&names.cross_norm)?,
                feed_forward: FeedForward::load_gated(
                    source,
                    [inner, outer, last],
                    names.gate.as_deref(),
                    sizes,
                )?,
            })
        };
        let layers = structure.decoder.layers.iter().enumerate().map(layer);
        Ok(Self {
            layers: layers.collect::<Result<_, ModelError>>()?,
            norms: sizes.norms,
            dropout: sizes.dropout,
        })
    }

    /// A sublayer with its residual sum and its norm.
    fn sublayer(
        &self,
        norm: &Norm,
        hidden: &Tensor,
        pass: Pass<'_>,
        inside: impl FnOnce(&Tensor) -> Result<Tensor, ModelError>,
    ) -> Result<Tensor, ModelError> {
        match self.norms {
            Norms::After => norm.after(hidden, &inside(hidden)?, pass, self.dropout),
            Norms::Before => {
                let inside = inside(&norm.forward(hidden)?)?;
                Ok((hidden + pass.dropout(&inside, self.dropout)?)?)
            }
        }
    }

    /// Hidden states of whole target sequences, as they lie, before a last norm, over embedded tokens as they lie and a memory
    /// `[batch, length, width]`. `bias` is added to the scores of self-attention.
    pub(super) fn forward(
        &self,
        embedded: Tensor,
        memory: &Tensor,
        [target, source]: &[Sequences; 2],
        bias: Option<Tensor>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let (memory, memory_mask) = (&source.unpad(memory)?, &target.attention_to(source));
        let mut hidden = embedded;
        target.record("decoder.hidden.0", &hidden, trace)?;
        // Padding stands behind the tokens, which so see none of it.
        let causal = AttentionMask { causal: true, keys: None, bias, ..target.attention() };
        for (index, layer) in self.layers.iter().enumerate() {
            hidden = self.sublayer(&layer.attention_norm, &hidden, pass, |x| {
                layer.attention.forward(x, &causal, pass, trace)
            })?;
            let key_value = layer.cross.project_memory(memory)?;
            hidden = self.sublayer(&layer.cross_norm, &hidden, pass, |x| {
                layer.cross.forward(x, &key_value, memory_mask, pass, trace)
            })?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
            target.record(&format!("decoder.hidden.{}", index + 1), &hidden, trace)?;
        }
        Ok(hidden)
    }

    /// Keys and values of the encoder's output for every layer.
    pub(super) fn project_memory(&self, memory: &Tensor) -> Result<Vec<Tensor>, ModelError> {
        self.layers.iter().map(|layer| layer.cross.project_memory(memory)).collect()
    }

    /// Hidden states `[batch, 1, width]` of the next token, before a last norm, whose keys and values join the caches. `bias`,
    /// `[heads, tokens so far]`, is added to the scores of self-attention.
    pub(super) fn step(
        &self,
        embedded: &Tensor,
        caches: &mut [LayerCache],
        memory: &Memory,
        bias: Option<&[f32]>,
    ) -> Result<Tensor, ModelError> {
        let mut hidden = embedded.clone();
        let mut untapped = Trace::new(crate::TapSelection::nothing());
        let pass = Pass::Evaluate;
        for ((layer, cache), key_value) in self.layers.iter().zip(caches).zip(&memory.key_values) {
            hidden = self.sublayer(&layer.attention_norm, &hidden, pass, |x| {
                let projected = layer.attention.project_step(x)?;
                cache.push(&projected)?;
                let query = projected.narrow(2, 0, cache.width())?.contiguous()?;
                let (rows, capacity, length) = (cache.rows(), cache.capacity(), cache.length());
                layer.attention.forward_cached(&query, rows, capacity, length, bias)
            })?;
            hidden = self.sublayer(&layer.cross_norm, &hidden, pass, |x| {
                layer.cross.forward(x, key_value, &memory.mask, pass, &mut untapped)
            })?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
        }
        Ok(hidden)
    }
}
