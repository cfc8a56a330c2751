//! Keys and values of the tokens so far, for decoding.

use alambic_tensor::candle::Tensor;

use crate::ModelError;

/// Keys and values of one layer's self-attention, `[rows, capacity, 2 * width of all heads]`.
#[derive(Debug, Clone)]
pub(crate) struct LayerCache {
    values: Vec<f32>,
    rows: usize,
    capacity: usize,
    /// Tokens of each row.
    lengths: Vec<usize>,
    width: usize,
}

impl LayerCache {
    pub(crate) fn new(rows: usize, capacity: usize, width: usize) -> Self {
        Self { values: vec![0.0; rows * capacity * 2 * width], rows, capacity, lengths: vec![0; rows], width }
    }

    /// Appends the key and value of one token a row, out of a packed `[rows, 1, 3 * width]`.
    ///
    /// # Errors
    /// When the capacity is used up.
    pub(crate) fn push(&mut self, packed: &Tensor) -> Result<(), ModelError> {
        self.append(packed, &vec![1; self.rows])
    }

    /// Appends the keys and values of each row's first `counts` tokens, out of a packed `[rows, tokens, 3 * width]`.
    ///
    /// # Errors
    /// When the capacity is used up.
    pub(crate) fn append(&mut self, packed: &Tensor, counts: &[usize]) -> Result<(), ModelError> {
        if self.lengths.iter().zip(counts).any(|(length, count)| length + count > self.capacity) {
            return Err(ModelError::Input(format!(
                "a target of more than the {} tokens for which decoding was started",
                self.capacity
            )));
        }
        let tokens = packed.dim(1)?;
        let packed = packed.flatten_all()?.to_vec1::<f32>()?;
        let (step, wide) = (2 * self.width, 3 * self.width);
        for (row, (packed, &count)) in packed.chunks_exact((tokens * wide).max(1)).zip(counts).enumerate() {
            let first = row * self.capacity + self.lengths[row];
            for (index, packed) in packed.chunks_exact(wide).take(count).enumerate() {
                let start = (first + index) * step;
                self.values[start..start + step].copy_from_slice(&packed[self.width..]);
            }
            self.lengths[row] += count;
        }
        Ok(())
    }

    /// Takes the last token out of each row again.
    pub(crate) fn pop(&mut self) {
        for length in &mut self.lengths {
            *length = length.saturating_sub(1);
        }
    }

    /// Width of all heads together.
    pub(crate) fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn rows(&self) -> &[f32] {
        &self.values
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// Tokens of a row, where all have as many; of rows that differ the most.
    pub(crate) fn length(&self) -> usize {
        self.lengths.iter().copied().max().unwrap_or(0)
    }

    /// Makes row `i` a copy of the former row `rows[i]`.
    pub(crate) fn select(&mut self, rows: &[usize]) {
        let (stride, used) = (self.capacity * 2 * self.width, self.length() * 2 * self.width);
        if rows.len() > self.rows {
            let mut values = vec![0.0; rows.len() * stride];
            for (target, &source) in values.chunks_exact_mut(stride).zip(rows) {
                target[..used].copy_from_slice(&self.values[source * stride..source * stride + used]);
            }
            self.values = values;
        } else {
            let mut aside = Vec::new();
            for copy in copies(rows, self.rows) {
                match copy {
                    RowCopy::Aside(source) => {
                        aside.clear();
                        aside.extend_from_slice(&self.values[source * stride..source * stride + used]);
                    }
                    RowCopy::Row { source, target } => {
                        let first = source * stride;
                        self.values.copy_within(first..first + used, target * stride);
                    }
                    RowCopy::Back(target) => {
                        self.values[target * stride..target * stride + used].copy_from_slice(&aside);
                    }
                }
            }
            self.values.truncate(rows.len() * stride);
        }
        self.lengths = rows.iter().map(|&row| self.lengths[row]).collect();
        self.rows = rows.len();
    }
}

/// A copy of a row within a table.
#[derive(Debug)]
enum RowCopy {
    /// A row is put aside.
    Aside(usize),
    /// A row is copied to the place of another.
    Row { source: usize, target: usize },
    /// The row that was put aside last is copied to a place.
    Back(usize),
}

/// The copies that make row `i` that which was row `rows[i]`, in an order in which no row is overwritten that is still read. Rows
/// that stay where they are, as most of a beam's do, are not copied.
fn copies(rows: &[usize], count: usize) -> Vec<RowCopy> {
    let mut readers = vec![0usize; count];
    let moves = |target: usize| rows.get(target).is_some_and(|&source| source != target);
    for target in (0..rows.len()).filter(|&target| moves(target)) {
        readers[rows[target]] += 1;
    }
    let mut copies = Vec::new();
    let mut is_open: Vec<bool> = (0..rows.len()).map(moves).collect();
    let mut free: Vec<usize> = (0..rows.len()).filter(|&row| is_open[row] && readers[row] == 0).collect();
    while let Some(target) = free.pop() {
        let source = rows[target];
        copies.push(RowCopy::Row { source, target });
        is_open[target] = false;
        readers[source] -= 1;
        if readers[source] == 0 && is_open.get(source) == Some(&true) {
            free.push(source);
        }
    }
    // What is left goes round: each row is read by one other.
    for first in 0..rows.len() {
        if !is_open[first] {
            continue;
        }
        copies.push(RowCopy::Aside(first));
        let mut target = first;
        while rows[target] != first {
            copies.push(RowCopy::Row { source: rows[target], target });
            is_open[target] = false;
            target = rows[target];
        }
        copies.push(RowCopy::Back(target));
        is_open[target] = false;
    }
    copies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_selected_in_place_as_by_copying_all() {
        let (capacity, width, length) = (3, 2, 2);
        for number in 0..400usize {
            let count = 1 + number % 6;
            let picked = 1 + number / 6 % 7;
            let rows: Vec<usize> =
                (0..picked).map(|place| (number * 31 + place * (number / 7 + 1)) % count).collect();
            let mut cache = LayerCache::new(count, capacity, width);
            cache.lengths = vec![length; count];
            for (place, value) in cache.values.iter_mut().enumerate() {
                *value = place as f32;
            }
            let stride = capacity * 2 * width;
            let expected: Vec<Vec<f32>> = rows
                .iter()
                .map(|row| cache.values[row * stride..row * stride + length * 2 * width].to_vec())
                .collect();
            cache.select(&rows);
            assert_eq!(cache.values.len(), picked * stride);
            for (found, expected) in cache.values.chunks_exact(stride).zip(expected) {
                assert_eq!(found[..length * 2 * width], expected, "{rows:?} of {count}");
            }
        }
    }

    #[test]
    fn rows_that_stay_are_not_copied() {
        assert!(copies(&[0, 1, 2], 4).is_empty());
        assert_eq!(copies(&[0, 0, 2], 3).len(), 1);
        assert_eq!(copies(&[1, 0, 2], 3).len(), 3);
    }
}
