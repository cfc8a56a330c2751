//! Everything that a training step changes.

use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::AdamW;
use alambic_tensor::parameters::{Parameters, Weights};

use super::checkpoint::{Checkpoint, Progress};
use super::moving_average::ExponentialMovingAverage;
use super::sampler::BatchSampler;
use super::task::TrainingTask;
use crate::error::RunError;

/// Weights, optimiser and random streams of a training, and how far it is.
pub(crate) struct TrainState {
    /// The student's weights and the projections of its terms.
    pub(crate) parameters: Parameters,
    pub(crate) optimiser: AdamW,
    pub(crate) sampler: BatchSampler,
    pub(crate) dropout: Dropout,
    pub(crate) average: Option<ExponentialMovingAverage>,
    pub(crate) progress: Progress,
    /// The weights of the best validation.
    pub(crate) best: Option<Weights>,
}

impl TrainState {
    /// Epochs gone through, with the part of the current one.
    pub(crate) fn epoch(&self) -> f64 {
        let (epoch, next) = self.sampler.position();
        epoch as f64 + next as f64 / self.sampler.batches().max(1) as f64
    }

    /// The weights that are validated and kept: the running mean if there is one.
    pub(crate) fn current(&self) -> Result<Weights, RunError> {
        let weights = self.parameters.detached();
        match &self.average {
            Some(average) => average.weights(&weights),
            None => weights.into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?))).collect(),
        }
    }

    /// Freezes parameters by name, besides those that are frozen already, for the whole training.
    pub(crate) fn freeze(&mut self, names: Vec<String>) {
        self.progress.frozen.extend(names);
        let frozen: Vec<String> =
            self.parameters.frozen().map(str::to_owned).chain(self.progress.frozen.iter().cloned()).collect();
        self.parameters.freeze(|name| frozen.iter().any(|other| other == name));
    }

    /// All that resuming needs.
    pub(crate) fn checkpoint(&mut self) -> Result<Checkpoint, RunError> {
        self.progress.position = self.sampler.position();
        let parameters = self.parameters.detached();
        Ok(Checkpoint {
            progress: self.progress.clone(),
            average: self.average.as_ref().map(|average| average.weights(&parameters)).transpose()?,
            parameters,
            optimiser: self.optimiser.state()?,
            best: self.best.clone(),
        })
    }

    /// Goes on from a checkpoint.
    pub(crate) fn restore(
        &mut self,
        checkpoint: Checkpoint,
        task: &dyn TrainingTask,
    ) -> Result<(), RunError> {
        self.parameters.assign(&checkpoint.parameters)?;
        self.optimiser.restore(checkpoint.progress.step, &checkpoint.optimiser)?;
        if let (Some(average), Some(weights)) = (&mut self.average, &checkpoint.average) {
            average.restore(weights)?;
        }
        self.sampler.seek(task, checkpoint.progress.position);
        self.best = checkpoint.best;
        self.progress = checkpoint.progress;
        self.freeze(Vec::new());
        Ok(())
    }
}
