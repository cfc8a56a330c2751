//! The loops of attention, parallel over the examples of a batch.
//!
//! Heads are never moved: queries, keys and values stay in the layout `[batch, length, width]` in which linear
//! layers leave them, and each head reads its columns with a step.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{AttentionHeads, AttentionMask};
use crate::matmul::multiply_small;
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::ops::dropout::DropoutMask;
use crate::ops::softmax::{masked_softmax_row, softmax_backward_row};
use crate::vector::add_scaled;

/// View of the rows of query, key or value inside a slice.
#[derive(Clone, Copy)]
pub(super) struct RowView<'a> {
    pub(super) values: &'a [f32],
    pub(super) offset: usize,
    pub(super) step: usize,
}

impl RowView<'_> {
    /// The rows from `row` on, from `column` on.
    fn of(self, row: usize, column: usize) -> MatrixView {
        MatrixView::rows(self.values, self.offset + row * self.step + column, self.step)
    }
}

/// Sizes of attention: lengths, none of them zero, and the width, which the heads divide.
#[derive(Clone, Copy)]
pub(super) struct AttentionSizes {
    pub(super) batch: usize,
    pub(super) queries: usize,
    pub(super) keys: usize,
    pub(super) width: usize,
    pub(super) heads: AttentionHeads,
}

impl AttentionSizes {
    fn head_width(&self) -> usize {
        self.width / self.heads.count
    }

    /// Does something with every head of every example, in parallel: `work` is given scratch of its task, the number of the
    /// head over all examples, its example, and its first column.
    fn each_head<S>(
        &self,
        scratch: impl Fn() -> S + Send + Sync,
        work: impl Fn(&mut S, usize, usize, usize) + Send + Sync,
    ) {
        let (heads, head_width) = (self.heads.count, self.head_width());
        let least = (64 * 1024 / (self.queries * self.keys * head_width).max(1)).max(1);
        (0..self.batch * heads).into_par_iter().with_min_len(least).for_each_init(
            scratch,
            |scratch, index| {
                work(scratch, index, index / heads, index % heads * head_width);
            },
        );
    }
}

/// The probabilities from `first` on as dropout leaves them, in `kept` if there is any.
fn after_dropout<'a>(
    dropped: Option<&DropoutMask>,
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

/// Output of attention.
pub(super) struct AttentionOutput {
    /// `[batch, queries, width]`.
    pub(super) context: Vec<f32>,
    /// Before dropout, `[batch, heads, queries, keys]`; empty if they were not to be kept.
    pub(super) probabilities: Vec<f32>,
    /// Before the mask, in the same shape; empty if they were not to be kept.
    pub(super) scores: Vec<f32>,
}

/// Outputs of attention that are saved beside its context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SavedOutputs {
    Nothing,
    Probabilities,
    /// And the probabilities.
    Scores,
}

/// Probabilities that are not saved, and those that dropout leaves.
type Scratch = (Vec<MaybeUninit<f32>>, Vec<f32>);

/// The context, and what is to be kept.
pub(super) fn forward(
    sizes: AttentionSizes,
    (query, key, value): (RowView<'_>, RowView<'_>, RowView<'_>),
    mask: &AttentionMask,
    saved: SavedOutputs,
) -> AttentionOutput {
    let AttentionSizes { batch, queries, keys, width, heads } = sizes;
    let (head_width, each) = (sizes.head_width(), queries * keys);
    let all = batch * heads.count * each;
    let room = |is_kept: bool| Vec::<f32>::with_capacity(if is_kept { all } else { 0 });
    let mut scores = room(saved >= SavedOutputs::Scores);
    let mut probabilities = room(saved >= SavedOutputs::Probabilities);
    let mut context = Vec::with_capacity(batch * queries * width);
    let kept_scores = MatrixViewMut::of(scores.spare_capacity_mut(), each);
    let kept_probabilities = MatrixViewMut::of(probabilities.spare_capacity_mut(), each);
    let context_target = MatrixViewMut::of(context.spare_capacity_mut(), width);
    let run = |(passing, dropped): &mut Scratch, index: usize, example: usize, column: usize| {
        let rows = |rows: RowView<'_>, length: usize| rows.of(example * length, column);
        let probabilities = if saved >= SavedOutputs::Probabilities {
            // SAFETY: there is room for those of each head, and no other task writes these.
            unsafe { std::slice::from_raw_parts_mut(kept_probabilities.at(index, 0).pointer.cast(), each) }
        } else {
            passing.as_mut_slice()
        };
        // SAFETY: the rows of this example and the columns of this head lie within their slices. The product writes
        // all probabilities of the head.
        let probabilities = unsafe {
            multiply_small(
                MatrixViewMut::of(probabilities, keys),
                rows(query, queries),
                rows(key, keys).transposed(),
                (queries, head_width, keys),
                heads.scale,
            );
            probabilities.assume_init_mut()
        };
        if saved >= SavedOutputs::Scores {
            // SAFETY: there is room, and the place of this head is written by this task alone.
            unsafe {
                let out = kept_scores.at(index, 0).pointer;
                out.copy_from_nonoverlapping(probabilities.as_ptr(), each);
            }
        }
        for (query, row) in probabilities.chunks_exact_mut(keys).enumerate() {
            masked_softmax_row(row, mask, example, query);
        }
        let probabilities = after_dropout(mask.dropout.as_ref(), index * each, probabilities, dropped);
        // SAFETY: as above. The columns of this head are written by this task alone.
        unsafe {
            multiply_small(
                context_target.at(example * queries, column),
                MatrixView::rows(probabilities, 0, keys),
                rows(value, keys),
                (queries, keys, head_width),
                1.0,
            );
        }
    };
    let scratch = || {
        let passing = if saved == SavedOutputs::Nothing { each } else { 0 };
        (vec![MaybeUninit::uninit(); passing], vec![0.0; if mask.dropout.is_some() { each } else { 0 }])
    };
    sizes.each_head(scratch, run);
    // SAFETY: the heads of all examples have just written all columns of the context, and what is kept of them.
    unsafe {
        context.set_len(batch * queries * width);
        if saved >= SavedOutputs::Probabilities {
            probabilities.set_len(all);
        }
        if saved >= SavedOutputs::Scores {
            scores.set_len(all);
        }
    }
    AttentionOutput { context, probabilities, scores }
}

/// Gradients of the outputs of attention.
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
    sizes: AttentionSizes,
    (query, key, value): (RowView<'_>, RowView<'_>, RowView<'_>),
    (probabilities, dropped): (&[f32], Option<&DropoutMask>),
    upstream: Upstream<'_>,
    (query_target, key_target, value_target): (MatrixViewMut, MatrixViewMut, MatrixViewMut),
) {
    let AttentionSizes { queries, keys, width, heads, .. } = sizes;
    let head_width = sizes.head_width();
    let scratch =
        || (vec![0.0; queries * keys], vec![0.0; if dropped.is_some() { queries * keys } else { 0 }]);
    let run = |(scores, kept): &mut (Vec<f32>, Vec<f32>), index: usize, example: usize, column: usize| {
        let start = index * queries * keys;
        let probabilities = &probabilities[start..start + queries * keys];
        let of_context = MatrixView::rows(upstream.context, example * queries * width + column, width);
        let rows = |rows: RowView<'_>, length: usize| rows.of(example * length, column);
        // SAFETY: all rows and columns are those of this example and head, within their slices; the targets
        // have the layout of query, key and value, and no other task writes these columns of this example's rows.
        unsafe {
            multiply_small(
                MatrixViewMut { pointer: scores.as_mut_ptr(), step: keys },
                of_context,
                rows(value, keys).transposed(),
                (queries, head_width, keys),
                1.0,
            );
            if let Some(mask) = dropped {
                mask.apply_from(start, scores);
            }
            if let Some(more) = upstream.probabilities {
                add_scaled(scores, &more[start..start + queries * keys], 1.0);
            }
            for (row, probabilities) in scores.chunks_exact_mut(keys).zip(probabilities.chunks_exact(keys)) {
                softmax_backward_row(row, probabilities, heads.scale);
            }
            if let Some(more) = upstream.scores {
                add_scaled(scores, &more[start..start + queries * keys], heads.scale);
            }
            let kept = after_dropout(dropped, start, probabilities, kept);
            multiply_small(
                value_target.at(example * keys, column),
                MatrixView::rows(kept, 0, keys).transposed(),
                of_context,
                (keys, queries, head_width),
                1.0,
            );
            multiply_small(
                query_target.at(example * queries, column),
                MatrixView::rows(scores, 0, keys),
                rows(key, keys),
                (queries, keys, head_width),
                1.0,
            );
            multiply_small(
                key_target.at(example * keys, column),
                MatrixView::rows(scores, 0, keys).transposed(),
                rows(query, queries),
                (keys, queries, head_width),
                1.0,
            );
        }
    };
    sizes.each_head(scratch, run);
}
