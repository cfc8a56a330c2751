//! Disentangled attention of DeBERTa (He et al., 2021): scores of contents with relative positions.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{Activation, AttentionHeads};

use super::{Linear, Pass, WeightSource};
use crate::ModelError;

/// Buckets of relative positions: exact up to half of them, and logarithmic beyond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PositionBuckets {
    /// Number of buckets to either side; none for one of each distance.
    pub buckets: Option<usize>,
    /// Largest distance.
    pub max_distance: usize,
}

impl PositionBuckets {
    /// Relative positions to either side that have an embedding.
    #[must_use]
    pub fn span(&self) -> usize {
        self.buckets.unwrap_or(self.max_distance)
    }

    /// Row of the table of relative embeddings `[2 · span, width]` for a query and a key.
    #[must_use]
    pub fn row(&self, query: usize, key: usize) -> u32 {
        let span = self.span() as i64;
        let distance = query as i64 - key as i64;
        let bucket = match self.buckets {
            None => distance,
            Some(buckets) => {
                let middle = buckets as i64 / 2;
                if distance.abs() <= middle {
                    distance
                } else {
                    let (middle, far) = (middle as f32, (self.max_distance - 1) as f32);
                    let share = (distance.abs() as f32 / middle).ln() / (far / middle).ln();
                    ((share * (middle - 1.0)).ceil() + middle) as i64 * distance.signum()
                }
            }
        };
        (bucket + span).clamp(0, 2 * span - 1) as u32
    }
}

/// Scores of contents with relative positions: of queries with the keys of positions, of keys with the queries of positions, or both.
#[derive(Debug, Clone)]
pub(crate) struct DisentangledBias {
    /// `[2 · span, width]`, as the layers read them.
    pub(crate) embeddings: Tensor,
    /// Projection of positions to keys, with which queries are compared.
    pub(crate) position_key: Option<Linear>,
    /// Projection of positions to queries, with which keys are compared.
    pub(crate) position_query: Option<Linear>,
    pub(crate) buckets: PositionBuckets,
    /// Share of the embeddings that is dropped in training.
    pub(crate) dropout: f32,
    /// Kinds of scores that are summed, that of contents among them.
    pub(crate) kinds: usize,
}

impl DisentangledBias {
    /// The factor on all scores, for heads of this width.
    pub(crate) fn scale(&self, head_width: usize) -> f32 {
        1.0 / ((head_width * self.kinds) as f32).sqrt()
    }

    /// Scores `[batch, heads, queries, keys]` of packed queries, keys and values `[batch, length, 3 · width]`.
    pub(crate) fn bias(
        &self,
        packed: &Tensor,
        heads: AttentionHeads,
        pass: Pass<'_>,
    ) -> Result<Tensor, ModelError> {
        let (batch, length, width) = packed.dims3()?;
        let (width, head_width) = (width / 3, width / 3 / heads.count.max(1));
        let embeddings = pass.dropout(&self.embeddings, self.dropout)?;
        let rows = embeddings.dim(0)?;
        let index: Vec<u32> =
            (0..length * length).map(|place| self.buckets.row(place / length, place % length)).collect();
        let index = Tensor::from_vec(index, (1, 1, length, length), device::current())?;
        // The scores of each token with all relative positions, of which each pair of tokens has one.
        let compare = |part: usize, projection: &Linear, index: &Tensor| -> Result<Tensor, ModelError> {
            let contents = packed.narrow(2, part * width, width)?;
            let contents = contents.reshape((batch * length, heads.count, head_width))?.transpose(0, 1)?;
            let positions = projection.forward(&embeddings, Activation::Identity)?;
            let positions = positions.reshape((rows, heads.count, head_width))?.permute((1, 2, 0))?;
            let scores = contents.contiguous()?.matmul(&positions.contiguous()?)?;
            let scores = scores.reshape((heads.count, batch, length, rows))?.transpose(0, 1)?.contiguous()?;
            let index = index.expand((batch, heads.count, length, length))?.contiguous()?;
            Ok(scores.gather(&index, 3)?)
        };
        let of_queries =
            self.position_key.as_ref().map(|projection| compare(0, projection, &index)).transpose()?;
        let of_keys = match &self.position_query {
            Some(projection) => Some(compare(1, projection, &index.t()?)?.transpose(2, 3)?.contiguous()?),
            None => None,
        };
        let sum = match (of_queries, of_keys) {
            (Some(queries), Some(keys)) => (queries + keys)?,
            (Some(only), None) | (None, Some(only)) => only,
            (None, None) => return Err(ModelError::Configuration("pos_att_type is empty".into())),
        };
        Ok((sum * f64::from(heads.scale))?)
    }
}

/// Convolution over neighbouring tokens, which DeBERTa has beside its first layer, for tokens `[batch, length, width]`.
#[derive(Debug, Clone)]
pub(crate) struct TokenConvolution {
    /// Over the tokens of a neighbourhood side by side.
    linear: Linear,
    /// Tokens of a neighbourhood, an odd number.
    kernel: usize,
}

impl TokenConvolution {
    /// The convolution of these weights, `[width, width, kernel]`.
    pub(crate) fn load(
        source: WeightSource<'_>,
        name: &str,
        width: usize,
        kernel: usize,
    ) -> Result<Self, ModelError> {
        Ok(Self { linear: Linear::load_neighbours(source, name, width, kernel)?, kernel })
    }
}

impl Module for TokenConvolution {
    fn forward(&self, x: &Tensor) -> alambic_tensor::candle::Result<Tensor> {
        let (length, side) = (x.dim(1)?, self.kernel / 2);
        let padded = x.pad_with_zeros(1, side, side)?;
        let neighbours = (0..self.kernel).map(|first| padded.narrow(1, first, length));
        let neighbours = Tensor::cat(&neighbours.collect::<Result<Vec<_>, _>>()?, 2)?;
        self.linear.weight.linear(&neighbours, self.linear.bias.as_ref(), Activation::Identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_exact_nearby_and_logarithmic_beyond() {
        let buckets = PositionBuckets { buckets: Some(8), max_distance: 24 };
        let row = |query, key| buckets.row(query, key);
        assert_eq!([row(0, 0), row(4, 0), row(0, 4)], [8, 12, 4]);
        // transformers' make_log_bucket_position(d, 8, 24) for d = 5, 6, 9, 12, 23.
        assert_eq!([5, 6, 9, 12, 23].map(|far| row(far, 0) - 8), [5, 5, 6, 6, 7]);
        assert_eq!(row(0, 23), 1);
        let plain = PositionBuckets { buckets: None, max_distance: 4 };
        assert_eq!([plain.row(9, 0), plain.row(0, 9), plain.row(1, 3)], [7, 0, 2]);
    }
}
