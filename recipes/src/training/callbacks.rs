//! Callbacks of the training loop: the record of its steps, validation, checkpoints.

use std::path::PathBuf;

use alambic_losses::{Term, progress};
use alambic_ranks::Ranks;
use alambic_reports::metrics::Direction;
use alambic_reports::numbers::{metric_title, metric_value};
use alambic_reports::record::{EvaluationEvent, EventLog, NoteEvent, StepEvent};

use super::losses::{MIN_SHARE, StepStatistics};
use super::schedules::{is_below_max, schedules};
use super::state::TrainState;
use super::task::{ForwardContext, TrainingTask};
use crate::error::RunError;
use crate::folder::place::RunFolder;
use crate::observer::{Observer, StepReport};

/// The log of events of a training, and whoever watches it.
pub(crate) struct Recorder<'r> {
    /// The training's name.
    pub(crate) label: &'r str,
    pub(crate) seed: u64,
    pub(crate) events: &'r mut EventLog,
    pub(crate) observer: &'r mut dyn Observer,
}

impl Recorder<'_> {
    /// Tells the observer, and whoever reads the log.
    pub(crate) fn note(&mut self, text: String) -> Result<(), RunError> {
        self.observer.note(&format!("{}: {text}", self.label));
        self.append("information", text)
    }

    /// Warns the observer, and whoever reads the log.
    pub(crate) fn warn(&mut self, text: String) -> Result<(), RunError> {
        self.observer.warn(&format!("{}: {text}", self.label));
        self.append("warning", text)
    }

    fn append(&mut self, level: &str, text: String) -> Result<(), RunError> {
        self.events.append(&NoteEvent {
            level: level.to_owned(),
            stage: Some(self.label.to_owned()),
            text,
        })?;
        Ok(())
    }
}

/// Callback of the training loop.
pub(crate) trait TrainerCallback {
    /// After a step.
    fn on_step_end(
        &mut self,
        state: &mut TrainState,
        step: &StepStatistics,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), RunError>;

    /// When the run was asked to stop.
    fn on_interrupt(&mut self, _: &mut TrainState, _: &mut Recorder<'_>) -> Result<(), RunError> {
        Ok(())
    }
}

/// Records each step, and warns of terms that contribute next to nothing.
pub(crate) struct StepRecorder<'a> {
    pub(crate) task: &'a dyn TrainingTask,
    pub(crate) terms: &'a [Term],
    /// Steps of the training at most.
    pub(crate) steps: usize,
}

impl TrainerCallback for StepRecorder<'_> {
    fn on_step_end(
        &mut self,
        state: &mut TrainState,
        step: &StepStatistics,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), RunError> {
        let shares = step.shares();
        let progress = progress(state.progress.step.saturating_sub(1), self.steps);
        for (name, share) in shares.iter().filter(|(_, share)| **share < MIN_SHARE) {
            if state.progress.weak.contains(name) || is_below_max(self.terms, name, progress) {
                continue;
            }
            state.progress.weak.push(name.clone());
            let text = format!(
                "the loss `{name}` contributes {:.2} % of the gradient norm at step {}, less than {:.0} %: raise its \
                 `weight`, or leave it out",
                100.0 * share,
                state.progress.step,
                100.0 * MIN_SHARE
            );
            recorder.warn(text)?;
        }
        let examples_per_second = step.examples as f64 / step.seconds;
        recorder.events.append(&StepEvent {
            stage: recorder.label.to_owned(),
            step: state.progress.step as u64,
            epoch: state.epoch(),
            learning_rate: step.learning_rate,
            loss: step.sum.loss,
            terms: step.sum.values.clone(),
            shares,
            schedules: schedules(self.terms)
                .into_iter()
                .map(|(name, value)| (name, value.at(progress)))
                .chain(self.task.schedules(progress))
                .collect(),
            figures: step.figures.clone(),
            gradient_norm: Some(step.gradient_norm),
            examples_per_second: Some(examples_per_second),
            seed: recorder.seed,
        })?;
        recorder.observer.step(&StepReport {
            step: state.progress.step,
            steps: self.steps,
            loss: step.sum.loss,
            terms: step.sum.values.clone(),
            learning_rate: step.learning_rate,
            gradient_norm: step.gradient_norm,
            examples_per_second,
        });
        Ok(())
    }
}

/// Whether what is done every so many steps and at the last is due.
pub(crate) fn is_due(step: usize, every: usize, last: usize) -> bool {
    step.is_multiple_of(every) || step == last
}

/// Validates every so many steps and at the last, and keeps the best weights.
pub(crate) struct Validator<'a> {
    pub(crate) ranks: &'a Ranks,
    pub(crate) task: &'a dyn TrainingTask,
    pub(crate) terms: &'a [Term],
    pub(crate) every: usize,
    /// Steps of the training at most.
    pub(crate) steps: usize,
}

impl TrainerCallback for Validator<'_> {
    fn on_step_end(
        &mut self,
        state: &mut TrainState,
        _: &StepStatistics,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), RunError> {
        let step = state.progress.step;
        // Over no example every checkpoint is as good as another, and the last one has learnt most.
        if self.task.statistics().validation == 0 || !is_due(step, self.every, self.steps) {
            return Ok(());
        }
        let weights = state.current()?;
        let context = ForwardContext {
            weights: &weights,
            dropout: &state.dropout,
            terms: self.terms,
            ranks: None,
            progress: 1.0,
            step: None,
        };
        let metric = self.task.primary_metric();
        let mut metrics = alambic_ranks::share(self.ranks, || self.task.validate_all(&context))?;
        let values = self.ranks.broadcast(metrics.values().copied().collect::<Vec<f64>>())?;
        metrics.values_mut().zip(values).for_each(|(own, value)| *own = value);
        let value = metrics.values().copied().next().unwrap_or(f64::NAN);
        recorder.events.append(&EvaluationEvent {
            stage: recorder.label.to_owned(),
            seed: recorder.seed,
            step: step as u64,
            epoch: state.epoch(),
            split: "validation".into(),
            examples: self.task.statistics().validation as u64,
            metrics,
        })?;
        let is_better = state.progress.best.is_none_or(|(_, best)| match metric.direction {
            Direction::Lower => value < best,
            Direction::Higher => value > best,
        });
        recorder.observer.validated(&format!(
            "{} step {step}: validation {} {}{}",
            recorder.label,
            metric_title(metric.name),
            metric_value(metric.name, Some(value)),
            if is_better { ", the best so far" } else { "" }
        ));
        if is_better {
            state.progress.best = Some((step, value));
            state.progress.without_better = 0;
            state.best = Some(weights);
        } else {
            state.progress.without_better += 1;
        }
        Ok(())
    }
}

/// Writes a checkpoint every so many steps, and when the run is asked to stop.
pub(crate) struct CheckpointWriter<'a> {
    pub(crate) every: usize,
    /// The folder of the training's checkpoints.
    pub(crate) folder: PathBuf,
    pub(crate) run: &'a RunFolder,
}

impl CheckpointWriter<'_> {
    fn write(&self, state: &mut TrainState, events: &EventLog) -> Result<(), RunError> {
        self.run.check()?;
        state.progress.events = events.mark()?;
        state.checkpoint()?.write(&self.folder)
    }
}

impl TrainerCallback for CheckpointWriter<'_> {
    fn on_step_end(
        &mut self,
        state: &mut TrainState,
        _: &StepStatistics,
        recorder: &mut Recorder<'_>,
    ) -> Result<(), RunError> {
        if state.progress.step.is_multiple_of(self.every) {
            self.write(state, recorder.events)?;
        }
        Ok(())
    }

    fn on_interrupt(&mut self, state: &mut TrainState, recorder: &mut Recorder<'_>) -> Result<(), RunError> {
        self.write(state, recorder.events)
    }
}
