//! Attention of one new token over a cache of earlier ones.

use candle_core::{Result, Tensor, bail};
use rayon::prelude::*;

use super::AttentionHeads;
use crate::buffer;
use crate::ops::softmax::softmax_row;
use crate::vector::{self, add_scaled, vectorised};

vectorised! {
    /// Scaled products of a query with keys that are `step` apart.
    fn write_scores(query: &[f32], keys: &[f32], step: usize, scale: f32, scores: &mut [f32]) {
        for (index, score) in scores.iter_mut().enumerate() {
            *score = scale * vector::dot(query, &keys[index * step..][..query.len()]);
        }
    }
}

vectorised! {
    /// Adds values that are `step` apart, each times its probability.
    fn add_weighted(probabilities: &[f32], values: &[f32], step: usize, context: &mut [f32]) {
        for (index, probability) in probabilities.iter().enumerate() {
            for (context, value) in context.iter_mut().zip(&values[index * step..]) {
                *context += probability * value;
            }
        }
    }
}

/// One decoding step: the context `[batch, 1, width]` of one query an example over the first `length` rows of its
/// cache, `[batch, capacity, 2 * width]` of key and value. `bias`, `[heads, length]`, is added to the scores of every example.
/// Has no gradient.
///
/// # Errors
/// When the shapes do not fit or the query is not `f32`.
pub fn attend_cached(
    query: &Tensor,
    cache: &[f32],
    capacity: usize,
    length: usize,
    heads: AttentionHeads,
    bias: Option<&[f32]>,
) -> Result<Tensor> {
    let lengths = vec![length; query.dim(0)?];
    attend_rows(query, (cache, capacity), &lengths, heads, bias)
}

/// The same over as many rows of each example's cache as `lengths` says, as sources of different lengths need.
///
/// # Errors
/// As of [`attend_cached`].
pub fn attend_cached_rows(
    query: &Tensor,
    cache: &[f32],
    capacity: usize,
    lengths: &[usize],
    heads: AttentionHeads,
) -> Result<Tensor> {
    attend_rows(query, (cache, capacity), lengths, heads, None)
}

/// Attention over a cache of a capacity. A bias goes with rows of one length.
fn attend_rows(
    query: &Tensor,
    (cache, capacity): (&[f32], usize),
    lengths: &[usize],
    heads: AttentionHeads,
    bias: Option<&[f32]>,
) -> Result<Tensor> {
    let (batch, queries, width) = query.dims3()?;
    let used = lengths.len() == batch && lengths.iter().all(|length| (1..=capacity).contains(length));
    if queries != 1 || !used || cache.len() != batch * capacity * 2 * width {
        bail!(
            "attention: a cache of {} values, {lengths:?} of {capacity} rows used, does not fit a query of {:?}",
            cache.len(),
            query.shape()
        )
    }
    heads.check(width)?;
    let longest = lengths.iter().max().copied().unwrap_or(1);
    if let Some(bias) = bias.filter(|bias| bias.len() != heads.count * longest) {
        bail!(
            "attention: a bias of {} values does not fit {} heads over {longest} rows",
            bias.len(),
            heads.count
        )
    }
    let (step, head_width) = (2 * width, width / heads.count);
    let context = buffer::with_slice(query, "attention", |query| {
        let mut context = vec![0.0; batch * width];
        let example = |(example, context): (usize, &mut [f32])| {
            let rows = &cache[example * capacity * step..];
            let query = &query[example * width..];
            let length = lengths[example];
            let mut scores = vec![0.0; length];
            for (head, first) in (0..width).step_by(head_width).enumerate() {
                let query = &query[first..first + head_width];
                write_scores(query, &rows[first..], step, heads.scale, &mut scores);
                if let Some(bias) = bias {
                    add_scaled(&mut scores, &bias[head * length..(head + 1) * length], 1.0);
                }
                softmax_row(&mut scores);
                add_weighted(&scores, &rows[width + first..], step, &mut context[first..first + head_width]);
            }
        };
        let least = (64 * 1024 / (longest * width)).max(1);
        context.par_chunks_mut(width).enumerate().with_min_len(least).for_each(example);
        context
    })?;
    Tensor::from_vec(context, (batch, 1, width), query.device())
}

/// The same over rows of each example's cache by their numbers, as sparse attention sees them.
///
/// # Errors
/// As of [`attend_cached`], and when an example sees no row, or one beyond its cache.
pub fn attend_cached_keys(
    query: &Tensor,
    cache: &[f32],
    capacity: usize,
    keys: &[Vec<u32>],
    heads: AttentionHeads,
) -> Result<Tensor> {
    let (batch, queries, width) = query.dims3()?;
    let is_within = |own: &Vec<u32>| !own.is_empty() && own.iter().all(|&key| (key as usize) < capacity);
    if queries != 1 || keys.len() != batch || !keys.iter().all(is_within) {
        bail!(
            "attention: keys of {} examples in caches of {capacity} rows do not fit a query of {:?}",
            keys.len(),
            query.shape()
        )
    }
    let step = 2 * width;
    if cache.len() != batch * capacity * step {
        bail!("attention: a cache of {} values does not fit a query of {:?}", cache.len(), query.shape())
    }
    let longest = keys.iter().map(Vec::len).max().unwrap_or(1);
    let mut seen = vec![0.0f32; batch * longest * step];
    for (example, own) in keys.iter().enumerate() {
        let rows = &cache[example * capacity * step..][..capacity * step];
        let out = seen[example * longest * step..].chunks_exact_mut(step);
        for (out, &key) in out.zip(own) {
            out.copy_from_slice(&rows[key as usize * step..][..step]);
        }
    }
    let lengths: Vec<usize> = keys.iter().map(Vec::len).collect();
    attend_rows(query, (&seen, longest), &lengths, heads, None)
}
