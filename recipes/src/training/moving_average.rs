//! A running mean of the weights.

use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::parameters::{Parameters, Weights};
use indexmap::IndexMap;
use rayon::prelude::*;

use crate::error::RunError;

/// The exponential moving average of all parameters (Polyak and Juditsky, 1992, in the form common for transformers).
///
/// Early on the decay is held down to `(1 + step) / (10 + step)`, so that the mean is not tied to the random start.
#[derive(Debug)]
pub(crate) struct ExponentialMovingAverage {
    decay: f64,
    means: IndexMap<String, Vec<f32>>,
}

impl ExponentialMovingAverage {
    /// The mean begins at the current parameters; none if there is no decay.
    pub(crate) fn new(decay: f64, weights: &Weights) -> Result<Option<Self>, RunError> {
        if decay <= 0.0 {
            return Ok(None);
        }
        Ok(Some(Self { decay, means: values(weights)? }))
    }

    /// Takes in the parameters after a step.
    pub(crate) fn update(&mut self, step: usize, parameters: &Parameters) -> Result<(), RunError> {
        let keep = self.decay.min((1.0 + step as f64) / (10.0 + step as f64)) as f32;
        for (name, variable) in parameters.trainable() {
            let Some(mean) = self.means.get_mut(name) else { continue };
            let values = variable.flatten_all()?.to_vec1::<f32>()?;
            mean.par_chunks_mut(16 * 1024).zip(values.par_chunks(16 * 1024)).for_each(|(mean, values)| {
                for (mean, value) in mean.iter_mut().zip(values) {
                    *mean += (1.0 - keep) * (value - *mean);
                }
            });
        }
        Ok(())
    }

    /// The mean as tensors in the shapes of `like`.
    pub(crate) fn weights(&self, like: &Weights) -> Result<Weights, RunError> {
        like.iter()
            .map(|(name, tensor)| {
                let mean = &self.means[name];
                Ok((name.clone(), Tensor::from_slice(mean, tensor.shape(), device::current())?))
            })
            .collect()
    }

    /// Goes on from saved means.
    pub(crate) fn restore(&mut self, weights: &Weights) -> Result<(), RunError> {
        self.means = values(weights)?;
        Ok(())
    }
}

fn values(weights: &Weights) -> Result<IndexMap<String, Vec<f32>>, RunError> {
    weights
        .iter()
        .map(|(name, tensor)| Ok((name.clone(), tensor.detach().flatten_all()?.to_vec1::<f32>()?)))
        .collect()
}
