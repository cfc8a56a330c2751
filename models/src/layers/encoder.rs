//! The transformer encoder that all architectures share.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::AttentionMask;

use super::{
    AttentionNames, FeedForward, LayerSizes, Norm, Norms, Pass, Place, SelfAttention, Sequences, WeightSource,
};
use crate::outline::tap;
use crate::{ModelError, TapSelection, Trace};

/// Names of the tensors of one layer, `.weight` and `.bias` left out.
#[derive(Debug, Clone)]
pub struct EncoderNames {
    /// The attention block.
    pub attention: AttentionNames,
    /// Its norm.
    pub attention_norm: String,
    /// First and second linear layer of the feed-forward sublayer, and its norm.
    pub feed_forward: [String; 3],
}

impl EncoderNames {
    /// All of them, each layer's in the same order.
    pub(crate) fn all(self) -> [String; 8] {
        let AttentionNames { query, key, value, output } = self.attention;
        let [inner, outer, norm] = self.feed_forward;
        [query, key, value, output, self.attention_norm, inner, outer, norm]
    }
}

/// Self-attention and a feed-forward sublayer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    attention: SelfAttention,
    attention_norm: Norm,
    feed_forward: FeedForward,
    norms: Norms,
    dropout: f32,
}

impl Layer {
    pub(crate) fn load(
        source: WeightSource<'_>,
        names: &EncoderNames,
        sizes: &LayerSizes,
        place: Place,
    ) -> Result<Self, ModelError> {
        let [inner, outer, norm] = &names.feed_forward;
        Ok(Self {
            attention: SelfAttention::load(source, &names.attention, sizes, place)?,
            attention_norm: Norm::load(source, &names.attention_norm, sizes.width, sizes.epsilon)?,
            feed_forward: FeedForward::load(source, [inner, outer, norm], sizes)?,
            norms: sizes.norms,
            dropout: sizes.dropout,
        })
    }

    pub(crate) fn forward(
        &self,
        hidden: &Tensor,
        mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let attended = match self.norms {
            Norms::After => {
                let attended = self.attention.forward(hidden, mask, pass, trace)?;
                self.attention_norm.after(hidden, &attended, pass, self.dropout)?
            }
            Norms::Before => {
                let normed = self.attention_norm.forward(hidden)?;
                let attended = self.attention.forward(&normed, mask, pass, trace)?;
                (hidden + pass.dropout(&attended, self.dropout)?)?
            }
        };
        self.feed_forward.forward(&attended, pass)
    }
}

/// A stack of layers over embedded tokens.
#[derive(Debug, Clone)]
pub(crate) struct Encoder {
    layers: Vec<Layer>,
    stream: &'static str,
}

impl Encoder {
    /// Loads the layers of these names. Taps bear the name of the stream in front.
    pub(crate) fn load(
        source: WeightSource<'_>,
        names: &[EncoderNames],
        sizes: &LayerSizes,
        stream: &'static str,
    ) -> Result<Self, ModelError> {
        let layers = names
            .iter()
            .enumerate()
            .map(|(layer, names)| Layer::load(source, names, sizes, Place { stream, layer }))
            .collect::<Result<_, ModelError>>()?;
        Ok(Self { layers, stream })
    }

    /// The layers that the wanted taps need; all of them for a tap that is not of this stream's layers.
    pub(crate) fn depth(&self, wanted: &TapSelection) -> usize {
        let Some(names) = wanted.names() else { return self.layers.len() };
        let needed = |name: &String| {
            let own = if self.stream.is_empty() {
                Some(name.as_str())
            } else {
                name.strip_prefix(self.stream).and_then(|rest| rest.strip_prefix('.'))
            };
            match own.and_then(|own| own.split_once('.')) {
                Some(("hidden", layer)) => layer.parse().unwrap_or(self.layers.len()),
                Some((_, layer)) => layer.parse::<usize>().map_or(self.layers.len(), |layer| layer + 1),
                None => self.layers.len(),
            }
        };
        names.iter().map(needed).max().unwrap_or(0)
    }

    /// The last hidden state, as the embedded tokens lie, after at most `depth` layers; before a final norm, which a network
    /// with norms before its sublayers has.
    pub(crate) fn forward(
        &self,
        embedded: Tensor,
        (sequences, mask): (&Sequences, &AttentionMask),
        depth: usize,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let tap = |layer| tap(self.stream, "hidden", layer);
        let mut hidden = embedded;
        sequences.record(&tap(0), &hidden, trace)?;
        for (index, layer) in self.layers.iter().enumerate().take(depth) {
            hidden = layer.forward(&hidden, mask, pass, trace)?;
            sequences.record(&tap(index + 1), &hidden, trace)?;
        }
        Ok(hidden)
    }
}
