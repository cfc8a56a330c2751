//! The post-norm transformer encoder that Marian's and BERT's families share.

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{Activation, AttentionMask};

use super::{AttentionNames, FeedForward, Norm, Pass, Place, SelfAttention, Source};
use crate::outline::tap;
use crate::{ModelError, Trace};

/// Sizes and settings of a layer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LayerSizes {
    pub(crate) width: usize,
    pub(crate) heads: usize,
    /// Inner width of the feed-forward sublayer.
    pub(crate) inner: usize,
    pub(crate) activation: Activation,
    /// Added to the variance in layer norms.
    pub(crate) epsilon: f64,
    /// Of sublayers.
    pub(crate) dropout: f32,
    /// Of attention probabilities.
    pub(crate) attention_dropout: f32,
}

/// Names of the tensors of one layer, `.weight` and `.bias` left out.
#[derive(Debug, Clone)]
pub struct EncoderNames {
    /// The attention block.
    pub attention: AttentionNames,
    /// The norm behind it.
    pub attention_norm: String,
    /// First and second linear layer of the feed-forward sublayer, and its norm.
    pub feed_forward: [String; 3],
}

#[derive(Debug, Clone)]
struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    feed_forward: FeedForward,
}

/// A stack of layers over embedded tokens.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    layers: Vec<Layer>,
    stream: &'static str,
    dropout: f32,
}

impl Encoder {
    /// Loads the layers of these names. Taps bear the name of the stream in front.
    pub(crate) fn load(
        source: Source<'_>,
        names: &[EncoderNames],
        sizes: &LayerSizes,
        stream: &'static str,
    ) -> Result<Self, ModelError> {
        let layers = names
            .iter()
            .enumerate()
            .map(|(layer, names)| {
                let place = Place { stream, layer };
                let [inner, outer, norm] = &names.feed_forward;
                Ok(Layer {
                    attention: SelfAttention::load(source, &names.attention, sizes, place)?,
                    attention_norm: Norm::load(source, &names.attention_norm, sizes.width, sizes.epsilon)?,
                    feed_forward: FeedForward::load(source, [inner, outer, norm], sizes)?,
                })
            })
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { layers, stream, dropout: sizes.dropout })
    }

    /// The last hidden state `[batch, length, width]`, after at most `depth` layers.
    pub(crate) fn forward(
        &self,
        embedded: Tensor,
        mask: &AttentionMask,
        depth: usize,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let tap = |layer| tap(self.stream, "hidden", layer);
        let mut hidden = embedded;
        trace.record(&tap(0), &hidden);
        for (index, layer) in self.layers.iter().enumerate().take(depth) {
            let attended = layer.attention.forward(&hidden, mask, pass, trace)?;
            hidden = layer.attention_norm.after(&hidden, &attended, pass, self.dropout)?;
            hidden = layer.feed_forward.forward(&hidden, pass)?;
            trace.record(&tap(index + 1), &hidden);
        }
        Ok(hidden)
    }
}
