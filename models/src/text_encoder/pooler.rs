//! Pooling over the weights of a model.

use std::sync::Arc;

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::device;
use alambic_tensor::ops::{Activation, masked_mean};

use super::dense::POOLING;
use super::pooling::{Pooling, PoolingMode, PoolingStep, TokenPooling};
use crate::layers::{Linear, Recurrent, WeightSource, activation};
use crate::{ModelError, Tokens};

/// Lower than any state.
const LEAST: f32 = -1e30;

/// Pooling over the weights of a model.
#[derive(Debug, Clone)]
pub(crate) struct Pooler {
    pooling: Pooling,
    recurrent: Option<Recurrent>,
    dense: Vec<(Linear, Activation)>,
}

impl Pooler {
    /// Of states of this width.
    pub(crate) fn load(
        source: WeightSource<'_>,
        pooling: &Pooling,
        state: usize,
    ) -> Result<Self, ModelError> {
        let recurrent = match pooling.mode {
            PoolingMode::Recurrent { width, both } => {
                Some(Recurrent::load(source, POOLING, state, width, both)?)
            }
            PoolingMode::Tokens(_) => None,
        };
        let mut width = pooling.gathered(state);
        let mut dense = Vec::new();
        for own in pooling.dense() {
            if own.inputs != width {
                return Err(ModelError::Configuration(format!(
                    "dense layer {} behind the pooling reads {} numbers, and gets {width}",
                    own.index, own.inputs
                )));
            }
            let load = if own.has_bias { Linear::load } else { Linear::load_matrix };
            let activation = own.activation.map_or(Ok(Activation::Identity), activation)?;
            dense.push((load(source, &own.name(), own.inputs, own.outputs)?, activation));
            width = own.outputs;
        }
        Ok(Self { pooling: pooling.clone(), recurrent, dense })
    }

    /// The vectors `[batch, width]` of hidden states `[batch, length, state]`.
    pub(crate) fn forward(&self, hidden: &Tensor, tokens: &Tokens) -> Result<Tensor, ModelError> {
        let mut vectors = match (&self.recurrent, &self.pooling.mode) {
            (Some(recurrent), _) => recurrent.forward(hidden, tokens)?,
            (None, PoolingMode::Tokens(modes)) => gather(hidden, &self.gathered(tokens), modes)?,
            (None, PoolingMode::Recurrent { .. }) => {
                return Err(ModelError::Configuration("the recurrent layers are missing".into()));
            }
        };
        let mut dense = self.dense.iter();
        for step in &self.pooling.steps {
            match step {
                PoolingStep::Normalise => {
                    let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
                    vectors = vectors.broadcast_div(&lengths)?;
                }
                PoolingStep::Dense(_) => {
                    if let Some((layer, activation)) = dense.next() {
                        vectors = layer.forward(&vectors, *activation)?;
                    }
                }
            }
        }
        match self.pooling.kept {
            Some(kept) if kept < vectors.dim(D::Minus1)? => {
                Ok(vectors.narrow(D::Minus1, 0, kept)?.contiguous()?)
            }
            _ => Ok(vectors),
        }
    }

    /// The tokens, those that are not gathered counted as padding.
    fn gathered(&self, tokens: &Tokens) -> Tokens {
        if self.pooling.skipped == 0 {
            return tokens.clone();
        }
        let mut mask = tokens.mask.to_vec();
        for row in mask.chunks_mut(tokens.length.max(1)) {
            row.iter_mut().take(self.pooling.skipped).for_each(|kept| *kept = 0);
        }
        Tokens { mask: Arc::new(mask), ..tokens.clone() }
    }
}

/// One vector for each mode, joined: `[batch, modes * state]`.
fn gather(hidden: &Tensor, tokens: &Tokens, modes: &[TokenPooling]) -> Result<Tensor, ModelError> {
    let vectors = modes.iter().map(|mode| one(hidden, tokens, *mode)).collect::<Result<Vec<_>, _>>()?;
    Ok(match vectors.as_slice() {
        [only] => only.clone(),
        several => Tensor::cat(several, D::Minus1)?,
    })
}

fn one(hidden: &Tensor, tokens: &Tokens, mode: TokenPooling) -> Result<Tensor, ModelError> {
    let (batch, length, _) = hidden.dims3()?;
    let rows = || tokens.mask.chunks(length.max(1));
    let column = |values: Vec<f32>| Tensor::from_vec(values, (batch, length, 1), device::current());
    // The token at a place of each row, and 0 where a row has none.
    let at = |place: &dyn Fn(&[u8]) -> Option<usize>| {
        let places = rows().enumerate().map(|(row, mask)| (row * length + place(mask).unwrap_or(0)) as u32);
        let places = Tensor::new(places.collect::<Vec<u32>>(), device::current())?;
        Ok::<_, ModelError>(hidden.flatten_to(1)?.index_select(&places, 0)?)
    };
    Ok(match mode {
        TokenPooling::First if rows().all(|mask| mask.first() == Some(&1)) => {
            hidden.narrow(1, 0, 1)?.squeeze(1)?
        }
        TokenPooling::First => at(&|mask| mask.iter().position(|&kept| kept == 1))?,
        TokenPooling::Last => at(&|mask| mask.iter().rposition(|&kept| kept == 1))?,
        TokenPooling::Mean => masked_mean(hidden, &tokens.mask)?,
        TokenPooling::MeanBySquareRoot => {
            let roots = rows().map(|mask| (count(mask).max(1e-9)).sqrt()).collect::<Vec<f32>>();
            let roots = Tensor::from_vec(roots, (batch, 1), device::current())?;
            masked_mean(hidden, &tokens.mask)?.broadcast_mul(&roots)?
        }
        TokenPooling::WeightedMean => {
            let weighted = |mask: &[u8]| -> Vec<f32> {
                mask.iter().zip(1..).map(|(&kept, place)| f32::from(kept) * place as f32).collect()
            };
            let weights: Vec<f32> = rows().flat_map(weighted).collect();
            let sums: Vec<f32> = rows().map(|mask| weighted(mask).iter().sum::<f32>().max(1e-9)).collect();
            let sums = Tensor::from_vec(sums, (batch, 1), device::current())?;
            hidden.broadcast_mul(&column(weights)?)?.sum(1)?.broadcast_div(&sums)?
        }
        TokenPooling::Max => {
            let least = tokens.mask.iter().map(|&kept| if kept == 1 { 0.0 } else { LEAST }).collect();
            hidden.broadcast_add(&column(least)?)?.max(1)?
        }
    })
}

/// Number of tokens that a mask keeps.
fn count(mask: &[u8]) -> f32 {
    mask.iter().map(|&kept| f32::from(kept)).sum()
}

#[cfg(test)]
mod tests {
    use alambic_tensor::candle::Device;

    use super::*;

    /// Two texts of three and two tokens, each token with two numbers.
    fn states() -> (Tensor, Tokens) {
        let numbers: [[[f32; 2]; 3]; 2] =
            [[[1.0, -4.0], [2.0, 5.0], [6.0, 2.0]], [[3.0, -8.0], [1.0, -2.0], [9.0, 9.0]]];
        let tokens = Tokens::pad(&[vec![1_u32, 2, 3], vec![1, 2]], 0);
        (Tensor::new(&numbers, &Device::Cpu).unwrap(), tokens)
    }

    #[test]
    fn modes_give_what_sentence_transformers_gives() {
        let (hidden, tokens) = states();
        let root = |number: f32| number.sqrt();
        for (mode, expected) in [
            (TokenPooling::First, [[1.0, -4.0], [3.0, -8.0]]),
            (TokenPooling::Last, [[6.0, 2.0], [1.0, -2.0]]),
            (TokenPooling::Max, [[6.0, 5.0], [3.0, -2.0]]),
            (TokenPooling::Mean, [[3.0, 1.0], [2.0, -5.0]]),
            (
                TokenPooling::MeanBySquareRoot,
                [[9.0 / root(3.0), 3.0 / root(3.0)], [4.0 / root(2.0), -10.0 / root(2.0)]],
            ),
            (TokenPooling::WeightedMean, [[23.0 / 6.0, 2.0], [5.0 / 3.0, -4.0]]),
        ] {
            let found = one(&hidden, &tokens, mode).unwrap().to_vec2::<f32>().unwrap();
            for (found, expected) in found.iter().flatten().zip(expected.as_flattened()) {
                assert!((found - expected).abs() < 1e-5, "{mode:?}: {found} and {expected}");
            }
        }
        let joined = gather(&hidden, &tokens, &[TokenPooling::Last, TokenPooling::First])
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert_eq!(joined, [[6.0, 2.0, 1.0, -4.0], [1.0, -2.0, 3.0, -8.0]]);
    }

    #[test]
    fn truncated_vectors_keep_their_first_numbers_as_they_are() {
        let (hidden, tokens) = states();
        let mode = || PoolingMode::Tokens(vec![TokenPooling::Last, TokenPooling::First]);
        for (kept, expected) in [(3, vec![6.0, 2.0, 1.0]), (9, vec![6.0, 2.0, 1.0, -4.0])] {
            let pooling = Pooling { kept: Some(kept), ..Pooling::new(mode(), false) };
            assert_eq!(pooling.width(2), expected.len());
            let pooler = Pooler { pooling, recurrent: None, dense: Vec::new() };
            let found = pooler.forward(&hidden, &tokens).unwrap().to_vec2::<f32>().unwrap();
            assert_eq!(found[0], expected);
        }
    }

    #[test]
    fn skipped_tokens_are_not_gathered() {
        let (hidden, tokens) = states();
        for (mode, expected) in [
            (TokenPooling::First, [[2.0, 5.0], [1.0, -2.0]]),
            (TokenPooling::Mean, [[4.0, 3.5], [1.0, -2.0]]),
        ] {
            let pooling = Pooling { skipped: 1, ..Pooling::new(PoolingMode::Tokens(vec![mode]), false) };
            let pooler = Pooler { pooling, recurrent: None, dense: Vec::new() };
            assert_eq!(pooler.forward(&hidden, &tokens).unwrap().to_vec2::<f32>().unwrap(), expected);
        }
    }
}
