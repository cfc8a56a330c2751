//! Which keys the tokens of an image see among those of a text.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor, bail};

/// Which tokens of an image a token of it sees, beside all text before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImagePattern {
    /// Those of its row.
    Row,
    /// Itself and as many before it in the order of rows as a row has.
    Previous,
    /// Those of its column.
    Column,
    /// Those of a square around it.
    Convolution {
        /// The side of the square, an odd number.
        kernel: usize,
    },
}

/// Attention of rows that hold a text and an image each, in which the tokens of an image see few of the others of it: sparse
/// attention as in DALL·E (Ramesh et al., 2021).
///
/// A row is a source and a target behind it, as of [`prefix`](super::AttentionMask::prefix), and within it the tokens of the image lie
/// one behind the other, row by row of the image. The image belongs to the source as a whole or to the target as a whole. What is no
/// image, text and padding behind, sees what `prefix` shows it. A token of an image sees of these what `prefix` shows it as well, and
/// of its image what the pattern has: all of that in a source, and in a target what does not come after it.
#[derive(Debug, Clone)]
pub struct ImageAttention {
    /// Tokens of the source in each example.
    pub sources: Arc<Vec<u32>>,
    /// The place of the image's first token in each example.
    pub images: Arc<Vec<u32>>,
    /// Rows of an image.
    pub rows: usize,
    /// Columns of an image.
    pub columns: usize,
    /// What tokens of an image see of it.
    pub pattern: ImagePattern,
}

/// Tokens at even distances: the first, the distance, and how many there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) first: usize,
    pub(super) step: usize,
    pub(super) count: usize,
}

/// Queries of an image and all keys of it that any of them sees, as tokens of the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) queries: Tokens,
    pub(super) keys: Tokens,
}

impl ImageAttention {
    /// Tokens of an image.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows * self.columns
    }

    /// The tokens of the image of an example.
    pub(super) fn image(&self, example: usize) -> Range<usize> {
        let first = self.images[example] as usize;
        first..first + self.tokens()
    }

    /// Whether the image of an example belongs to the source.
    pub(super) fn is_source(&self, example: usize) -> bool {
        self.sources[example] > self.images[example]
    }

    /// Tokens of the source of an example behind its image, which all of it see.
    pub(super) fn behind(&self, example: usize) -> usize {
        (self.sources[example] as usize).saturating_sub(self.image(example).end)
    }

    /// The keys that a query which is no token of an image sees: those before this one.
    pub(super) fn end(&self, example: usize, query: usize) -> usize {
        (self.sources[example] as usize).max(query + 1)
    }

    /// Whether a token of an image sees another one of it.
    pub(super) fn is_seen(&self, is_source: bool, query: usize, key: usize) -> bool {
        if !is_source && key > query {
            return false;
        }
        let place = |token: usize| (token / self.columns, token % self.columns);
        let ((row, column), (other_row, other_column)) = (place(query), place(key));
        match self.pattern {
            ImagePattern::Row => row == other_row,
            ImagePattern::Column => column == other_column,
            ImagePattern::Previous => key <= query && query - key <= self.columns,
            ImagePattern::Convolution { kernel } => {
                row.abs_diff(other_row) <= kernel / 2 && column.abs_diff(other_column) <= kernel / 2
            }
        }
    }

    /// Whether a query of an example sees a key.
    #[must_use]
    pub fn is_allowed(&self, example: usize, query: usize, key: usize) -> bool {
        let image = self.image(example);
        match (image.contains(&query), image.contains(&key)) {
            (true, true) => self.is_seen(self.is_source(example), query - image.start, key - image.start),
            _ => key < self.end(example, query),
        }
    }

    /// The keys that a query of an example sees, in their order. They are what a cached step attends to.
    #[must_use]
    pub fn keys(&self, example: usize, query: usize) -> Vec<u32> {
        let image = self.image(example);
        if !image.contains(&query) {
            return (0..self.end(example, query) as u32).collect();
        }
        let (own, is_source) = (query - image.start, self.is_source(example));
        let (row, column) = (own / self.columns, own % self.columns);
        let candidates: Vec<usize> = match self.pattern {
            ImagePattern::Row => (row * self.columns..(row + 1) * self.columns).collect(),
            ImagePattern::Column => (0..self.rows).map(|row| row * self.columns + column).collect(),
            ImagePattern::Previous => (own.saturating_sub(self.columns)..=own).collect(),
            ImagePattern::Convolution { kernel } => {
                let first = row.saturating_sub(kernel / 2) * self.columns;
                (first..((row + kernel / 2 + 1) * self.columns).min(self.tokens())).collect()
            }
        };
        let of_image = candidates.into_iter().filter(|&key| self.is_seen(is_source, own, key));
        let of_image = of_image.map(|key| (image.start + key) as u32);
        let behind = image.end..image.end + self.behind(example);
        (0..image.start as u32).chain(of_image).chain(behind.map(|key| key as u32)).collect()
    }

    /// The queries of an image in groups, each with the keys of it that they see together.
    pub(super) fn groups(&self, is_source: bool) -> Vec<Group> {
        let (rows, columns) = (self.rows, self.columns);
        let whole_row = |row: usize| Tokens { first: row * columns, step: 1, count: columns };
        let of_rows = |row: usize, before: usize, after: usize| {
            let (first, last) = (row.saturating_sub(before), (row + after).min(rows - 1));
            let keys = Tokens { first: first * columns, step: 1, count: (last + 1 - first) * columns };
            Group { queries: whole_row(row), keys }
        };
        match self.pattern {
            ImagePattern::Row => (0..rows).map(|row| of_rows(row, 0, 0)).collect(),
            ImagePattern::Previous => (0..rows).map(|row| of_rows(row, 1, 0)).collect(),
            ImagePattern::Convolution { kernel } => {
                let after = if is_source { kernel / 2 } else { 0 };
                (0..rows).map(|row| of_rows(row, kernel / 2, after)).collect()
            }
            ImagePattern::Column => (0..columns)
                .map(|column| {
                    let own = Tokens { first: column, step: columns, count: rows };
                    Group { queries: own, keys: own }
                })
                .collect(),
        }
    }

    /// Fails unless the mask was made for so many rows of so many tokens.
    pub(super) fn check(&self, batch: usize, length: usize) -> Result<()> {
        if self.rows == 0 || self.columns == 0 {
            bail!("attention: an image of {} rows and {} columns has no token", self.rows, self.columns)
        }
        if let ImagePattern::Convolution { kernel } = self.pattern
            && kernel.is_multiple_of(2)
        {
            bail!("attention: a square of {kernel} tokens has no middle; an odd number does")
        }
        if [self.sources.len(), self.images.len()] != [batch; 2] {
            bail!(
                "attention: {} sources and {} images do not fit a batch of {batch}",
                self.sources.len(),
                self.images.len()
            )
        }
        for example in 0..batch {
            let (source, image) = (self.sources[example] as usize, self.image(example));
            if image.end > length || source > length {
                bail!(
                    "attention: an image up to {} and a source of {source} do not fit {length} tokens",
                    image.end
                )
            }
            if image.start < source && source < image.end {
                bail!("attention: a source of {source} tokens ends within its image, which is at {image:?}")
            }
        }
        Ok(())
    }

    /// 0 where a query sees a key and -1e9 elsewhere, `[batch, heads, length, length]`, for attention that is not sparse.
    ///
    /// # Errors
    /// When the mask is not for so many rows of so many tokens.
    pub fn additive(&self, batch: usize, heads: usize, length: usize, device: &Device) -> Result<Tensor> {
        self.check(batch, length)?;
        let mut values = Vec::with_capacity(batch * heads * length * length);
        for example in 0..batch {
            let first = values.len();
            for query in 0..length {
                let bias = |key: usize| if self.is_allowed(example, query, key) { 0.0 } else { -1e9_f32 };
                values.extend((0..length).map(bias));
            }
            for _ in 1..heads {
                values.extend_from_within(first..first + length * length);
            }
        }
        Tensor::from_vec(values, (batch, heads, length, length), device)
    }
}
