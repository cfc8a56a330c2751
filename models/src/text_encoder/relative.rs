//! Relative positions over the weights of a model.

use alambic_tensor::candle::{Module, Tensor};
use alambic_tensor::ops::{self, Activation};

use super::config::TextEncoderConfig;
use super::names::TensorNames;
use super::structure::RelativePositions;
use crate::ModelError;
use crate::layers::{
    AttentionScheme, DisentangledBias, EncoderNames, Linear, Norm, Pass, RelativeBuckets, Sequences,
    TokenConvolution, WeightSource, activation,
};

/// Buckets of MPNet, whatever the rows of its table.
const MPNET: RelativeBuckets = RelativeBuckets { count: 32, max_distance: 128, is_bidirectional: true };

/// Bucket of a key's distance from a query.
#[must_use]
pub fn bucket(query: usize, key: usize) -> u32 {
    MPNET.bucket(query, key)
}

/// Biases of scores `[1, heads, length, length]` out of a table `[buckets, heads]`.
pub(super) fn bucket_bias(table: &Tensor, length: usize) -> Result<Tensor, ModelError> {
    MPNET.biases(table, length)
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
