//! Observers of a run: tasks, progress and notes.

use indexmap::IndexMap;

/// One step of training.
#[derive(Debug, Clone)]
pub struct StepReport {
    /// Steps done, this one included.
    pub step: usize,
    /// Steps that the stage will take.
    pub steps: usize,
    /// The weighted sum of the terms.
    pub loss: f64,
    /// Each term by name, before its weight.
    pub terms: IndexMap<String, f64>,
    /// The learning rate of this step.
    pub learning_rate: f64,
    /// The norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// Examples trained on each second, of late.
    pub examples_per_second: f64,
}

/// Hears how a run goes on. Whoever shows it decides how.
pub trait Observer {
    /// A task begins: a stage of training, a teacher's writing, an evaluation. `total` is its length in its own
    /// units, of which `done` are behind it already.
    fn task(&mut self, title: &str, total: usize, done: usize);

    /// The task has come this far.
    fn progress(&mut self, done: usize);

    /// A training step was taken.
    fn step(&mut self, report: &StepReport);

    /// A training begins, by its name, or the `evaluation` behind all of them.
    fn stage(&mut self, _name: &str) {}

    /// A validation was done, as the summary says.
    fn validated(&mut self, summary: &str) {
        self.note(summary);
    }

    /// The current task is over; `summary` describes in a few words how it went.
    fn finished(&mut self, summary: &str);

    /// Something worth knowing: a validation, a choice that was made.
    fn note(&mut self, message: &str);

    /// Something that may spoil the result.
    fn warn(&mut self, message: &str) {
        self.note(&format!("warning: {message}"));
    }

    /// What only who looks for the cause of something wants to know.
    fn detail(&mut self, _message: &str) {}
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Observer for Silent {
    fn task(&mut self, _: &str, _: usize, _: usize) {}
    fn progress(&mut self, _: usize) {}
    fn step(&mut self, _: &StepReport) {}
    fn finished(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
}
