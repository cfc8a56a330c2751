//! The training loop.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use alambic_files::lock::Lock;
use alambic_losses::Term;
use alambic_reports::metrics::Direction;
use alambic_reports::numbers::{metric_title, metric_value};
use alambic_reports::record::{EvaluationEvent, EventLog, NoteEvent, StepEvent};
use alambic_settings::IndexMap;
use alambic_tensor::TensorError;
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::AdamW;
use alambic_tensor::parameters::{Parameters, Weights};
use alambic_tensor::precision;

use super::RunError;
use super::average::Average;
use super::checkpoint::{Checkpoint, Progress};
use super::feed::Feed;
use super::lesson::{Lesson, Study};
use super::losses::{LEAST_SHARE, Losses, Sum, shares};
use crate::observer::{Observer, StepReport};
use crate::schema::TrainOptions;

/// A stage ready to train.
pub(crate) struct Trainer<'a> {
    pub(crate) stage: &'a str,
    pub(crate) seed: u64,
    pub(crate) lesson: &'a dyn Lesson,
    /// The student's weights and the projections of its terms.
    pub(crate) parameters: Parameters,
    pub(crate) terms: &'a [Term],
    pub(crate) options: &'a TrainOptions,
    pub(crate) steps: usize,
    pub(crate) feed: Feed,
    pub(crate) optimiser: AdamW,
    /// Parameters that are held below a number.
    pub(crate) ceilings: &'a [(&'a str, f64)],
    pub(crate) dropout: Dropout,
    pub(crate) average: Option<Average>,
    /// The stage's checkpoints.
    pub(crate) folder: PathBuf,
    pub(crate) interrupt: &'a AtomicBool,
    /// The run's folder.
    pub(crate) lock: Option<&'a Lock>,
    pub(crate) progress: Progress,
    pub(crate) best: Option<Weights>,
}

/// Why training stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// All steps are done, or validation no longer improves.
    Finished,
    /// It was asked to, and has written a checkpoint.
    Interrupted,
}

/// What the terms of a step came to.
#[derive(Default)]
struct Tally {
    /// A mean over the batches of the step.
    sum: Sum,
    /// The norm of each term's own gradient, at steps at which they are taken apart.
    norms: IndexMap<String, f64>,
    examples: usize,
}

impl Trainer<'_> {
    /// Trains until the steps are done, patience runs out, or the run is interrupted.
    pub(crate) fn run(
        &mut self,
        events: &mut EventLog,
        observer: &mut dyn Observer,
    ) -> Result<Stop, RunError> {
        let parts = self.options.accumulate;
        if let Some(message) = self.options.precision.fallback() {
            self.note("information", message, events, observer)?;
        }
        while self.progress.step < self.steps && !self.out_of_patience() {
            if self.interrupt.load(Ordering::Relaxed) {
                self.checkpoint(events)?;
                return Ok(Stop::Interrupted);
            }
            let begin = Instant::now();
            let mut gradients = Gradients::default();
            let mut tally = Tally::default();
            let apart =
                self.terms.len() > 1 && self.progress.step.is_multiple_of(self.options.validate_every);
            for _ in 0..parts {
                let (mut epoch, mut batch) = self.feed.next_batch(self.lesson);
                // The first step shows what gets a gradient.
                while self.progress.step == 0 && !self.lesson.is_told(&batch) {
                    (epoch, batch) = self.feed.next_batch(self.lesson);
                }
                let (sum, pull) = precision::with(self.options.precision, || {
                    let mut losses = self.losses(&batch, epoch)?;
                    let sum = std::mem::take(&mut losses.sum);
                    Ok::<_, RunError>((sum, losses.backward(&self.parameters, apart)?))
                })?;
                tally.sum.add(&sum, 1.0 / parts as f64);
                gradients.add(pull.gradients)?;
                for (name, norm) in pull.norms {
                    *tally.norms.entry(name).or_insert(0.0) += norm;
                }
                tally.examples += batch.len();
            }
            if self.progress.step == 0 {
                self.check_gradients(&gradients, events, observer)?;
            }
            let norm = gradients.norm()? / parts as f64;
            let scale = clip_factor(norm, self.options.clip) / parts as f64;
            let factor = self.options.schedule.factor(self.progress.step, self.steps);
            self.optimiser.step(&self.parameters, &gradients, factor, scale)?;
            for (name, most) in self.ceilings {
                self.parameters.hold_below(name, *most)?;
            }
            self.progress.step += 1;
            if let Some(average) = &mut self.average {
                average.update(self.progress.step, &self.parameters)?;
            }
            let seconds = begin.elapsed().as_secs_f64();
            self.progress.seconds += seconds;
            self.report(tally, norm, factor, seconds, events, observer)?;
            if self.progress.step.is_multiple_of(self.options.validate_every)
                || self.progress.step == self.steps
            {
                self.validate(events, observer)?;
            }
            if self.progress.step.is_multiple_of(self.options.checkpoint_every) {
                self.checkpoint(events)?;
            }
        }
        Ok(Stop::Finished)
    }

    /// The terms over a batch.
    fn losses(&self, batch: &[usize], epoch: u64) -> Result<Losses, RunError> {
        if self.terms.is_empty() {
            return Err(RunError::Recipe(format!("stage `{}` has no loss", self.stage)));
        }
        let weights = self.parameters.tracked();
        let study = Study { weights: &weights, dropout: &self.dropout, terms: self.terms };
        let losses = self.lesson.passes(batch, epoch, &study)?.losses(&study)?;
        Losses::new(losses, self.progress.step + 1)
    }

    /// Freezes what the losses do not reach, and makes sure that all else is trained.
    fn check_gradients(
        &mut self,
        gradients: &Gradients,
        events: &mut EventLog,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let unreached = gradients.unreached(&self.parameters);
        if !unreached.is_empty() {
            let message =
                format!("no loss reaches these parameters, which stay as they are: {}", unreached.join(", "));
            self.note("information", message, events, observer)?;
            self.progress.frozen.extend(unreached);
            freeze(&mut self.parameters, &self.progress.frozen);
        }
        if gradients.is_empty() {
            return Err(TensorError::Unreached(self.progress.frozen.clone()).into());
        }
        gradients.check(is_key_bias)?;
        Ok(())
    }

    fn report(
        &mut self,
        tally: Tally,
        gradient_norm: f64,
        factor: f64,
        seconds: f64,
        events: &mut EventLog,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        let Tally { sum: Sum { loss, values: terms }, norms, examples } = tally;
        let learning_rate = self.optimiser.learning_rate() * factor;
        let examples_per_second = examples as f64 / seconds;
        let shares = shares(norms);
        for (name, share) in shares.iter().filter(|(_, share)| **share < LEAST_SHARE) {
            if self.progress.weak.contains(name) {
                continue;
            }
            self.progress.weak.push(name.clone());
            let text = format!(
                "{}: the loss `{name}` makes up {:.2} % of the gradient at step {}, and hardly teaches: raise its \
                 `weight`, or leave it out",
                self.stage,
                100.0 * share,
                self.progress.step
            );
            self.note("warning", text, events, observer)?;
        }
        events.append(&StepEvent {
            stage: self.stage.to_owned(),
            step: self.progress.step as u64,
            epoch: self.epoch(),
            learning_rate,
            loss,
            terms: terms.clone(),
            shares,
            gradient_norm: Some(gradient_norm),
            examples_per_second: Some(examples_per_second),
            seed: self.seed,
        })?;
        observer.step(&StepReport {
            step: self.progress.step,
            steps: self.steps,
            loss,
            terms,
            learning_rate,
            gradient_norm,
            examples_per_second,
        });
        Ok(())
    }

    /// Says something to whoever watches, and keeps it in the log.
    fn note(
        &self,
        level: &str,
        text: String,
        events: &mut EventLog,
        observer: &mut dyn Observer,
    ) -> Result<(), RunError> {
        observer.note(&text);
        events.append(&NoteEvent { level: level.to_owned(), stage: Some(self.stage.to_owned()), text })?;
        Ok(())
    }

    /// Epochs gone through, with the part of the current one.
    fn epoch(&self) -> f64 {
        let (epoch, next) = self.feed.position();
        epoch as f64 + next as f64 / self.feed.batches().max(1) as f64
    }

    /// The weights that are validated and kept: the running mean if there is one.
    fn current(&self) -> Result<Weights, RunError> {
        let weights = self.parameters.detached();
        match &self.average {
            Some(average) => average.weights(&weights),
            None => weights.into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?))).collect(),
        }
    }

    fn validate(&mut self, events: &mut EventLog, observer: &mut dyn Observer) -> Result<(), RunError> {
        let weights = self.current()?;
        let study = Study { weights: &weights, dropout: &self.dropout, terms: self.terms };
        let (measure, value) = (self.lesson.measure(), self.lesson.validate(&study)?);
        let step = self.progress.step;
        events.append(&EvaluationEvent {
            stage: self.stage.to_owned(),
            seed: self.seed,
            step: step as u64,
            epoch: self.epoch(),
            split: "validation".into(),
            examples: self.lesson.material().validation as u64,
            metrics: [(measure.name.to_owned(), value)].into_iter().collect(),
        })?;
        let better = self.progress.best.is_none_or(|(_, best)| match measure.direction {
            Direction::Lower => value < best,
            Direction::Higher => value > best,
        });
        observer.note(&format!(
            "{} step {step}: validation {} {}{}",
            self.stage,
            metric_title(measure.name),
            metric_value(measure.name, Some(value)),
            if better { ", the best so far" } else { "" }
        ));
        if better {
            self.progress.best = Some((step, value));
            self.progress.without_better = 0;
            self.best = Some(weights);
        } else {
            self.progress.without_better += 1;
        }
        Ok(())
    }

    fn out_of_patience(&self) -> bool {
        self.options.patience.is_some_and(|patience| self.progress.without_better >= patience)
    }

    /// Writes everything that resuming needs.
    fn checkpoint(&mut self, events: &EventLog) -> Result<(), RunError> {
        if let Some(lock) = self.lock {
            lock.check()?;
        }
        self.progress.events = events.mark()?;
        self.progress.position = self.feed.position();
        self.progress.dropout = self.dropout.position();
        let parameters = self.parameters.detached();
        Checkpoint {
            progress: self.progress.clone(),
            average: self.average.as_ref().map(|average| average.weights(&parameters)).transpose()?,
            parameters,
            optimiser: self.optimiser.state()?,
            best: self.best.clone(),
        }
        .write(&self.folder)
    }

    /// Goes on from a checkpoint.
    pub(crate) fn restore(&mut self, checkpoint: Checkpoint) -> Result<(), RunError> {
        self.parameters.assign(&checkpoint.parameters)?;
        self.optimiser.restore(checkpoint.progress.step, &checkpoint.optimiser)?;
        if let (Some(average), Some(weights)) = (&mut self.average, &checkpoint.average) {
            average.restore(weights)?;
        }
        self.feed.seek(self.lesson, checkpoint.progress.position);
        self.dropout.seek(&checkpoint.progress.dropout);
        freeze(&mut self.parameters, &checkpoint.progress.frozen);
        self.best = checkpoint.best;
        self.progress = checkpoint.progress;
        Ok(())
    }
}

/// Freezes parameters by name, besides those that are frozen already.
fn freeze(parameters: &mut Parameters, names: &[String]) {
    let frozen: Vec<String> = parameters.frozen().map(str::to_owned).chain(names.iter().cloned()).collect();
    parameters.freeze(|name| frozen.iter().any(|other| other == name));
}

/// The factor that brings a norm down to the limit; PyTorch's form, with its guard against division by zero.
fn clip_factor(norm: f64, limit: f64) -> f64 {
    if limit > 0.0 { (limit / (norm + 1e-6)).min(1.0) } else { 1.0 }
}
