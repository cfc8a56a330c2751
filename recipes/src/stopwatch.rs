//! Times of what a run tells its observer.

use std::time::Instant;

use crate::observer::{Observer, StepReport};

/// Observer that times what it hears of.
#[derive(Default)]
pub(crate) struct Stopwatch {
    last: Option<Instant>,
    /// Seconds of tasks without steps, with their titles.
    pub(crate) tasks: Vec<(String, f64)>,
    title: String,
    /// Seconds of each step.
    pub(crate) steps: Vec<f64>,
    /// Seconds of the last validation.
    pub(crate) validation: Option<f64>,
    /// Seconds behind the validation: a checkpoint, and the finished model.
    pub(crate) writing: f64,
}

impl Stopwatch {
    /// Seconds since the last event.
    fn lap(&mut self) -> f64 {
        let now = Instant::now();
        self.last.replace(now).map_or(0.0, |last| (now - last).as_secs_f64())
    }

    /// The median of the steps behind the first.
    pub(crate) fn step_seconds(&self) -> f64 {
        let mut steps = self.steps.get(1..).filter(|steps| !steps.is_empty()).unwrap_or(&self.steps).to_vec();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or_default()
    }

    /// Seconds of the tasks without steps.
    pub(crate) fn preparation(&self) -> f64 {
        self.tasks.iter().map(|(_, seconds)| seconds).sum()
    }
}

impl Observer for Stopwatch {
    fn task(&mut self, title: &str, _: usize, _: usize) {
        title.clone_into(&mut self.title);
        self.lap();
    }

    fn progress(&mut self, _: usize) {}

    fn step(&mut self, _: &StepReport) {
        let seconds = self.lap();
        self.steps.push(seconds);
    }

    fn validated(&mut self, _: &str) {
        self.validation = Some(self.lap());
    }

    fn finished(&mut self, _: &str) {
        let seconds = self.lap();
        if self.steps.is_empty() {
            self.tasks.push((std::mem::take(&mut self.title), seconds));
        } else {
            self.writing = seconds;
        }
    }

    fn note(&mut self, _: &str) {}
}
