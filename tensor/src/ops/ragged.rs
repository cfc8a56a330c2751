//! Batches of sequences laid end to end without padding.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, Result, Tensor, bail};
use rayon::prelude::*;

use super::composite::is_needed;
use crate::{buffer, graph};

/// Layout of the sequences of a batch laid end to end, `[tokens, ..]`, in place of `[batch, length, ..]` with padding: the
/// jagged layout of PyTorch, whose offsets are the `cu_seqlens` of flash attention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RaggedLayout {
    batch: usize,
    length: usize,
    /// The place of each token in `[batch * length]`, in ascending order.
    places: Arc<Vec<u32>>,
    /// Where each sequence begins among the tokens, and behind the last one their number.
    offsets: Vec<usize>,
}

impl RaggedLayout {
    /// Layout of the tokens that a mask `[batch, length]` has, row by row, 1 for a token and 0 for padding.
    ///
    /// # Errors
    /// When the mask is not of so many sequences of one length.
    pub fn of_mask(mask: &[u8], batch: usize) -> Result<Self> {
        let length = mask.len() / batch.max(1);
        if mask.len() != batch * length || u32::try_from(mask.len()).is_err() {
            bail!("ragged layout: a mask of {} places is not of {batch} sequences", mask.len())
        }
        let places = (0u32..).zip(mask).filter(|(_, kept)| **kept != 0).map(|(place, _)| place);
        let mut offsets = Vec::with_capacity(batch + 1);
        offsets.push(0);
        for row in mask.chunks_exact(length.max(1)).take(batch) {
            let tokens = row.iter().filter(|kept| **kept != 0).count();
            offsets.push(offsets[offsets.len() - 1] + tokens);
        }
        offsets.resize(batch + 1, 0);
        Ok(Self { batch, length, places: Arc::new(places.collect()), offsets })
    }

    /// Number of sequences.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Length to which sequences are padded.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// Number of tokens of all sequences.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.places.len()
    }

    /// The rows of a sequence.
    pub(crate) fn rows(&self, sequence: usize) -> Range<usize> {
        self.offsets[sequence]..self.offsets[sequence + 1]
    }

    /// The place of each token in its padded row.
    #[must_use]
    pub fn positions(&self) -> Vec<u32> {
        self.places.iter().map(|&place| place % self.length as u32).collect()
    }

    /// The tokens of padded values, `[batch, length]` row by row.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn select<T: Copy>(&self, padded: &[T]) -> Vec<T> {
        self.places.iter().map(|&place| padded[place as usize]).collect()
    }

    /// The states `[tokens, ..]` of padded ones, `[batch, length, ..]`.
    ///
    /// # Errors
    /// When the states are of another shape or not `f32`.
    pub fn unpad(&self, states: &Tensor) -> Result<Tensor> {
        match states.dims() {
            [batch, length, rest @ ..] if (*batch, *length) == (self.batch, self.length) => {
                let width = rest.iter().product();
                let shape = [&[self.tokens()], rest].concat();
                gather(states, &self.places, (self.batch * self.length, width), &shape)
            }
            dims => bail!("ragged layout: states {dims:?} are not [{}, {}, ..]", self.batch, self.length),
        }
    }

    /// The states `[batch, length, ..]` of those of the tokens, `[tokens, ..]`, with zeros for padding.
    ///
    /// # Errors
    /// When the states are of another shape or not `f32`.
    pub fn pad(&self, states: &Tensor) -> Result<Tensor> {
        match states.dims() {
            [tokens, rest @ ..] if *tokens == self.tokens() => {
                let width = rest.iter().product();
                let shape = [&[self.batch, self.length], rest].concat();
                scatter(states, &self.places, (self.batch * self.length, width), &shape)
            }
            dims => bail!("ragged layout: states {dims:?} are not [{}, ..]", self.tokens()),
        }
    }

    /// The first token's state of each sequence, `[batch, width]`, of states `[tokens, width]`.
    ///
    /// # Errors
    /// When a sequence has no token, or the states are of another shape or not `f32`.
    pub fn first(&self, states: &Tensor) -> Result<Tensor> {
        let (tokens, width) = states.dims2()?;
        let firsts = self.offsets[..self.batch].iter().map(|&row| row as u32).collect();
        if tokens != self.tokens() || self.has_empty() {
            bail!("ragged layout: {tokens} states of {} sequences, each with a token, are needed", self.batch)
        }
        gather(states, &Arc::new(firsts), (tokens, width), &[self.batch, width])
    }

    /// States `[tokens, width]`, those of each sequence in the reverse order.
    ///
    /// # Errors
    /// When the states are of another shape or not `f32`.
    pub fn reverse(&self, states: &Tensor) -> Result<Tensor> {
        if states.dims2()?.0 != self.tokens() {
            bail!("ragged layout: states {:?} are not [{}, ..]", states.dims(), self.tokens())
        }
        let rows = (0..self.batch).flat_map(|sequence| self.rows(sequence).rev().map(|row| row as u32));
        let rows = Tensor::from_iter(rows, states.device())?;
        states.contiguous()?.index_select(&rows, 0)
    }

    /// Whether a sequence has no token.
    fn has_empty(&self) -> bool {
        self.offsets.windows(2).any(|pair| pair[0] == pair[1])
    }

    /// The mask `[batch, length]`, 1 for a token and 0 for padding.
    pub(super) fn mask(&self) -> Vec<u8> {
        let mut mask = vec![0; self.batch * self.length];
        self.places.iter().for_each(|&place| mask[place as usize] = 1);
        mask
    }

    /// The places of the tokens of a sequence in its padded row.
    fn columns(&self, sequence: usize) -> impl Iterator<Item = usize> {
        let first = sequence * self.length;
        self.places[self.rows(sequence)].iter().map(move |&place| place as usize - first)
    }
}

/// Layout of the pairs of queries and keys of the same sequences: those of one sequence after those of another, and in it
/// head by head, `[queries, keys]` each.
#[derive(Debug, Clone)]
pub struct RaggedPairs {
    /// The layout of the queries.
    pub queries: Arc<RaggedLayout>,
    /// The layout of the keys.
    pub keys: Arc<RaggedLayout>,
}

impl RaggedPairs {
    /// Pairs of a sequence with itself.
    #[must_use]
    pub fn of_self(layout: Arc<RaggedLayout>) -> Self {
        Self { queries: layout.clone(), keys: layout }
    }

    /// Number of pairs of a sequence.
    fn pairs(&self, sequence: usize) -> usize {
        self.queries.rows(sequence).len() * self.keys.rows(sequence).len()
    }

    /// Number of pairs of all sequences.
    #[must_use]
    pub fn count(&self) -> usize {
        (0..self.queries.batch).map(|sequence| self.pairs(sequence)).sum()
    }

    /// The first pair of each sequence, with so many heads.
    pub(super) fn starts(&self, heads: usize) -> Vec<usize> {
        let next = |start: &mut usize, sequence| {
            let own = *start;
            *start += heads * self.pairs(sequence);
            Some(own)
        };
        (0..self.queries.batch).scan(0, next).collect()
    }

    /// Fails unless queries and keys are of the same sequences, each with a token.
    pub(super) fn check(&self) -> Result<()> {
        let (queries, keys) = (&self.queries, &self.keys);
        if queries.batch != keys.batch || queries.has_empty() || keys.has_empty() {
            bail!(
                "attention: queries of {} sequences and keys of {}, each with a token, are needed",
                queries.batch,
                keys.batch
            )
        }
        Ok(())
    }

    /// Values of the pairs, of each of so many heads, as `[batch, heads, queries, keys]` with zeros for padding.
    pub(super) fn pad<T: Copy + Default + Send + Sync>(&self, values: &[T], heads: usize) -> Vec<T> {
        let (rows, width) = (self.queries.length, self.keys.length);
        let mut padded = vec![T::default(); self.queries.batch * heads * rows * width];
        let starts = self.starts(heads);
        padded.par_chunks_mut((heads * rows * width).max(1)).enumerate().for_each(|(sequence, padded)| {
            let keys = self.keys.rows(sequence).len();
            let mut own = values[starts[sequence]..].chunks_exact(keys.max(1));
            for head in padded.chunks_exact_mut((rows * width).max(1)) {
                for (row, values) in self.queries.columns(sequence).zip(&mut own) {
                    let row = &mut head[row * width..(row + 1) * width];
                    for (column, value) in self.keys.columns(sequence).zip(values) {
                        row[column] = *value;
                    }
                }
            }
        });
        padded
    }

    /// The values of the pairs out of `[batch, heads, queries, keys]`.
    pub(super) fn unpad(&self, padded: &[f32], heads: usize) -> Vec<f32> {
        let (rows, width) = (self.queries.length, self.keys.length);
        let mut values = Vec::with_capacity(heads * self.count());
        for (sequence, padded) in padded.chunks_exact((heads * rows * width).max(1)).enumerate() {
            for head in padded.chunks_exact((rows * width).max(1)) {
                for row in self.queries.columns(sequence) {
                    let row = &head[row * width..(row + 1) * width];
                    values.extend(self.keys.columns(sequence).map(|column| row[column]));
                }
            }
        }
        values
    }
}

/// The rows of these numbers out of rows of `width`.
fn gathered(x: &[f32], rows: &[u32], width: usize) -> Vec<f32> {
    buffer::build_rows(rows.len(), width, |first, out| {
        for (out, &row) in out.chunks_exact_mut(width.max(1)).zip(&rows[first..]) {
            out.write_copy_of_slice(&x[row as usize * width..(row as usize + 1) * width]);
        }
    })
}

/// `count` rows of `width`, of which those of these numbers, which ascend, are the rows of `x` and the others zero.
fn scattered(x: &[f32], rows: &[u32], width: usize, count: usize) -> Vec<f32> {
    buffer::build_rows(count, width, |first, out| {
        let mut next = rows.partition_point(|&row| (row as usize) < first);
        for (row, out) in (first..).zip(out.chunks_exact_mut(width.max(1))) {
            if rows.get(next).is_some_and(|&own| own as usize == row) {
                out.write_copy_of_slice(&x[next * width..(next + 1) * width]);
                next += 1;
            } else {
                out.fill(MaybeUninit::new(0.0));
            }
        }
    })
}

/// Composite of [`gather`].
pub(super) fn gather_composite(
    x: &Tensor,
    rows: &[u32],
    (count, width): (usize, usize),
    shape: &[usize],
) -> Result<Tensor> {
    let x = x.contiguous()?.reshape((count, width))?;
    x.index_select(&Tensor::new(rows, x.device())?, 0)?.reshape(shape)
}

/// The rows of these numbers, which ascend, out of `count` rows of `width`, in a shape.
fn gather(
    x: &Tensor,
    rows: &Arc<Vec<u32>>,
    (count, width): (usize, usize),
    shape: &[usize],
) -> Result<Tensor> {
    if is_needed(x) {
        return gather_composite(x, rows, (count, width), shape);
    }
    let (x, rows) = (x.contiguous()?, rows.clone());
    let result = buffer::with_slice(&x, "ragged layout", |x| gathered(x, &rows, width))?;
    graph::record_one((CpuStorage::F32(result), shape.into()), &[&x], move |inputs, _, upstream| {
        let back = |upstream: &[f32]| scattered(upstream, &rows, width, count);
        let gradient = buffer::with_slice(upstream, "ragged layout", back)?;
        Ok(vec![Some(Tensor::from_vec(gradient, inputs[0].shape(), inputs[0].device())?)])
    })
}

/// Composite of [`scatter`].
pub(super) fn scatter_composite(
    x: &Tensor,
    rows: &[u32],
    (count, width): (usize, usize),
    shape: &[usize],
) -> Result<Tensor> {
    let zeros = Tensor::zeros((count, width), x.dtype(), x.device())?;
    let x = x.contiguous()?.reshape((rows.len(), width))?;
    zeros.index_add(&Tensor::new(rows, x.device())?, &x, 0)?.reshape(shape)
}

/// `count` rows of `width`, of which those of these numbers, which ascend, are the rows of `x` and the others zero, in a
/// shape.
fn scatter(
    x: &Tensor,
    rows: &Arc<Vec<u32>>,
    (count, width): (usize, usize),
    shape: &[usize],
) -> Result<Tensor> {
    if is_needed(x) {
        return scatter_composite(x, rows, (count, width), shape);
    }
    let (x, rows) = (x.contiguous()?, rows.clone());
    let result = buffer::with_slice(&x, "ragged layout", |x| scattered(x, &rows, width, count))?;
    graph::record_one((CpuStorage::F32(result), shape.into()), &[&x], move |inputs, _, upstream| {
        let back = |upstream: &[f32]| gathered(upstream, &rows, width);
        let gradient = buffer::with_slice(upstream, "ragged layout", back)?;
        Ok(vec![Some(Tensor::from_vec(gradient, inputs[0].shape(), inputs[0].device())?)])
    })
}
