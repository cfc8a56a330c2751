//! Biases of attention scores by relative positions (Raffel et al., 2020).

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops;

use crate::ModelError;

/// Buckets of the distances from queries to keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelativeBuckets {
    /// Number of buckets; half of them are for keys behind the query where these are told from those before it.
    pub count: usize,
    /// Distance from which on all of a direction are in its last bucket.
    pub max_distance: usize,
    /// Whether keys behind the query have buckets of their own; otherwise all are in that of distance 0, as in a decoder, which
    /// does not see them.
    pub is_bidirectional: bool,
}

impl RelativeBuckets {
    /// Bucket of a key's distance from a query: exact up to half of those of a direction, and logarithmic beyond.
    #[must_use]
    pub fn bucket(self, query: usize, key: usize) -> u32 {
        let own = if self.is_bidirectional { self.count / 2 } else { self.count };
        let exact = (own / 2).max(1);
        let distance = if self.is_bidirectional { query.abs_diff(key) } else { query.saturating_sub(key) };
        let bucket = if distance < exact {
            distance
        } else {
            let share =
                (distance as f32 / exact as f32).ln() / (self.max_distance as f64 / exact as f64).ln() as f32;
            (exact + (share * own.saturating_sub(exact) as f32) as usize).min(own.saturating_sub(1))
        };
        (bucket + if self.is_bidirectional && key > query { own } else { 0 }) as u32
    }

    /// Biases of scores `[1, heads, length, length]` out of a table `[buckets, heads]`.
    pub(crate) fn biases(self, table: &Tensor, length: usize) -> Result<Tensor, ModelError> {
        let buckets =
            Arc::new((0..length * length).map(|place| self.bucket(place / length, place % length)).collect());
        let biases = ops::embed(table, &buckets, length, 1.0, None)?;
        Ok(biases.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?)
    }

    /// Biases of the scores of one query, the last of `length` tokens, `[heads, length]` row by row, out of the numbers of a
    /// table `[buckets, heads]`.
    pub(crate) fn last_biases(self, table: &[f32], length: usize) -> Vec<f32> {
        let heads = table.len() / self.count.max(1);
        let rows: Vec<usize> =
            (0..length).map(|key| self.bucket(length.saturating_sub(1), key) as usize * heads).collect();
        (0..heads).flat_map(|head| rows.iter().map(move |row| table[row + head])).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_transformers() {
        // T5Attention._relative_position_bucket of keys before, at and after the query.
        let of = |buckets: RelativeBuckets, distance: i64| {
            let (query, key) = if distance < 0 { (-distance, 0) } else { (0, distance) };
            buckets.bucket(query as usize, key as usize)
        };
        let both = RelativeBuckets { count: 32, max_distance: 128, is_bidirectional: true };
        assert_eq!([0, -1, -7, -8, -20, -127, -500].map(|own| of(both, own)), [0, 1, 7, 8, 10, 15, 15]);
        assert_eq!([1, 7, 8, 20, 500].map(|own| of(both, own)), [17, 23, 24, 26, 31]);
        let back = RelativeBuckets { is_bidirectional: false, ..both };
        assert_eq!(
            [3, 0, -1, -15, -16, -20, -64, -127, -500].map(|own| of(back, own)),
            [0, 0, 1, 15, 16, 17, 26, 31, 31]
        );
        let few = RelativeBuckets { count: 8, max_distance: 20, is_bidirectional: true };
        assert_eq!([-1, -2, -5, -19, 1, 2, 6, 40].map(|own| of(few, own)), [1, 2, 2, 3, 5, 6, 6, 7]);
    }

    #[test]
    fn biases_of_the_last_query_are_those_of_its_row() {
        let buckets = RelativeBuckets { count: 4, max_distance: 6, is_bidirectional: false };
        let values: Vec<f32> = (0..8u8).map(f32::from).collect();
        let table = Tensor::from_slice(&values, (4, 2), alambic_tensor::device::current()).unwrap();
        let all = buckets.biases(&table, 5).unwrap();
        let last = all.narrow(2, 4, 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(buckets.last_biases(&values, 5), last);
    }
}
