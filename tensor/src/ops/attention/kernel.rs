//! The loops of attention, parallel over the examples of a batch.
//!
//! Heads are never moved: queries, keys and values stay in the layout `[batch, length, width]` in which linear
//! layers leave them, and each head reads its columns with a step.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{AttentionMask, Heads};
use crate::buffer;
use crate::matrix::{Matrix, multiply_small};
use crate::ops::dropout::Mask;
use crate::ops::softmax::{masked_softmax_row, softmax_backward_row, softmax_row};
use crate::vector::add_scaled;

/// Rows of one of query, key and value inside a slice.
#[derive(Clone, Copy)]
pub(super) struct Rows<'a> {
    pub(super) values: &'a [f32],
    pub(super) offset: usize,
    pub(super) step: usize,
}

impl Rows<'_> {
    /// The rows from `row` on, from `column` on.
    fn of(self, row: usize, column: usize) -> Matrix {
        Matrix::rows(self.values, self.offset + row * self.step + column, self.step)
    }
}

/// The same, to be written, each example by one task.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) pointer: *mut f32,
    pub(super) offset: usize,
    pub(super) step: usize,
}

// SAFETY: tasks write disjoint rows, those of their own example.
unsafe impl Send for Target {}
// SAFETY: as above.
unsafe impl Sync for Target {}

impl Target {
    fn at(self, row: usize, column: usize) -> *mut f32 {
        // SAFETY: callers stay within the rows and the width that the target was made for.
        unsafe { self.pointer.add(self.offset + row * self.step + column) }
    }
}

/// Lengths, none of them zero, and the width, which the heads divide.
#[derive(Clone, Copy)]
pub(super) struct Sizes {
    pub(super) batch: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) width: usize,
    pub(super) heads: Heads,
}

impl Sizes {
    fn head_width(&self) -> usize {
        self.width / self.heads.count
    }

    /// Examples that one task should take.
    fn examples_per_task(&self) -> usize {
        (64 * 1024 / (self.queries * self.keys * self.width).max(1)).max(1)
    }
}

/// The probabilities from `first` on as dropout leaves them, in `kept` if there is any.
fn after_dropout<'a>(
    dropped: Option<&Mask>,
    first: usize,
    probabilities: &'a [f32],
    kept: &'a mut [f32],
) -> &'a [f32] {
    match dropped {
        None => probabilities,
        Some(mask) => {
            kept.copy_from_slice(probabilities);
            mask.apply_from(first, kept);
            kept
        }
    }
}

/// What attention comes to.
pub(super) struct Attended {
    /// `[batch, queries, width]`.
    pub(super) context: Vec<f32>,
    /// Before dropout, `[batch, heads, queries, keys]`.
    pub(super) probabilities: Vec<f32>,
    /// Before the mask, in the same shape; empty if they were not to be kept.
    pub(super) scores: Vec<f32>,
}

/// Context and probabilities, and with `keeps_scores` the scores.
pub(super) fn forward(
    sizes: Sizes,
    (query, key, value): (Rows<'_>, Rows<'_>, Rows<'_>),
    mask: &AttentionMask,
    keeps_scores: bool,
) -> Attended {
    let Sizes { batch, queries, keys, width, heads } = sizes;
    let head_width = sizes.head_width();
    let all = batch * heads.count * queries * keys;
    let mut scores: Vec<f32> = Vec::with_capacity(if keeps_scores { all } else { 0 });
    let kept_scores =
        keeps_scores.then_some(Target { pointer: scores.as_mut_ptr(), offset: 0, step: queries * keys });
    let run = |example: usize, probabilities: &mut [MaybeUninit<f32>], context: &mut [MaybeUninit<f32>]| {
        let mut kept = vec![0.0; if mask.dropped.is_some() { queries * keys } else { 0 }];
        for (head, probabilities) in probabilities.chunks_exact_mut(queries * keys).enumerate() {
            let column = head * head_width;
            let rows = |rows: Rows<'_>, length: usize| rows.of(example * length, column);
            // SAFETY: the rows of this example and the columns of this head lie within their slices, and the
            // outputs belong to this task. The first product writes all probabilities of the head.
            let probabilities = unsafe {
                multiply_small(
                    probabilities.as_mut_ptr().cast(),
                    keys,
                    rows(query, queries),
                    rows(key, keys).transposed(),
                    (queries, head_width, keys),
                    heads.scale,
                );
                probabilities.assume_init_mut()
            };
            if let Some(scores) = kept_scores {
                // SAFETY: the place of this example and head is written by this task alone.
                unsafe {
                    scores
                        .at(example * heads.count + head, 0)
                        .copy_from_nonoverlapping(probabilities.as_ptr(), probabilities.len());
                }
            }
            for (index, row) in probabilities.chunks_exact_mut(keys).enumerate() {
                if mask.causal || mask.keys.is_some() {
                    masked_softmax_row(row, |key| mask.allows(example, index, key, keys));
                } else {
                    softmax_row(row);
                }
            }
            let start = (example * heads.count + head) * queries * keys;
            let probabilities = after_dropout(mask.dropped.as_ref(), start, probabilities, &mut kept);
            // SAFETY: as above. The heads together write all columns of the context.
            unsafe {
                multiply_small(
                    context[column..].as_mut_ptr().cast(),
                    width,
                    Matrix::rows(probabilities, 0, keys),
                    rows(value, keys),
                    (queries, keys, head_width),
                    1.0,
                );
            }
        }
    };
    let per_example = heads.count * queries * keys;
    let mut probabilities = Vec::new();
    let context = buffer::build(batch * queries * width, |context| {
        probabilities = buffer::build(batch * per_example, |probabilities| {
            probabilities
                .par_chunks_mut(per_example)
                .zip(context.par_chunks_mut(queries * width))
                .enumerate()
                .with_min_len(sizes.examples_per_task())
                .for_each(|(example, (probabilities, context))| run(example, probabilities, context));
        });
    });
    if keeps_scores {
        // SAFETY: every example has just written those of all its heads.
        unsafe { scores.set_len(all) };
    }
    Attended { context, probabilities, scores }
}

/// The gradients of what attention gave.
#[derive(Clone, Copy)]
pub(super) struct Upstream<'a> {
    /// Of the context.
    pub(super) context: &'a [f32],
    /// Of the scores before the mask, if there are any.
    pub(super) scores: Option<&'a [f32]>,
    /// Of the probabilities before dropout, if there are any.
    pub(super) probabilities: Option<&'a [f32]>,
}

/// Writes the gradients of query, key and value, all of their rows.
pub(super) fn backward(
    sizes: Sizes,
    (query, key, value): (Rows<'_>, Rows<'_>, Rows<'_>),
    (probabilities, dropped): (&[f32], Option<&Mask>),
    upstream: Upstream<'_>,
    (query_target, key_target, value_target): (Target, Target, Target),
) {
    let Sizes { batch, queries, keys, width, heads } = sizes;
    let head_width = sizes.head_width();
    (0..batch).into_par_iter().with_min_len(sizes.examples_per_task()).for_each(|example| {
        let mut scores = vec![0.0; queries * keys];
        let mut kept = vec![0.0; if dropped.is_some() { queries * keys } else { 0 }];
        for head in 0..heads.count {
            let column = head * head_width;
            let start = (example * heads.count + head) * queries * keys;
            let probabilities = &probabilities[start..start + queries * keys];
            let of_context = Matrix::rows(upstream.context, example * queries * width + column, width);
            let rows = |rows: Rows<'_>, length: usize| rows.of(example * length, column);
            // SAFETY: all rows and columns are those of this example and head, within their slices; the targets
            // have the layout of query, key and value, and no other task writes this example's rows.
            unsafe {
                multiply_small(
                    scores.as_mut_ptr(),
                    keys,
                    of_context,
                    rows(value, keys).transposed(),
                    (queries, head_width, keys),
                    1.0,
                );
                if let Some(mask) = dropped {
                    mask.apply_from(start, &mut scores);
                }
                if let Some(more) = upstream.probabilities {
                    add_scaled(&mut scores, &more[start..start + queries * keys], 1.0);
                }
                for (row, probabilities) in
                    scores.chunks_exact_mut(keys).zip(probabilities.chunks_exact(keys))
                {
                    softmax_backward_row(row, probabilities, heads.scale);
                }
                if let Some(more) = upstream.scores {
                    add_scaled(&mut scores, &more[start..start + queries * keys], heads.scale);
                }
                let kept = after_dropout(dropped, start, probabilities, &mut kept);
                multiply_small(
                    value_target.at(example * keys, column),
                    value_target.step,
                    Matrix::rows(kept, 0, keys).transposed(),
                    of_context,
                    (keys, queries, head_width),
                    1.0,
                );
                multiply_small(
                    query_target.at(example * queries, column),
                    query_target.step,
                    Matrix::rows(&scores, 0, keys),
                    rows(key, keys),
                    (queries, keys, head_width),
                    1.0,
                );
                multiply_small(
                    key_target.at(example * keys, column),
                    key_target.step,
                    Matrix::rows(&scores, 0, keys).transposed(),
                    rows(query, queries),
                    (keys, queries, head_width),
                    1.0,
                );
            }
        }
    });
}
