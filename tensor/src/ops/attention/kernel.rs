//! The loops of attention, parallel over the examples of a batch.
//!
//! Heads are never moved: queries, keys and values stay in the layout `[batch, length, width]`, or `[tokens, width]` of
//! sequences laid end to end, in which linear layers leave them, and each head reads its columns with a step.

use std::mem::MaybeUninit;
use std::ops::Range;

use candle_core::{Result, bail};
use rayon::prelude::*;

use super::{AttentionHeads, AttentionMask};
use crate::matmul::multiply_small;
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::ops::dropout::DropoutMask;
use crate::ops::ragged::RaggedPairs;
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

/// Sizes of attention: the rows of each example, and the width, which the heads divide.
#[derive(Clone, Copy)]
pub(super) struct AttentionSizes<'a> {
    pub(super) batch: usize,
    pub(super) lengths: Lengths<'a>,
    pub(super) width: usize,
    pub(super) heads: AttentionHeads,
}

/// Lengths of the examples of a batch.
#[derive(Clone, Copy)]
pub(super) enum Lengths<'a> {
    /// As many queries and keys, neither of them zero, in each.
    Even { queries: usize, keys: usize },
    /// Those of sequences laid end to end, none of them without a token.
    Ragged(&'a RaggedPairs),
}

/// Head of an example: where its queries, keys and probabilities lie.
struct HeadPlace {
    example: usize,
    /// The first row of the queries, and their number.
    queries: (usize, usize),
    /// The same of the keys.
    keys: (usize, usize),
    /// The first column of the head.
    column: usize,
    /// The first of its probabilities among those of all heads of all examples.
    first_pair: usize,
}

impl HeadPlace {
    fn pairs(&self) -> usize {
        self.queries.1 * self.keys.1
    }
}

impl AttentionSizes<'_> {
    fn head_width(&self) -> usize {
        self.width / self.heads.count
    }

    /// Rows of the queries of all examples.
    pub(super) fn queries(&self) -> usize {
        match self.lengths {
            Lengths::Even { queries, .. } => self.batch * queries,
            Lengths::Ragged(pairs) => pairs.queries.tokens(),
        }
    }

    /// Probabilities of all heads of all examples.
    pub(super) fn probabilities(&self) -> usize {
        self.heads.count
            * match self.lengths {
                Lengths::Even { queries, keys } => self.batch * queries * keys,
                Lengths::Ragged(pairs) => pairs.count(),
            }
    }

    /// Fails unless a bias of this shape has a number for each score, of each example or of one for all.
    pub(super) fn check_bias(&self, bias: &[usize]) -> Result<()> {
        let Lengths::Even { queries, keys } = self.lengths else {
            bail!("attention: a bias does not go with a ragged layout")
        };
        match *bias {
            [batch, heads, of_queries, of_keys]
                if (batch == 1 || batch == self.batch)
                    && [heads, of_queries, of_keys] == [self.heads.count, queries, keys] =>
            {
                Ok(())
            }
            _ => bail!(
                "attention: a bias of {bias:?} does not fit scores of [{}, {}, {queries}, {keys}]",
                self.batch,
                self.heads.count
            ),
        }
    }

    /// Does something with every head of every example, in parallel: `work` is given scratch of its task and the place of the
    /// head.
    fn each_head<S>(
        &self,
        scratch: impl Fn() -> S + Send + Sync,
        work: impl Fn(&mut S, &HeadPlace) + Send + Sync,
    ) {
        let (heads, head_width) = (self.heads.count, self.head_width());
        let starts = match self.lengths {
            Lengths::Even { .. } => Vec::new(),
            Lengths::Ragged(pairs) => pairs.starts(heads),
        };
        let place = |index: usize| {
            let (example, head) = (index / heads, index % heads);
            let ((queries, keys), first_pair) = match self.lengths {
                Lengths::Even { queries, keys } => {
                    (((example * queries, queries), (example * keys, keys)), index * queries * keys)
                }
                Lengths::Ragged(pairs) => {
                    let own = [&pairs.queries, &pairs.keys].map(|layout| layout.rows(example));
                    let [queries, keys] = own.map(|rows| (rows.start, rows.len()));
                    ((queries, keys), starts[example] + head * queries.1 * keys.1)
                }
            };
            HeadPlace { example, queries, keys, column: head * head_width, first_pair }
        };
        let mean = self.probabilities() / (self.batch * heads).max(1);
        let least = (64 * 1024 / (mean * head_width).max(1)).max(1);
        (0..self.batch * heads)
            .into_par_iter()
            .with_min_len(least)
            .for_each_init(scratch, |scratch, index| work(scratch, &place(index)));
    }
}

/// Queries of a block, at least, where a mask lets each see some of the keys. Fewer would leave too little to a product.
const BLOCK: usize = 32;

/// Queries of an example in blocks, each with the keys that any of its queries sees. `whole` is one block of all keys.
fn blocks<'a>(
    mask: &'a AttentionMask,
    place: &HeadPlace,
    whole: bool,
) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + use<'a> {
    let (example, queries, keys) = (place.example, place.queries.1, place.keys.1);
    let whole = whole || !mask.depends_on_query();
    let count = if whole { 1 } else { (queries / BLOCK).max(1) };
    (0..count).map(move |index| {
        let own = index * queries / count..(index + 1) * queries / count;
        let seen = if whole { 0..keys } else { mask.span(example, own.clone(), keys) };
        // Of no key a product would leave its rows unwritten.
        (own, if seen.is_empty() { 0..keys } else { seen })
    })
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
    /// A row for each query.
    pub(super) context: Vec<f32>,
    /// Before dropout, `[batch, heads, queries, keys]` or as ragged pairs lie; empty if they were not to be kept.
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

/// Room for so many numbers, which grows.
fn room<T: Clone>(scratch: &mut Vec<T>, count: usize, nothing: T) -> &mut [T] {
    if scratch.len() < count {
        scratch.resize(count, nothing);
    }
    &mut scratch[..count]
}

/// The context, and what is to be kept.
pub(super) fn forward(
    sizes: AttentionSizes<'_>,
    (query, key, value): (RowView<'_>, RowView<'_>, RowView<'_>),
    (mask, bias): (&AttentionMask, Option<&[f32]>),
    saved: SavedOutputs,
) -> AttentionOutput {
    let AttentionSizes { width, heads, .. } = sizes;
    let (head_width, all, rows) = (sizes.head_width(), sizes.probabilities(), sizes.queries());
    let kept_room = |is_kept: bool| Vec::<f32>::with_capacity(if is_kept { all } else { 0 });
    let mut scores = kept_room(saved >= SavedOutputs::Scores);
    let mut probabilities = kept_room(saved >= SavedOutputs::Probabilities);
    let mut context = Vec::with_capacity(rows * width);
    let kept_scores = MatrixViewMut::of(scores.spare_capacity_mut(), 1);
    let kept_probabilities = MatrixViewMut::of(probabilities.spare_capacity_mut(), 1);
    let context_target = MatrixViewMut::of(context.spare_capacity_mut(), width);
    let run = |(passing, dropped): &mut Scratch, place: &HeadPlace| {
        let &HeadPlace { example, queries: (first_query, _), keys: (first_key, keys), .. } = place;
        let each = place.pairs();
        let probabilities = if saved >= SavedOutputs::Probabilities {
            // SAFETY: there is room for those of each head, and no other task writes these.
            unsafe {
                std::slice::from_raw_parts_mut(
                    kept_probabilities.at(place.first_pair, 0).pointer.cast(),
                    each,
                )
            }
        } else {
            room(passing, each, MaybeUninit::uninit())
        };
        // What no query of a block sees is not computed, unless it was asked for.
        let whole = saved >= SavedOutputs::Scores;
        for (own, seen) in blocks(mask, place, whole) {
            for row in probabilities[own.start * keys..own.end * keys].chunks_exact_mut(keys) {
                row[..seen.start].fill(MaybeUninit::new(0.0));
                row[seen.end..].fill(MaybeUninit::new(0.0));
            }
            // SAFETY: the rows of this example and the columns of this head lie within their slices.
            unsafe {
                multiply_small(
                    MatrixViewMut::of(probabilities, keys).at(own.start, seen.start),
                    query.of(first_query + own.start, place.column),
                    key.of(first_key + seen.start, place.column).transposed(),
                    (own.len(), head_width, seen.len()),
                    heads.scale,
                );
            }
        }
        // SAFETY: the products wrote what is seen of each row, and zeros stand before and behind it.
        let probabilities = unsafe { probabilities.assume_init_mut() };
        if let Some(bias) = bias {
            // One for all examples begins anew with each.
            let first = place.first_pair % bias.len();
            add_scaled(probabilities, &bias[first..first + each], 1.0);
        }
        if saved >= SavedOutputs::Scores {
            // SAFETY: there is room, and the place of this head is written by this task alone.
            unsafe {
                let out = kept_scores.at(place.first_pair, 0).pointer;
                out.copy_from_nonoverlapping(probabilities.as_ptr(), each);
            }
        }
        for (query, row) in probabilities.chunks_exact_mut(keys).enumerate() {
            masked_softmax_row(row, mask, example, query);
        }
        let dropped = if mask.dropout.is_some() { room(dropped, each, 0.0) } else { &mut [] };
        let probabilities = after_dropout(mask.dropout.as_ref(), place.first_pair, probabilities, dropped);
        for (own, seen) in blocks(mask, place, whole) {
            // SAFETY: as above. The columns of this head are written by this task alone.
            unsafe {
                multiply_small(
                    context_target.at(first_query + own.start, place.column),
                    MatrixView::rows(probabilities, own.start * keys + seen.start, keys),
                    value.of(first_key + seen.start, place.column),
                    (own.len(), seen.len(), head_width),
                    1.0,
                );
            }
        }
    };
    sizes.each_head(Scratch::default, run);
    // SAFETY: the heads of all examples have just written all columns of the context, and what is kept of them.
    unsafe {
        context.set_len(rows * width);
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

/// Writes the gradients of query, key and value, all of their rows, and those of the bias of each score, if there is one.
pub(super) fn backward(
    sizes: AttentionSizes<'_>,
    (query, key, value): (RowView<'_>, RowView<'_>, RowView<'_>),
    (mask, probabilities): (&AttentionMask, &[f32]),
    upstream: Upstream<'_>,
    (query_target, key_target, value_target): (MatrixViewMut, MatrixViewMut, MatrixViewMut),
    of_bias: Option<&mut [f32]>,
) {
    let AttentionSizes { width, heads, .. } = sizes;
    let head_width = sizes.head_width();
    let of_bias = of_bias.map(|values| MatrixViewMut { pointer: values.as_mut_ptr(), step: 1 });
    let dropped = mask.dropout.as_ref();
    // A gradient of the scores before the mask is one of those that are not seen, too.
    let whole = upstream.scores.is_some();
    let run = |(scores, kept): &mut (Vec<f32>, Vec<f32>), place: &HeadPlace| {
        let &HeadPlace { queries: (first_query, queries), keys: (first_key, keys), column, .. } = place;
        let pairs = place.first_pair..place.first_pair + place.pairs();
        let scores = room(scores, pairs.len(), 0.0);
        let probabilities = &probabilities[pairs.clone()];
        let of_context =
            |query: usize| MatrixView::rows(upstream.context, (first_query + query) * width + column, width);
        // SAFETY: all rows and columns are those of this example and head, within their slices; the targets
        // have the layout of query, key and value, and no other task writes these columns of this example's rows.
        unsafe {
            for (own, seen) in blocks(mask, place, whole) {
                // The product with a probability of zero must be of a number.
                for row in scores[own.start * keys..own.end * keys].chunks_exact_mut(keys) {
                    row[..seen.start].fill(0.0);
                    row[seen.end..].fill(0.0);
                }
                multiply_small(
                    MatrixViewMut { pointer: scores.as_mut_ptr(), step: keys }.at(own.start, seen.start),
                    of_context(own.start),
                    value.of(first_key + seen.start, column).transposed(),
                    (own.len(), head_width, seen.len()),
                    1.0,
                );
            }
            if let Some(mask) = dropped {
                mask.apply_from(pairs.start, scores);
            }
            if let Some(more) = upstream.probabilities {
                add_scaled(scores, &more[pairs.clone()], 1.0);
            }
            for (row, probabilities) in scores.chunks_exact_mut(keys).zip(probabilities.chunks_exact(keys)) {
                softmax_backward_row(row, probabilities, heads.scale);
            }
            if let Some(more) = upstream.scores {
                add_scaled(scores, &more[pairs.clone()], heads.scale);
            }
            if let Some(of_bias) = of_bias {
                let own = of_bias.at(pairs.start, 0).pointer;
                for (index, score) in scores.iter().enumerate() {
                    own.add(index).write(score / heads.scale);
                }
            }
            let kept = if dropped.is_some() { room(kept, pairs.len(), 0.0) } else { &mut [] };
            let kept = after_dropout(dropped, pairs.start, probabilities, kept);
            multiply_small(
                value_target.at(first_key, column),
                MatrixView::rows(kept, 0, keys).transposed(),
                of_context(0),
                (keys, queries, head_width),
                1.0,
            );
            for (own, seen) in blocks(mask, place, whole) {
                multiply_small(
                    query_target.at(first_query + own.start, column),
                    MatrixView::rows(scores, own.start * keys + seen.start, keys),
                    key.of(first_key + seen.start, column),
                    (own.len(), seen.len(), head_width),
                    1.0,
                );
            }
            multiply_small(
                key_target.at(first_key, column),
                MatrixView::rows(scores, 0, keys).transposed(),
                query.of(first_query, column),
                (keys, queries, head_width),
                1.0,
            );
        }
    };
    sizes.each_head(<(Vec<f32>, Vec<f32>)>::default, run);
}
