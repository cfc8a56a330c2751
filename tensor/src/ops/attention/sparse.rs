//! Sparse attention over rows of a text and an image: short problems, one for each row or column of the image, and nothing of the
//! square of its tokens.

use std::ops::Range;

use candle_core::{CpuStorage, D, Result, Tensor, bail};
use rayon::prelude::*;

use super::image_mask::{Group, ImageAttention, Tokens};
use super::operation::attention_composite;
use super::{AttentionHeads, AttentionMask};
use crate::matmul::{multiply_small, multiply_small_added};
use crate::matrix::{MatrixView, MatrixViewMut};
use crate::ops::composite::is_needed;
use crate::ops::softmax::{softmax_backward_row, softmax_row};
use crate::{buffer, graph};

/// Queries of text in a block.
const BLOCK: usize = 32;

/// Sizes of an operation.
#[derive(Clone, Copy)]
struct Sizes {
    batch: usize,
    length: usize,
    width: usize,
    heads: AttentionHeads,
}

/// Queries with the stretches of keys that any of them sees, of a row.
struct Problem {
    queries: Tokens,
    keys: [Tokens; 3],
    kind: Kind,
}

/// Whose queries they are.
#[derive(Clone, Copy)]
enum Kind {
    /// Of text, each of which sees the keys before an end.
    Text,
    /// Of an image.
    Image(Group),
}

const NOTHING: Tokens = Tokens { first: 0, step: 1, count: 0 };

fn stretch(range: Range<usize>) -> Tokens {
    Tokens { first: range.start, step: 1, count: range.len() }
}

impl Problem {
    /// Keys in all.
    fn width(&self) -> usize {
        self.keys.iter().map(|keys| keys.count).sum()
    }

    fn probabilities(&self) -> usize {
        self.queries.count * self.width()
    }

    /// The problems of an example.
    fn of(mask: &ImageAttention, example: usize, length: usize) -> Vec<Self> {
        let image = mask.image(example);
        let mut problems = Vec::new();
        for range in [0..image.start, image.end..length] {
            for first in range.clone().step_by(BLOCK) {
                let queries = first..(first + BLOCK).min(range.end);
                let end = mask.end(example, queries.end - 1).min(length);
                problems.push(Self {
                    queries: stretch(queries),
                    keys: [stretch(0..end), NOTHING, NOTHING],
                    kind: Kind::Text,
                });
            }
        }
        let of_image = |own: Tokens| Tokens { first: image.start + own.first, ..own };
        let behind = image.end..image.end + mask.behind(example);
        problems.extend(mask.groups(mask.is_source(example)).into_iter().map(|group| Self {
            queries: of_image(group.queries),
            keys: [stretch(0..image.start), of_image(group.keys), stretch(behind.clone())],
            kind: Kind::Image(group),
        }));
        problems
    }

    /// The softmax of a query's scores over the keys that it sees; the others become zero.
    fn softmax(&self, mask: &ImageAttention, example: usize, index: usize, row: &mut [f32]) {
        match self.kind {
            Kind::Text => {
                let end = mask.end(example, self.queries.first + index).min(row.len());
                softmax_row(&mut row[..end]);
                row[end..].fill(0.0);
            }
            Kind::Image(Group { queries, keys }) => {
                let (query, before) = (queries.first + index * queries.step, self.keys[0].count);
                let is_source = mask.is_source(example);
                for (place, score) in row[before..before + keys.count].iter_mut().enumerate() {
                    if !mask.is_seen(is_source, query, keys.first + place * keys.step) {
                        *score = f32::NEG_INFINITY;
                    }
                }
                softmax_row(row);
            }
        }
    }
}

/// The problems of each example, and where the probabilities of each begin.
fn problems(mask: &ImageAttention, sizes: Sizes) -> (Vec<Vec<Problem>>, Vec<usize>, usize) {
    let all: Vec<Vec<Problem>> =
        (0..sizes.batch).map(|example| Problem::of(mask, example, sizes.length)).collect();
    let mut starts = Vec::with_capacity(sizes.batch);
    let mut total = 0;
    for own in &all {
        starts.push(total);
        total += sizes.heads.count * own.iter().map(Problem::probabilities).sum::<usize>();
    }
    (all, starts, total)
}

impl Sizes {
    fn head_width(self) -> usize {
        self.width / self.heads.count
    }

    /// Rows of query (0), key (1) or value (2) of a head of an example, in a packed tensor.
    fn view(self, packed: &[f32], example: usize, head: usize, part: usize, tokens: Tokens) -> MatrixView {
        let row = (example * self.length + tokens.first) * 3 * self.width;
        let column = part * self.width + head * self.head_width();
        MatrixView::rows(packed, row + column, tokens.step * 3 * self.width)
    }

    /// The same of what is written.
    ///
    /// # Safety
    /// The target has the size of the packed tensor.
    unsafe fn target(
        self,
        packed: MatrixViewMut,
        example: usize,
        head: usize,
        part: usize,
        tokens: Tokens,
    ) -> MatrixViewMut {
        let row = (example * self.length + tokens.first) * 3 * self.width;
        let column = part * self.width + head * self.head_width();
        // SAFETY: the caller says so.
        let first = unsafe { packed.at(0, row + column) };
        MatrixViewMut { step: tokens.step * 3 * self.width, ..first }
    }

    /// Rows of contexts, `[batch, length, width]`.
    fn contexts(self, example: usize, head: usize, tokens: Tokens) -> (usize, usize) {
        let first = (example * self.length + tokens.first) * self.width + head * self.head_width();
        (first, tokens.step * self.width)
    }

    /// Does something for each head of each example, in parallel.
    fn each_head(self, work: impl Fn(usize, usize) + Sync + Send) {
        let heads = self.heads.count;
        (0..self.batch * heads).into_par_iter().for_each(|index| work(index / heads, index % heads));
    }
}

/// Contexts, and the probabilities of all problems, which are kept where they are asked for.
fn forward(packed: &[f32], mask: &ImageAttention, sizes: Sizes, kept: bool) -> (Vec<f32>, Vec<f32>) {
    let (all, starts, total) = problems(mask, sizes);
    let head_width = sizes.head_width();
    let mut context = vec![0.0f32; sizes.batch * sizes.length * sizes.width];
    let mut probabilities = vec![0.0f32; if kept { total } else { 0 }];
    let context_target = MatrixViewMut { pointer: context.as_mut_ptr(), step: 1 };
    let kept_target = MatrixViewMut { pointer: probabilities.as_mut_ptr(), step: 1 };
    sizes.each_head(|example, head| {
        let own = &all[example];
        let each: usize = own.iter().map(Problem::probabilities).sum();
        let mut place = starts[example] + head * each;
        let most = own.iter().map(Problem::probabilities).max().unwrap_or_default();
        let mut scratch = vec![0.0f32; if kept { 0 } else { most }];
        for problem in own {
            let (width, count) = (problem.width(), problem.probabilities());
            let scores = if kept {
                // SAFETY: each problem of each head has numbers of its own among those that are kept.
                unsafe { std::slice::from_raw_parts_mut(kept_target.at(0, place).pointer, count) }
            } else {
                &mut scratch[..count]
            };
            place += count;
            let view = |part, tokens| sizes.view(packed, example, head, part, tokens);
            let matrix = MatrixViewMut { pointer: scores.as_mut_ptr(), step: width };
            let mut column = 0;
            for keys in problem.keys.into_iter().filter(|keys| keys.count > 0) {
                // SAFETY: queries and keys are tokens of the example, and the scores have a row a query and a column a key.
                unsafe {
                    multiply_small(
                        matrix.at(0, column),
                        view(0, problem.queries),
                        view(1, keys).transposed(),
                        (problem.queries.count, head_width, keys.count),
                        sizes.heads.scale,
                    );
                }
                column += keys.count;
            }
            for (index, row) in scores.chunks_exact_mut(width).enumerate() {
                problem.softmax(mask, example, index, row);
            }
            let (first, step) = sizes.contexts(example, head, problem.queries);
            let mut column = 0;
            for keys in problem.keys.into_iter().filter(|keys| keys.count > 0) {
                // SAFETY: as above; the contexts of a head of some queries are written by this task alone, and begin with zeros.
                unsafe {
                    let out = MatrixViewMut { step, ..context_target.at(0, first) };
                    multiply_small_added(
                        out,
                        MatrixView::rows(scores, column, width),
                        view(2, keys),
                        (problem.queries.count, keys.count, head_width),
                    );
                }
                column += keys.count;
            }
        }
    });
    (context, probabilities)
}

/// The gradient of the packed tensor.
fn backward(
    packed: &[f32],
    mask: &ImageAttention,
    sizes: Sizes,
    probabilities: &[f32],
    upstream: &[f32],
) -> Vec<f32> {
    let (all, starts, _) = problems(mask, sizes);
    let head_width = sizes.head_width();
    let mut gradient = vec![0.0f32; packed.len()];
    let target = MatrixViewMut { pointer: gradient.as_mut_ptr(), step: 1 };
    sizes.each_head(|example, head| {
        let own = &all[example];
        let each: usize = own.iter().map(Problem::probabilities).sum();
        let mut place = starts[example] + head * each;
        let most = own.iter().map(Problem::probabilities).max().unwrap_or_default();
        let mut scratch = vec![0.0f32; most];
        for problem in own {
            let (width, count) = (problem.width(), problem.probabilities());
            let kept = &probabilities[place..place + count];
            place += count;
            let scores = &mut scratch[..count];
            let matrix = MatrixViewMut { pointer: scores.as_mut_ptr(), step: width };
            let view = |part, tokens| sizes.view(packed, example, head, part, tokens);
            let (first, step) = sizes.contexts(example, head, problem.queries);
            let of_context = MatrixView::rows(upstream, first, step);
            let queries = problem.queries.count;
            let stretches = || {
                problem.keys.into_iter().filter(|keys| keys.count > 0).scan(0, |column, keys| {
                    let own = *column;
                    *column += keys.count;
                    Some((own, keys))
                })
            };
            // SAFETY: all rows and columns are those of this example and head; no other task writes to these columns of its rows.
            unsafe {
                for (column, keys) in stretches() {
                    multiply_small(
                        matrix.at(0, column),
                        of_context,
                        view(2, keys).transposed(),
                        (queries, head_width, keys.count),
                        1.0,
                    );
                }
                for (row, own) in scores.chunks_exact_mut(width).zip(kept.chunks_exact(width)) {
                    softmax_backward_row(row, own, sizes.heads.scale);
                }
                for (column, keys) in stretches() {
                    let own = MatrixView::rows(scores, column, width);
                    multiply_small_added(
                        sizes.target(target, example, head, 0, problem.queries),
                        own,
                        view(1, keys),
                        (queries, keys.count, head_width),
                    );
                    multiply_small_added(
                        sizes.target(target, example, head, 1, keys),
                        own.transposed(),
                        view(0, problem.queries),
                        (keys.count, queries, head_width),
                    );
                    multiply_small_added(
                        sizes.target(target, example, head, 2, keys),
                        MatrixView::rows(kept, column, width).transposed(),
                        of_context,
                        (keys.count, queries, head_width),
                    );
                }
            }
        }
    });
    gradient
}

/// Self-attention over a packed `[batch, length, 3 * width]` of query, key and value, in which the tokens of an image see few of the
/// others of it; the context is `[batch, length, width]`.
///
/// For an image of R rows and C columns behind a text of T tokens, time and memory grow with `R C (C + T)` for rows, `R C (R + T)` for
/// columns and `R C (k C + T)` for squares of k, where attention that is not sparse takes `(R C + T)²`.
///
/// # Errors
/// When the shapes do not fit or the tensor is not `f32`.
pub fn attend_image(packed: &Tensor, heads: AttentionHeads, mask: &ImageAttention) -> Result<Tensor> {
    let (batch, length, packed_width) = packed.dims3()?;
    mask.check(batch, length)?;
    let width = packed_width / 3;
    if !packed_width.is_multiple_of(3) {
        bail!("attention: {packed_width} columns are no query, key and value")
    }
    heads.check(width)?;
    if is_needed(packed) {
        let parts = packed.chunk(3, D::Minus1)?;
        let [query, key, value] = &parts[..] else { bail!("attention: {} inputs", parts.len()) };
        let bias = mask.additive(batch, heads.count, length, packed.device())?;
        let dense = AttentionMask::default().with_bias(Some(bias));
        return Ok(attention_composite([query, key, value], heads, &dense)?.0);
    }
    let sizes = Sizes { batch, length, width, heads };
    let packed = packed.contiguous()?;
    let (context, probabilities) =
        buffer::with_slice(&packed, "attention", |values| forward(values, mask, sizes, packed.track_op()))?;
    let result = (CpuStorage::F32(context), (batch, length, width).into());
    let mask = mask.clone();
    graph::record_one(result, &[&packed], move |inputs, _, upstream| {
        let gradient = buffer::with_slice(&inputs[0], "attention", |values| {
            buffer::with_slice(upstream, "attention", |upstream| {
                backward(values, &mask, sizes, &probabilities, upstream)
            })
        })??;
        Ok(vec![Some(Tensor::from_vec(gradient, inputs[0].shape(), inputs[0].device())?)])
    })
}
