//! Relative positions over the weights of a model.

use std::sync::Arc;

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::config::TextEncoderConfig;
use super::names::TensorNames;
use super::structure::RelativePositions;
use crate::ModelError;
use crate::layers::{
    AttentionScheme, DisentangledBias, EncoderNames, Linear, Norm, Pass, Sequences, TokenConvolution,
    WeightSource, activation,
};

/// Distance from which on all of a direction are in its last bucket (MPNet).
const FARTHEST: f64 = 128.0;
/// Buckets that are counted on, whatever the rows of the table: half of them for keys after the query.
const BUCKETS: usize = 32;

/// Bucket of a key's distance from a query (Raffel et al., 2020): exact up to a quarter of all, and logarithmic beyond.
#[must_use]
pub fn bucket(query: usize, key: usize) -> u32 {
    let (half, exact) = (BUCKETS / 2, BUCKETS / 4);
    let distance = query.abs_diff(key);
    let own = if distance < exact {
        distance
    } else {
        let share = (distance as f32 / exact as f32).ln() / (FARTHEST / exact as f64).ln() as f32;
        (exact + (share * (half - exact) as f32) as usize).min(half - 1)
    };
    (own + if key > query { half } else { 0 }) as u32
}

/// Biases of scores `[1, heads, length, length]` out of a table `[buckets, heads]`.
pub(super) fn bucket_bias(table: &Tensor, length: usize) -> Result<Tensor, ModelError> {
    let buckets =
        Arc::new((0..length * length).map(|place| bucket(place / length, place % length)).collect());
    let biases = ops::embed(table, &buckets, length, 1.0, None)?;
    Ok(biases.permute((2, 0, 1))?.unsqueeze(0)?.contiguous()?)
}

impl TextEncoderConfig {
    /// Names of a layer, counted from 0, among those of a whole model.
    pub(super) fn layer_names_under(&self, names: &TensorNames, index: usize) -> EncoderNames {
        names.layer(if self.structure.is_shared { 0 } else { index })
    }

    /// Table of biases by buckets; none without one.
    pub(super) fn relative_biases(
        &self,
        source: WeightSource<'_>,
        names: &TensorNames,
    ) -> Result<Option<Tensor>, ModelError> {
        let Some(RelativePositions::Buckets(buckets)) = self.structure.relative else { return Ok(None) };
        let [table, ..] = names.relative();
        Ok(Some(source.tensor(&format!("{table}.weight"), &[buckets, self.heads])?))
    }

    /// Attention of each layer beside products of queries with keys.
    pub(super) fn attention_schemes(
        &self,
        source: WeightSource<'_>,
        names: &TensorNames,
    ) -> Result<Vec<AttentionScheme>, ModelError> {
        if let Some(rotary) = &self.structure.rotary {
            return Ok(rotary.schemes(self.layers, self.width / self.heads.max(1), self.positions));
        }
        let Some(own) = self.structure.disentangled() else {
            return Ok(vec![AttentionScheme::default(); self.layers]);
        };
        let [_, embeddings, norm, _] = names.relative();
        let mut embeddings =
            source.tensor(&format!("{embeddings}.weight"), &[2 * own.buckets.span(), self.width])?;
        if own.is_normed {
            embeddings = Norm::load(source, &norm, self.width, self.epsilon)?.forward(&embeddings)?;
        }
        let layer = |index: usize| {
            let attention = self.layer_names_under(names, index).attention;
            let [to_keys, to_queries] = if own.is_shared {
                [attention.key, attention.query]
            } else {
                names.position_projections(index)
            };
            let load = |is_set: bool, name: &str| {
                is_set.then(|| Linear::load(source, name, self.width, self.width)).transpose()
            };
            let kinds = 1 + usize::from(own.content_to_position) + usize::from(own.position_to_content);
            Ok(AttentionScheme {
                disentangled: Some(DisentangledBias {
                    embeddings: embeddings.clone(),
                    position_key: load(own.content_to_position, &to_keys)?,
                    position_query: load(own.position_to_content, &to_queries)?,
                    buckets: own.buckets,
                    dropout: self.dropout,
                    kinds,
                }),
                ..AttentionScheme::default()
            })
        };
        (0..self.layers).map(layer).collect()
    }
}

/// Convolution beside the first layer, whose output is added to that of the layer and normed.
#[derive(Debug, Clone)]
pub(super) struct ConvolutionBranch {
    convolution: TokenConvolution,
    activation: Activation,
    norm: Norm,
    dropout: f32,
}

impl ConvolutionBranch {
    /// The branch of a configuration; none where it has none.
    pub(super) fn load(
        source: WeightSource<'_>,
        names: &TensorNames,
        config: &TextEncoderConfig,
    ) -> Result<Option<Self>, ModelError> {
        let own = config.structure.disentangled().and_then(|own| own.convolution.as_ref());
        let Some((kernel, name)) = own else { return Ok(None) };
        let ([.., convolution], width) = (names.relative(), config.width);
        Ok(Some(Self {
            convolution: TokenConvolution::load(source, &format!("{convolution}.conv"), width, *kernel)?,
            activation: activation(name)?,
            norm: Norm::load(source, &format!("{convolution}.LayerNorm"), width, config.epsilon)?,
            dropout: config.dropout,
        }))
    }

    /// `norm(output + activation(dropout(convolution(input))))`, both `[batch, length, width]`; zeros for padding.
    pub(super) fn forward(
        &self,
        input: &Tensor,
        output: &Tensor,
        sequences: &Sequences,
        pass: Pass<'_>,
    ) -> Result<Tensor, ModelError> {
        let convolved = sequences.without_padding(&self.convolution.forward(input)?)?;
        let activated = ops::activate(&pass.dropout(&convolved, self.dropout)?, self.activation)?;
        sequences.without_padding(&self.norm.forward(&(output + activated)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_those_of_transformers() {
        // MPNetEncoder.relative_position_bucket of keys before, at and after the query.
        let of = |distance: i64| {
            let (query, key) = if distance < 0 { (-distance, 0) } else { (0, distance) };
            bucket(query as usize, key as usize)
        };
        assert_eq!([0, -1, -7, -8, -20, -127, -500].map(of), [0, 1, 7, 8, 10, 15, 15]);
        assert_eq!([1, 7, 8, 20, 500].map(of), [17, 23, 24, 26, 31]);
    }
}
