//! Softmax over the last dimension, with masked entries left out.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::attention::AttentionMask;
use super::composite::is_needed;
use crate::vector::{self, vectorised};
use crate::{buffer, graph};

vectorised! {
    /// Replaces a row of scores by its softmax.
    pub(super) fn softmax_row(row: &mut [f32]) {
        let max = vector::max(row);
        for x in row.iter_mut() {
            *x = vector::exp(*x - max);
        }
        let inverse = 1.0 / vector::sum(row);
        for x in row.iter_mut() {
            *x *= inverse;
        }
    }
}

vectorised! {
    /// Turns the gradient of probabilities in `row` into that of scores: `scale * p * (g - sum(p g))`.
    pub(super) fn softmax_backward_row(row: &mut [f32], probabilities: &[f32], scale: f32) {
        let mean = vector::dot(row, probabilities);
        for (gradient, probability) in row.iter_mut().zip(probabilities) {
            *gradient = scale * probability * (*gradient - mean);
        }
    }
}

vectorised! {
    /// Sets scores that are not allowed to minus infinity, and returns whether any is allowed.
    fn rule_out(row: &mut [f32], allowed: &[u8]) -> bool {
        let mut any = 0;
        for (x, &allowed) in row.iter_mut().zip(allowed) {
            *x = if allowed == 0 { f32::NEG_INFINITY } else { *x };
            any |= allowed;
        }
        any != 0
    }
}

/// Softmax over the keys that the mask lets a query of an example look at; the others, and a row without any, become zero.
pub(super) fn masked_softmax_row(row: &mut [f32], mask: &AttentionMask, example: usize, query: usize) {
    let width = row.len();
    // Keys out of reach stay out of the sums.
    let (start, end) = mask.range(example, query, width);
    row[..start].fill(0.0);
    row[end..].fill(0.0);
    let seen = &mut row[start..end];
    let any = match &mask.keys {
        None => !seen.is_empty(),
        Some(keys) => rule_out(seen, &keys[example * width + start..example * width + end]),
    };
    if any {
        softmax_row(seen);
    } else {
        seen.fill(0.0);
    }
}

/// Calls `function(index, row)` for all rows, in parallel.
fn for_each_row(values: &mut [f32], width: usize, function: impl Fn(usize, &mut [f32]) + Sync) {
    let rows = buffer::rows_per_task(width);
    values.par_chunks_mut(rows * width).enumerate().for_each(|(task, chunk)| {
        for (index, row) in chunk.chunks_exact_mut(width).enumerate() {
            function(task * rows + index, row);
        }
    });
}

struct Softmax {
    mask: Option<AttentionMask>,
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = buffer::slice(storage, layout, self.name())?;
        let dims = layout.dims();
        if input.is_empty() {
            bail!("softmax: an input of shape {dims:?} has no elements")
        }
        let width = dims.last().copied().unwrap_or(1);
        let mut out = input.to_vec();
        match &self.mask {
            None => for_each_row(&mut out, width, |_, row| softmax_row(row)),
            Some(mask) => {
                let [batch, .., queries, _] = *dims else {
                    bail!("softmax: a masked input is [batch, .., queries, keys], not {dims:?}")
                };
                mask.check_keys(batch, width)?;
                let per_example = input.len() / width / batch;
                for_each_row(&mut out, width, |index, row| {
                    let (example, query) = (index / per_example, index % queries);
                    masked_softmax_row(row, mask, example, query);
                });
            }
        }
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, probabilities: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let width = input.dims().last().copied().unwrap_or(1);
        let gradient = buffer::with_slice(probabilities, self.name(), |probabilities| {
            buffer::with_slice(upstream, self.name(), |upstream| {
                let mut gradient = upstream.to_vec();
                for_each_row(&mut gradient, width, |index, row| {
                    softmax_backward_row(row, &probabilities[index * width..(index + 1) * width], 1.0);
                });
                gradient
            })
        })??;
        Tensor::from_vec(gradient, input.shape(), input.device()).map(Some)
    }
}

/// Mask as a tensor: which entries of `[batch, .., queries, keys]` it allows, 1 or 0, with a size of 1 where it
/// makes no difference.
fn allowed(mask: &AttentionMask, shape: &Shape, device: &Device) -> Result<Tensor> {
    let [batch, between @ .., queries, keys] = shape.dims() else {
        bail!("softmax: a masked input is [batch, .., queries, keys], not {shape:?}")
    };
    mask.check_keys(*batch, *keys)?;
    let batches = if mask.depends_on_example() { *batch } else { 1 };
    let rows = if mask.depends_on_query() { *queries } else { 1 };
    let mut values = Vec::with_capacity(batches * rows * keys);
    for example in 0..batches {
        for query in 0..rows {
            values.extend((0..*keys).map(|key| u8::from(mask.is_allowed(example, query, key, *keys))));
        }
    }
    let mut dims = vec![batches];
    dims.extend(std::iter::repeat_n(1, between.len()));
    dims.extend([rows, *keys]);
    Tensor::from_vec(values, dims, device)
}

/// Composite of [`softmax`].
pub(super) fn softmax_composite(x: &Tensor, mask: Option<&AttentionMask>) -> Result<Tensor> {
    let Some(mask) = mask else { return unmasked_composite(x) };
    let allowed = allowed(mask, x.shape(), x.device())?.broadcast_as(x.shape())?.contiguous()?;
    // The lowest number and not minus infinity: of a row without any entry the difference has to be one.
    let lowest = Tensor::full(f32::MIN, x.shape(), x.device())?.contiguous()?;
    // The factor is for such rows alone.
    unmasked_composite(&allowed.where_cond(x, &lowest)?)? * allowed.to_dtype(DType::F32)?
}

fn unmasked_composite(x: &Tensor) -> Result<Tensor> {
    if x.track_op() {
        candle_nn::ops::softmax(x, D::Minus1)
    } else {
        candle_nn::ops::softmax_last_dim(&x.contiguous()?)
    }
}

/// Softmax over the last dimension.
///
/// With a mask the input is `[batch, heads, queries, keys]`, or any shape that begins with the batch and ends with
/// queries and keys; entries that the mask forbids get probability zero and no gradient. Its dropout plays no part.
///
/// # Errors
/// When the tensor is empty or not `f32`, or the mask does not fit it.
pub fn softmax(input: &Tensor, mask: Option<&AttentionMask>) -> Result<Tensor> {
    if is_needed(input) {
        return softmax_composite(input, mask);
    }
    graph::apply1(&input.contiguous()?, Softmax { mask: mask.cloned() })
}

vectorised! {
    /// Writes `log softmax(row / temperature)` to `out` and returns nothing: the caller knows the row.
    pub(super) fn log_softmax_row(row: &[f32], temperature: f32, out: &mut [MaybeUninit<f32>]) {
        let inverse = 1.0 / temperature;
        let max = vector::max(row) * inverse;
        let sum = vector::fold(row, |x| vector::exp(x * inverse - max));
        let shift = max + sum.ln();
        for (out, x) in out.iter_mut().zip(row) {
            out.write(x * inverse - shift);
        }
    }
}
