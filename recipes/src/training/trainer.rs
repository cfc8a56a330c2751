//! The training loop.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use alambic_losses::{Term, progress};
use alambic_ranks::Ranks;
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::Weights;
use alambic_tensor::precision;
use alambic_tensor::{GradientSum, TensorError, WeightMasks};

use super::callbacks::{Recorder, TrainerCallback};
use super::losses::{Losses, PartStatistics, StepStatistics};
use super::state::TrainState;
use super::task::{FinishedStep, ForwardContext, TrainingTask};
use crate::error::RunError;
use crate::options::train::TrainOptions;

/// A stage ready to train.
pub(crate) struct Trainer<'a> {
    /// The training's name.
    pub(crate) label: &'a str,
    pub(crate) task: &'a dyn TrainingTask,
    pub(crate) terms: &'a [Term],
    pub(crate) options: &'a TrainOptions,
    /// Steps of the optimiser at most.
    pub(crate) steps: usize,
    /// The part of the weights that is trained, and the values of the rest, where that is not all.
    pub(crate) masked: Option<(&'a WeightMasks, &'a Weights)>,
    /// Parameters that are clamped below a number.
    pub(crate) clamped: &'a [(&'a str, f64)],
    pub(crate) interrupt: &'a AtomicBool,
    /// The processes that take the steps together.
    pub(crate) ranks: &'a Ranks,
    /// Callbacks of the loop, in the order in which they are called after each step.
    pub(crate) callbacks: Vec<Box<dyn TrainerCallback + 'a>>,
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All steps are done, or validation no longer improves.
    Finished,
    /// It was asked to, and has written a checkpoint.
    Interrupted,
}

impl Trainer<'_> {
    /// Trains until the steps are done, patience runs out, or the run is interrupted.
    ///
    /// Of the batches of a step, the parts, each rank takes every so many-th; all ranks walk the whole order. Whatever is drawn
    /// at random depends on step and part, and gradients are added up in the order of parts, so that the number of ranks has no
    /// effect on the weights.
    pub(crate) fn run(
        &mut self,
        state: &mut TrainState,
        recorder: &mut Recorder<'_>,
    ) -> Result<Stop, RunError> {
        let (parts, ranks) = (self.options.gradient_accumulation, self.ranks);
        if let Some(message) = self.options.precision.fallback() {
            recorder.note(message)?;
        }
        let mut is_interrupted = ranks.any(self.interrupt.load(Ordering::Relaxed))?;
        while state.progress.step < self.steps && !self.is_out_of_patience(state) {
            if is_interrupted || ranks.is_alone() && self.interrupt.load(Ordering::Relaxed) {
                self.callbacks.iter_mut().try_for_each(|callback| callback.on_interrupt(state, recorder))?;
                return Ok(Stop::Interrupted);
            }
            let begin = Instant::now();
            let mut gradients = GradientSum::new(ranks, &state.parameters);
            let progress = progress(state.progress.step, self.steps);
            let probed = self.reached_by_groups(state, progress)?;
            let mut reached = (probed.is_none() && self.is_weaker_at_first(state.progress.step))
                .then(|| GradientSum::new(ranks, &state.parameters));
            let (mut own, mut batches) = (Vec::new(), Vec::new());
            let apart =
                self.terms.len() > 1 && state.progress.step.is_multiple_of(self.options.validate_every);
            for part in 0..parts {
                let (epoch, batch) = self.next_batch(state);
                batches.push((epoch, batch.clone()));
                if part % ranks.count() != ranks.rank() {
                    continue;
                }
                state.dropout.seek(state.progress.step, part);
                let (sum, step) = precision::with(self.options.precision, || {
                    let mut losses = self.losses(state, &batch, epoch, progress)?;
                    if let Some(reached) = &mut reached {
                        reached.add(losses.max_gradients(&state.parameters)?)?;
                    }
                    let sum = std::mem::take(&mut losses.sum);
                    Ok::<_, RunError>((sum, losses.backward(&state.parameters, apart)?))
                })?;
                gradients.add(step.gradients)?;
                let norms = apart.then_some(&step.norms);
                own.push(PartStatistics::new(self.terms, &sum, norms, batch.len()));
            }
            // A signal may reach one rank alone, and all have to stop at the same step: it is told with the gradients.
            let mut said: Vec<u64> = own.iter().flat_map(PartStatistics::words).collect();
            said.push(u64::from(self.interrupt.load(Ordering::Relaxed)));
            let (mut gradients, said) = gradients.finish(&said)?;
            if let Some((masks, _)) = self.masked {
                masks.apply(&mut gradients)?;
            }
            is_interrupted = !ranks.is_alone() && said.iter().any(|words| words.last() == Some(&1));
            let mut statistics = StepStatistics::of(&own, &said);
            if state.progress.step == 0 {
                let reached = reached.map(|reached| reached.finish(&[])).transpose()?;
                let reached = reached.map(|(reached, _)| reached).or(probed);
                check_gradients(state, reached.as_ref().unwrap_or(&gradients), recorder)?;
            }
            let norm = gradients.norm()? / parts as f64;
            let scale = clip_factor(norm, self.options.max_grad_norm) / parts as f64;
            let factor = self.options.schedule.factor(state.progress.step, self.steps);
            state.optimiser.step(&state.parameters, &gradients, factor, scale)?;
            if let Some((masks, values)) = self.masked {
                masks.hold(&state.parameters, values)?;
            }
            for (name, max) in self.clamped {
                state.parameters.clamp_max(name, *max)?;
            }
            state.progress.step += 1;
            let step =
                FinishedStep { parameters: &state.parameters, step: state.progress.step, batches: &batches };
            statistics.figures = self.task.after_step(&step)?;
            if let Some(average) = &mut state.average {
                average.update(state.progress.step, &state.parameters)?;
            }
            statistics.gradient_norm = norm;
            statistics.learning_rate = state.optimiser.learning_rate() * factor;
            statistics.seconds = begin.elapsed().as_secs_f64();
            state.progress.seconds += statistics.seconds;
            for callback in &mut self.callbacks {
                callback.on_step_end(state, &statistics, recorder)?;
            }
        }
        Ok(Stop::Finished)
    }

    /// The gradients that the losses over a batch of each group have together, where there are several and no step is taken yet: what
    /// batches of one group do not reach, those of another may. Every rank adds up all of them.
    fn reached_by_groups(&self, state: &TrainState, progress: f64) -> Result<Option<Gradients>, RunError> {
        let batches = state.sampler.first_of_groups(self.task);
        if state.progress.step > 0 || batches.is_empty() {
            return Ok(None);
        }
        let mut reached = Gradients::default();
        for batch in batches {
            state.dropout.seek(0, 0);
            reached.add(precision::with(self.options.precision, || {
                self.losses(state, batch, 0, progress)?.max_gradients(&state.parameters)
            })?)?;
        }
        Ok(Some(reached))
    }

    /// The next batch. The first step shows what gets a gradient, and so begins with one that has labels.
    fn next_batch(&self, state: &mut TrainState) -> (u64, Vec<usize>) {
        loop {
            let (epoch, batch) = state.sampler.next_batch(self.task);
            if state.progress.step > 0 || self.task.has_labels(&batch) {
                return (epoch, batch);
            }
        }
    }

    /// Whether a step is the first, and a term has less weight there than later. What only that term reaches may get no gradient
    /// yet, and is trained all the same.
    fn is_weaker_at_first(&self, step: usize) -> bool {
        step == 0 && self.terms.iter().any(|term| term.weight.at(0.0) < term.weight.max())
    }

    /// The terms over a batch.
    fn losses(
        &self,
        state: &TrainState,
        batch: &[usize],
        epoch: u64,
        progress: f64,
    ) -> Result<Losses, RunError> {
        if self.terms.is_empty() {
            return Err(RunError::Recipe(format!("stage `{}` has no loss", self.label)));
        }
        let weights = state.parameters.tracked();
        let context = ForwardContext {
            weights: &weights,
            dropout: &state.dropout,
            terms: self.terms,
            ranks: Some(self.ranks),
            progress,
            step: Some(state.progress.step + 1),
        };
        let counts = |term: &Term| self.task.counts(term, batch);
        let losses = self.task.forward(batch, epoch, &context)?.losses(&context, counts)?;
        if losses.is_empty() {
            return Err(RunError::Recipe(format!(
                "stage `{}` has batches over which none of its losses counts",
                self.label
            )));
        }
        Losses::new(losses, state.progress.step + 1, progress)
    }

    fn is_out_of_patience(&self, state: &TrainState) -> bool {
        self.options.patience.is_some_and(|patience| state.progress.without_better >= patience)
    }
}

/// Freezes what the losses do not reach, and makes sure that all else is trained.
fn check_gradients(
    state: &mut TrainState,
    gradients: &Gradients,
    recorder: &mut Recorder<'_>,
) -> Result<(), RunError> {
    let unreached = gradients.unreached(&state.parameters);
    if !unreached.is_empty() {
        let message = format!("no loss reaches these parameters, which are frozen: {}", folded(&unreached));
        recorder.note(message)?;
        state.freeze(unreached);
    }
    if gradients.is_empty() {
        return Err(TensorError::Unreached(state.progress.frozen.clone()).into());
    }
    gradients.check(is_key_bias)?;
    Ok(())
}

/// Names of a list that are shown; the summary of the training has all.
const MAX_NAMES: usize = 4;

/// Names with commas; of many the first, and how many more there are.
fn folded(names: &[String]) -> String {
    match names.len().checked_sub(MAX_NAMES) {
        None | Some(0) => names.join(", "),
        Some(more) => format!("{}, and {more} more", names[..MAX_NAMES].join(", ")),
    }
}

/// The factor that brings a norm down to the limit; PyTorch's form, with its guard against division by zero.
fn clip_factor(norm: f64, limit: f64) -> f64 {
    if limit > 0.0 { (limit / (norm + 1e-6)).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_names_are_folded() {
        let names: Vec<String> = (0..40).map(|number| format!("layer.{number}")).collect();
        assert_eq!(folded(&names[..4]), "layer.0, layer.1, layer.2, layer.3");
        assert_eq!(folded(&names), "layer.0, layer.1, layer.2, layer.3, and 36 more");
    }
}
