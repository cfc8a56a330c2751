//! The transformer encoder that all architectures share.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::AttentionMask;

use super::{
    AttentionNames, AttentionScheme, FeedForward, LayerCache, LayerSizes, Norm, Norms, Pass, Place,
    SelfAttention, Sequences, WeightSource,
};
use crate::outline::tap;
use crate::{ModelError, TapSelection, Trace};

/// Names of the tensors of one layer, `.weight` and `.bias` left out.
#[derive(Debug, Clone)]
pub struct EncoderNames {
    /// The attention block.
    pub attention: AttentionNames,
    /// Its norm; none where the states are normed before the layer.
    pub attention_norm: Option<String>,
    /// First and second linear layer of the feed-forward sublayer, and its norm.
    pub feed_forward: [String; 3],
    /// Linear layer whose output multiplies that of the first one, where the sublayer is gated; of the same name where both are
    /// one tensor, whose first rows are those of the first layer.
    pub gate: Option<String>,
}

impl EncoderNames {
    /// All of them, each layer's in the same order.
    #[must_use]
    pub fn all(self) -> Vec<String> {
        let AttentionNames { query, key, value, output } = self.attention;
        let own = [query, key, value, output].into_iter().chain(self.attention_norm);
        own.chain(self.feed_forward).chain(self.gate).collect()
    }
}

/// Self-attention and a feed-forward sublayer.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    attention: SelfAttention,
    attention_norm: Option<Norm>,
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
        Self::load_with(source, names, sizes, AttentionScheme::default(), place)
    }

    /// A layer whose attention does more than compare queries with keys.
    pub(crate) fn load_with(
        source: WeightSource<'_>,
        names: &EncoderNames,
        sizes: &LayerSizes,
        scheme: AttentionScheme,
        place: Place,
    ) -> Result<Self, ModelError> {
        let [inner, outer, norm] = &names.feed_forward;
        let attention_norm = names.attention_norm.as_ref();
        Ok(Self {
            attention: SelfAttention::load_with(source, &names.attention, sizes, scheme, place)?,
            attention_norm: attention_norm.map(|name| Norm::load_sized(source, name, sizes)).transpose()?,
            feed_forward: FeedForward::load_gated(
                source,
                [inner, outer, norm],
                names.gate.as_deref(),
                sizes,
            )?,
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
        self.around(hidden, pass, |x| self.attention.forward(x, mask, pass, trace))
    }

    /// The layer with another way to attend.
    fn around(
        &self,
        hidden: &Tensor,
        pass: Pass<'_>,
        attend: impl FnOnce(&Tensor) -> Result<Tensor, ModelError>,
    ) -> Result<Tensor, ModelError> {
        let attended = match (self.norms, &self.attention_norm) {
            (Norms::After, Some(norm)) => norm.after(hidden, &attend(hidden)?, pass, self.dropout)?,
            (_, norm) => {
                let normed = norm.as_ref().map(|norm| norm.forward(hidden)).transpose()?;
                let attended = attend(normed.as_ref().unwrap_or(hidden))?;
                (hidden + pass.dropout(&attended, self.dropout)?)?
            }
        };
        self.feed_forward.forward(&attended, pass)
    }
}

/// Branch beside a layer: one state of the layer's input and its output.
pub(crate) type Branch<'a> = dyn Fn(&Tensor, &Tensor) -> Result<Tensor, ModelError> + 'a;

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

    /// The same of layers that differ in their attention.
    pub(crate) fn load_each(
        source: WeightSource<'_>,
        layers: Vec<(EncoderNames, AttentionScheme)>,
        sizes: &LayerSizes,
        stream: &'static str,
    ) -> Result<Self, ModelError> {
        let load = |(layer, (names, scheme)): (usize, (EncoderNames, AttentionScheme))| {
            Layer::load_with(source, &names, sizes, scheme, Place { stream, layer })
        };
        Ok(Self { layers: layers.into_iter().enumerate().map(load).collect::<Result<_, _>>()?, stream })
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
        self.forward_with_branch(embedded, (sequences, mask), depth, None, pass, trace)
    }

    /// The same with a branch beside the first layer, which makes one state of the embedded tokens and the layer's output.
    pub(crate) fn forward_with_branch(
        &self,
        embedded: Tensor,
        (sequences, mask): (&Sequences, &AttentionMask),
        depth: usize,
        branch: Option<&Branch<'_>>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let tap = |layer| tap(self.stream, "hidden", layer);
        let mut hidden = embedded;
        sequences.record(&tap(0), &hidden, trace)?;
        for (index, layer) in self.layers.iter().enumerate().take(depth) {
            let output = layer.forward(&hidden, mask, pass, trace)?;
            hidden = match branch.filter(|_| index == 0) {
                Some(branch) => branch(&hidden, &output)?,
                None => output,
            };
            sequences.record(&tap(index + 1), &hidden, trace)?;
        }
        Ok(hidden)
    }

    /// The same over sources of which the first `counts` tokens of each row join the caches, one a layer; nothing is dropped.
    pub(crate) fn fill(
        &self,
        embedded: Tensor,
        mask: &AttentionMask,
        counts: &[u32],
        caches: &mut [LayerCache],
    ) -> Result<Tensor, ModelError> {
        let counts: Vec<usize> = counts.iter().map(|&count| count as usize).collect();
        let mut hidden = embedded;
        for (layer, cache) in self.layers.iter().zip(caches) {
            hidden =
                layer.around(&hidden, Pass::Evaluate, |x| layer.attention.fill(x, mask, &counts, cache))?;
        }
        Ok(hidden)
    }

    /// The same of the next token of each row, `[rows, 1, width]`, which joins the caches and sees in each layer these keys of it.
    pub(crate) fn step(
        &self,
        embedded: Tensor,
        caches: &mut [LayerCache],
        keys: &[Vec<Vec<u32>>],
    ) -> Result<Tensor, ModelError> {
        let mut hidden = embedded;
        for ((layer, cache), keys) in self.layers.iter().zip(caches).zip(keys) {
            hidden = layer.around(&hidden, Pass::Evaluate, |x| layer.attention.step(x, cache, keys))?;
        }
        Ok(hidden)
    }
}
