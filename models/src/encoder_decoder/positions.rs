//! Positions of tokens.

use std::sync::Arc;

use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops;
use alambic_tensor::parameters::Weights;

use crate::layers::{RelativeBuckets, WeightSource};
use crate::{ModelError, Tokens};

/// Places before the first one in tables of learned positions, which fairseq left free for special tokens.
pub const LEARNED_OFFSET: usize = 2;

/// How a model tells the places of tokens. Names are those of the tables of encoder and decoder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Positions {
    /// Sinusoids for all places, counted from 0, or tables of these names where files have them.
    Sinusoids([String; 2]),
    /// Learned tables, which begin [`LEARNED_OFFSET`] rows before the first place.
    Learned([String; 2]),
    /// Sinusoids for the tokens that are not padding, counted from the row behind that of the padding token, which is of zeros.
    Counted {
        /// The padding token.
        padding: u32,
    },
    /// Biases of scores by distance, one table for all layers of a stack.
    Relative {
        /// Names of the tables.
        names: [String; 2],
        /// Buckets of the encoder; those of the decoder look back only.
        buckets: RelativeBuckets,
    },
}

impl Positions {
    /// Rows of the table of a sequence of at most `max_length` tokens; 0 without one.
    #[must_use]
    pub fn rows(&self, max_length: usize) -> usize {
        match self {
            Self::Sinusoids(_) => max_length,
            Self::Learned(_) => max_length + LEARNED_OFFSET,
            Self::Counted { padding } => max_length + *padding as usize + 1,
            Self::Relative { .. } => 0,
        }
    }

    /// The table of the encoder (0) or the decoder (1), `[rows, width]`; none where distances count.
    ///
    /// # Errors
    /// When a stored one is missing or has another shape than the configuration says.
    pub fn table(
        &self,
        weights: &Weights,
        stack: usize,
        (max_length, width): (usize, usize),
    ) -> Result<Option<Tensor>, ModelError> {
        let rows = self.rows(max_length);
        let stored = |name: &str| WeightSource::new(weights).tensor(name, &[rows, width]);
        Ok(Some(match self {
            Self::Sinusoids(names) if weights.contains_key(&names[stack]) => stored(&names[stack])?.detach(),
            Self::Sinusoids(_) => sinusoids(rows, width)?,
            Self::Learned(names) => stored(&names[stack])?,
            Self::Counted { padding } => counted_sinusoids(rows, width, *padding)?,
            Self::Relative { .. } => return Ok(None),
        }))
    }

    /// Buckets of the encoder (0) or the decoder (1), and the name of their table; none where no distances count.
    #[must_use]
    pub fn relative(&self, stack: usize) -> Option<(&str, RelativeBuckets)> {
        let Self::Relative { names, buckets } = self else { return None };
        Some((&names[stack], RelativeBuckets { is_bidirectional: stack == 0, ..*buckets }))
    }
}

/// Tokens before those that are embedded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    /// Number of each row.
    pub(super) length: usize,
    /// Those of each row that are not padding; empty for none.
    pub(super) counted: &'a [u32],
}

impl Past<'_> {
    pub(super) const NONE: Self = Self { length: 0, counted: &[] };
}

/// What is added to the embeddings of words, over weights.
#[derive(Debug, Clone)]
pub(super) enum PositionEmbeddings {
    /// Rows by place, which have no gradient.
    Fixed(Tensor),
    /// Rows by place, behind so many.
    Learned(Tensor, usize),
    /// Rows by the number of tokens that are not padding.
    Counted(Tensor, u32),
    None,
}

impl PositionEmbeddings {
    pub(super) fn new(positions: &Positions, table: Option<Tensor>) -> Self {
        match (positions, table) {
            (Positions::Learned(_), Some(table)) => Self::Learned(table, LEARNED_OFFSET),
            (Positions::Counted { padding }, Some(table)) => Self::Counted(table, *padding),
            (_, Some(table)) => Self::Fixed(table),
            (_, None) => Self::None,
        }
    }

    /// Embeddings of tokens by a table of words and their positions, `[batch, length, width]`.
    pub(super) fn embed(
        &self,
        words: &Tensor,
        tokens: &Tokens,
        scale: f32,
        past: Past<'_>,
    ) -> Result<Tensor, ModelError> {
        let own = |positions: Option<&Tensor>| ops::embed(words, &tokens.ids, tokens.batch, scale, positions);
        let (table, rows) = match self {
            Self::None => return Ok(own(None)?),
            Self::Fixed(table) => return Ok(own(Some(&table.narrow(0, past.length, tokens.length)?))?),
            Self::Learned(table, offset) => {
                let first = past.length + offset;
                let places = 0..tokens.ids.len();
                (table, places.map(|place| (first + place % tokens.length.max(1)) as u32).collect())
            }
            Self::Counted(table, padding) => (table, counted_rows(tokens, *padding, past.counted)),
        };
        Ok((own(None)? + ops::embed(table, &Arc::new(rows), tokens.batch, 1.0, None)?)?)
    }
}

/// The rows of tokens: `padding` and the number of tokens up to here that are not padding; `padding` for padding.
fn counted_rows(tokens: &Tokens, padding: u32, before: &[u32]) -> Vec<u32> {
    let mut rows = Vec::with_capacity(tokens.ids.len());
    for (row, ids) in tokens.ids.chunks(tokens.length.max(1)).enumerate() {
        let mut count = before.get(row).copied().unwrap_or(0);
        for &id in ids {
            count += u32::from(id != padding);
            rows.push(if id == padding { padding } else { padding + count });
        }
    }
    rows
}

/// `[length, width]`: the first half of the columns are sines, the second cosines, of the position divided by
/// `10000^(2i / width)`. Marian does not interleave them.
fn sinusoids(length: usize, width: usize) -> candle::Result<Tensor> {
    let half = width.div_ceil(2);
    let mut values = vec![0.0f32; length * width];
    for (position, row) in values.chunks_exact_mut(width.max(1)).enumerate() {
        for (column, value) in row.iter_mut().enumerate() {
            let index = if column < half { column } else { column - half };
            let angle = position as f64 / 10_000f64.powf(2.0 * index as f64 / width as f64);
            *value = if column < half { angle.sin() } else { angle.cos() } as f32;
        }
    }
    Tensor::from_vec(values, (length, width), device::current())
}

/// `[length, width]`: sines, then cosines, of the position times `10000^(-i / (half - 1))`, as tensor2tensor has them; zeros in
/// the row of padding, and in the last column of an odd width.
fn counted_sinusoids(length: usize, width: usize, padding: u32) -> candle::Result<Tensor> {
    let half = width / 2;
    // As transformers computes them, in single precision.
    let step = (10_000f64.ln() / half.saturating_sub(1).max(1) as f64) as f32;
    let frequencies: Vec<f32> = (0..half).map(|index| (index as f32 * -step).exp()).collect();
    let mut values = vec![0.0f32; length * width];
    for (position, row) in values.chunks_exact_mut(width.max(1)).enumerate() {
        if position == padding as usize {
            continue;
        }
        for (index, frequency) in frequencies.iter().enumerate() {
            let angle = position as f32 * frequency;
            row[index] = angle.sin();
            row[half + index] = angle.cos();
        }
    }
    Tensor::from_vec(values, (length, width), device::current())
}
