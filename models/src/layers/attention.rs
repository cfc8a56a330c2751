//! Multi-head attention with its projections.

use std::sync::Arc;

use alambic_tensor::candle::{self, D, Module, Tensor};
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, ImagePattern, Rotation, attend_cross,
    attend_cross_with_taps, attend_packed, attend_packed_with_taps, rotate,
};

use super::cache::LayerCache;
use super::disentangled::DisentangledBias;
use super::{LayerSizes, Linear, Packed, Pass, WeightSource};
use crate::outline::{ATTENTION, tap};
use crate::{ModelError, TapSelection, Trace};

/// Names of the four projections of an attention block, `.weight` and `.bias` left out. Queries, keys and values whose rows follow
/// on each other in one tensor have one name.
#[derive(Debug, Clone)]
pub struct AttentionNames {
    /// The queries' projection.
    pub query: String,
    /// The keys' projection.
    pub key: String,
    /// The values' projection.
    pub value: String,
    /// The projection of the context.
    pub output: String,
}

/// Place of a block in its network: the stream, empty if there is only one, and the layer, counted from 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) stream: &'static str,
    pub(crate) layer: usize,
}

impl Place {
    /// The name of a tap of the block.
    fn tap(self, kind: &str) -> String {
        tap(self.stream, kind, self.layer)
    }
}

/// Common part of self- and cross-attention.
#[derive(Debug, Clone)]
struct Block {
    output: Linear,
    heads: AttentionHeads,
    /// Share of the probabilities that is dropped in training.
    dropout: f32,
    place: Place,
}

impl Block {
    fn load(
        source: WeightSource<'_>,
        names: &AttentionNames,
        sizes: &LayerSizes,
        place: Place,
    ) -> Result<Self, ModelError> {
        let width = sizes.attention_width();
        let mut heads = AttentionHeads::new(sizes.heads, width)?;
        if sizes.options.is_unscaled {
            heads.scale = 1.0;
        }
        Ok(Self {
            output: Linear::load_with(source, &names.output, width, sizes.width, sizes.biases.linear)?,
            heads,
            dropout: sizes.attention_dropout,
            place,
        })
    }

    /// The mask with dropout of the probabilities of queries over keys, each `[batch, length, ..]` or `[tokens, ..]`.
    fn dropping(
        &self,
        mask: &AttentionMask,
        pass: Pass<'_>,
        queries: &Tensor,
        keys: &Tensor,
    ) -> Result<AttentionMask, ModelError> {
        let pairs = match &mask.ragged {
            Some(pairs) => pairs.count(),
            None => queries.dim(0)? * queries.dim(1)? * keys.dim(1)?,
        };
        Ok(mask.with_dropout(pass.mask(self.heads.count * pairs, self.dropout)))
    }

    fn tapped(&self, trace: &Trace) -> bool {
        ATTENTION.iter().any(|kind| trace.wants(&self.place.tap(kind)))
    }

    /// Records what is wanted of query, key and value, each `part` of them, and of what attention gave, and gives the context.
    fn recorded(
        &self,
        (context, scores, probabilities): (Tensor, Tensor, Tensor),
        mask: &AttentionMask,
        part: impl Fn(usize) -> candle::Result<Tensor>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        for (index, kind) in ATTENTION.into_iter().enumerate() {
            let name = self.place.tap(kind);
            if trace.wants(&name) {
                let tensor = match index {
                    3 => scores.clone(),
                    4 => probabilities.clone(),
                    _ => match &mask.ragged {
                        None => part(index)?,
                        Some(pairs) if index == 0 => pairs.queries.pad(&part(index)?)?,
                        Some(pairs) => pairs.keys.pad(&part(index)?)?,
                    },
                };
                trace.record(&name, &tensor);
            }
        }
        Ok(context)
    }

    fn project(&self, context: &Tensor) -> Result<Tensor, ModelError> {
        self.output.forward(context, Activation::Identity)
    }
}

/// Attention beside products of queries with keys.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttentionScheme {
    /// Rotation of queries and keys by their positions, counted from 0.
    pub(crate) rotation: Option<Rotation>,
    /// Tokens to either side that a token sees.
    pub(crate) window: Option<usize>,
    /// Scores of contents with relative positions.
    pub(crate) disentangled: Option<DisentangledBias>,
    /// What the tokens of an image see of it; none where they see all of it.
    pub(crate) image: Option<ImagePattern>,
}

/// Attention of a sequence over itself.
#[derive(Debug, Clone)]
pub(crate) struct SelfAttention {
    /// Query, key and value.
    input: Packed,
    block: Block,
    scheme: AttentionScheme,
}

impl SelfAttention {
    pub(crate) fn load(
        source: WeightSource<'_>,
        names: &AttentionNames,
        sizes: &LayerSizes,
        place: Place,
    ) -> Result<Self, ModelError> {
        Self::load_with(source, names, sizes, AttentionScheme::default(), place)
    }

    pub(crate) fn load_with(
        source: WeightSource<'_>,
        names: &AttentionNames,
        sizes: &LayerSizes,
        scheme: AttentionScheme,
        place: Place,
    ) -> Result<Self, ModelError> {
        let input = [names.query.as_str(), &names.key, &names.value];
        let mut block = Block::load(source, names, sizes, place)?;
        if let Some(disentangled) = &scheme.disentangled {
            block.heads.scale = disentangled.scale(sizes.width / sizes.heads.max(1));
        }
        Ok(Self {
            input: Packed::load(source, &input, sizes.width, sizes.attention_width(), sizes.biases.linear)?,
            block,
            scheme,
        })
    }

    /// The sublayer over `x` `[batch, length, width]`, or `[tokens, width]` with a ragged mask.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        self.attend(self.input.forward(x)?, x, mask, pass, trace)
    }

    /// The same, which keeps the keys and values of each row's first `counts` tokens in a cache.
    pub(crate) fn fill(
        &self,
        x: &Tensor,
        mask: &AttentionMask,
        counts: &[usize],
        cache: &mut LayerCache,
    ) -> Result<Tensor, ModelError> {
        let packed = self.input.forward(x)?;
        cache.append(&packed, counts)?;
        let mut untapped = Trace::new(TapSelection::nothing());
        self.attend(packed, x, mask, Pass::Evaluate, &mut untapped)
    }

    fn attend(
        &self,
        mut packed: Tensor,
        x: &Tensor,
        mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let width = packed.dim(D::Minus1)? / 3;
        if let Some(rotation) = &self.scheme.rotation {
            packed = rotate(&packed, 2 * width, rotation, &positions(&packed, mask)?)?;
        }
        let mut mask = self.block.dropping(mask, pass, x, x)?;
        if self.scheme.window.is_some() {
            mask = mask.with_window(self.scheme.window);
        }
        mask = mask.with_image_pattern(self.scheme.image);
        if let Some(disentangled) = &self.scheme.disentangled {
            mask = mask.with_bias(Some(disentangled.bias(&packed, self.block.heads, pass)?));
        }
        let mask = &mask;
        let context = if self.block.tapped(trace) {
            let given = attend_packed_with_taps(&packed, self.block.heads, mask)?;
            let part = |index| packed.narrow(D::Minus1, index * width, width);
            self.block.recorded(given, mask, part, trace)?
        } else {
            attend_packed(&packed, self.block.heads, mask)?
        };
        self.block.project(&context)
    }

    /// Query, key and value of new tokens for a cache, `[batch, 1, 3 * width of all heads]`.
    pub(crate) fn project_step(&self, x: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.input.forward(x)?)
    }

    /// One decoding step over a cache `[batch, capacity, 2 * width of all heads]` of which `length` rows are used; `bias`,
    /// `[heads, length]`, is added to the scores.
    pub(crate) fn forward_cached(
        &self,
        query: &Tensor,
        cache: &[f32],
        capacity: usize,
        length: usize,
        bias: Option<&[f32]>,
    ) -> Result<Tensor, ModelError> {
        self.block.project(&ops::attend_cached(query, cache, capacity, length, self.block.heads, bias)?)
    }

    /// The sublayer over the next token of each row, `[rows, 1, width]`, which joins the cache and sees these keys of it.
    pub(crate) fn step(
        &self,
        x: &Tensor,
        cache: &mut LayerCache,
        keys: &[Vec<u32>],
    ) -> Result<Tensor, ModelError> {
        let packed = self.project_step(x)?;
        cache.push(&packed)?;
        let query = packed.narrow(2, 0, cache.width())?.contiguous()?;
        let (rows, capacity) = (cache.rows(), cache.capacity());
        self.block.project(&ops::attend_cached_keys(&query, rows, capacity, keys, self.block.heads)?)
    }
}

/// The position of each row of packed queries, keys and values in its sequence.
fn positions(packed: &Tensor, mask: &AttentionMask) -> Result<Arc<Vec<u32>>, ModelError> {
    if let Some(pairs) = &mask.ragged {
        return Ok(Arc::new(pairs.queries.positions()));
    }
    let (batch, length, _) = packed.dims3()?;
    Ok(Arc::new((0..batch).flat_map(|_| 0..length as u32).collect()))
}

/// Attention of one sequence over another.
#[derive(Debug, Clone)]
pub(crate) struct CrossAttention {
    query: Linear,
    key_value: Packed,
    block: Block,
}

impl CrossAttention {
    pub(crate) fn load(
        source: WeightSource<'_>,
        names: &AttentionNames,
        sizes: &LayerSizes,
        place: Place,
    ) -> Result<Self, ModelError> {
        let outputs = sizes.attention_width();
        let linear = |name: &str| Linear::load_with(source, name, sizes.width, outputs, sizes.biases.linear);
        Ok(Self {
            query: linear(&names.query)?,
            key_value: Packed::new(vec![linear(&names.key)?, linear(&names.value)?])?,
            block: Block::load(source, names, sizes, place)?,
        })
    }

    /// Keys and values of the other sequence, `[.., 2 * width of all heads]`.
    pub(crate) fn project_memory(&self, memory: &Tensor) -> Result<Tensor, ModelError> {
        Ok(self.key_value.forward(memory)?)
    }

    /// The sublayer over `x` `[batch, length, width]`, or `[tokens, width]` with a ragged mask, and what
    /// [`Self::project_memory`] gave.
    pub(crate) fn forward(
        &self,
        x: &Tensor,
        key_value: &Tensor,
        mask: &AttentionMask,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<Tensor, ModelError> {
        let query = self.query.forward(x, Activation::Identity)?;
        let width = query.dim(D::Minus1)?;
        let mask = &self.block.dropping(mask, pass, x, key_value)?;
        let context = if self.block.tapped(trace) {
            let given = attend_cross_with_taps(&query, key_value, self.block.heads, mask)?;
            let part = |index: usize| match index {
                0 => Ok(query.clone()),
                _ => key_value.narrow(D::Minus1, (index - 1) * width, width),
            };
            self.block.recorded(given, mask, part, trace)?
        } else {
            attend_cross(&query, key_value, self.block.heads, mask)?
        };
        self.block.project(&context)
    }
}
