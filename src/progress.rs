//! Progress of a run: bars on a terminal, lines anywhere else. All on standard error.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use alambic_recipes::observer::{Observer, StepReport};
use alambic_reports::numbers::{duration, thousands};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::failure::say;

/// Between two lines of progress where there is no bar.
const INTERVAL: Duration = Duration::from_secs(10);

/// A bar with rate and time left, and the losses below it.
const TEMPLATE: &str = "{prefix}\n  {wide_bar} {pos}/{len}  {rate}  {eta} left\n  {msg}";

/// Shows a run to whoever started it.
pub(crate) struct Progress {
    terminal: bool,
    task: Option<Task>,
}

/// The task under way.
struct Task {
    title: String,
    total: usize,
    /// Where it stood when it began, behind a resume.
    before: usize,
    done: usize,
    began: Instant,
    said: Instant,
    /// The latest losses.
    losses: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines.
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), task: None }
    }

    fn print(&self, text: &str) {
        match self.task.as_ref().and_then(|task| task.bar.as_ref()) {
            Some(bar) => bar.suspend(|| say(text)),
            None => say(text),
        }
    }

    fn advance(&mut self, done: usize, losses: Option<String>) {
        let Some(task) = &mut self.task else { return };
        task.done = done;
        if let Some(losses) = losses {
            task.losses = losses;
        }
        if let Some(bar) = &task.bar {
            bar.set_message(task.losses.clone());
            bar.set_position(done as u64);
        } else if task.said.elapsed() >= INTERVAL {
            task.said = Instant::now();
            let line = task.line();
            say(&line);
        }
    }
}

impl Task {
    /// How far it is, how fast it goes, how long it will take.
    fn line(&self) -> String {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = (self.done - self.before.min(self.done)) as f64 / seconds;
        let left = self.total.saturating_sub(self.done) as f64 / rate;
        let mut line = format!("  {}/{}", thousands(self.done as u64), thousands(self.total as u64));
        if rate > 0.0 {
            line = format!("{line}  {rate:.1}/s  {} left", duration(left));
        }
        if self.losses.is_empty() { line } else { format!("{line}  {}", self.losses) }
    }
}

/// The losses of a step, in one line.
fn losses(report: &StepReport) -> String {
    let mut parts = vec![format!("loss {:.4}", report.loss)];
    if report.terms.len() > 1 {
        parts.extend(report.terms.iter().map(|(name, value)| format!("{name} {value:.4}")));
    }
    parts.push(format!("learning rate {:.2e}", report.learning_rate));
    parts.push(format!("{:.0} examples/s", report.examples_per_second));
    parts.join("  ")
}

impl Observer for Progress {
    fn task(&mut self, title: &str, total: usize, done: usize) {
        let bar = self.terminal.then(|| {
            let bar = ProgressBar::new(total as u64).with_prefix(title.to_owned()).with_position(done as u64);
            if let Ok(style) = ProgressStyle::with_template(TEMPLATE) {
                let rate = |state: &ProgressState, text: &mut dyn Write| {
                    // A text that takes no more is not shown anyway.
                    let _ = write!(text, "{:.1}/s", state.per_sec());
                };
                bar.set_style(style.progress_chars("━╸─").with_key("rate", rate));
            }
            bar.reset_eta();
            bar.enable_steady_tick(Duration::from_millis(500));
            bar
        });
        if bar.is_none() {
            say(title);
        }
        let now = Instant::now();
        self.task = Some(Task {
            title: title.to_owned(),
            total,
            before: done,
            done,
            began: now,
            said: now,
            losses: String::new(),
            bar,
        });
    }

    fn progress(&mut self, done: usize) {
        self.advance(done, None);
    }

    fn step(&mut self, report: &StepReport) {
        self.advance(report.step, Some(losses(report)));
    }

    fn finished(&mut self, summary: &str) {
        let Some(task) = self.task.take() else { return };
        if let Some(bar) = &task.bar {
            bar.finish_and_clear();
        }
        let time = duration(task.began.elapsed().as_secs_f64());
        // Without bars the title stands above already.
        if self.terminal {
            say(&format!("{}: {summary} ({time})", task.title));
        } else {
            say(&format!("  {summary} ({time})"));
        }
    }

    fn note(&mut self, message: &str) {
        self.print(if self.terminal { message.to_owned() } else { format!("  {message}") }.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(done: usize, before: usize) -> Task {
        let began = Instant::now().checked_sub(Duration::from_secs(10)).unwrap();
        Task {
            title: "training".into(),
            total: 2000,
            before,
            done,
            began,
            said: began,
            losses: "loss 1.0".into(),
            bar: None,
        }
    }

    #[test]
    fn line_shows_progress_and_time() {
        let line = task(1000, 0).line();
        assert!(line.starts_with("  1,000/2,000  "), "{line}");
        assert!(line.contains("/s  10.0 s left  loss 1.0") || line.contains("/s  9."), "{line}");
    }

    #[test]
    fn a_resumed_task_is_timed_from_where_it_went_on() {
        let line = task(1000, 900).line();
        assert!(line.contains("  10.0/s  1") || line.contains("  9.9/s  "), "{line}");
        assert_eq!(task(900, 900).line(), "  900/2,000  loss 1.0");
    }

    #[test]
    fn losses_are_named_where_there_are_several() {
        let mut report = StepReport {
            step: 1,
            steps: 2,
            loss: 1.5,
            terms: [("sequence".to_owned(), 1.5)].into(),
            learning_rate: 0.001,
            gradient_norm: 1.0,
            examples_per_second: 123.4,
        };
        assert_eq!(losses(&report), "loss 1.5000  learning rate 1.00e-3  123 examples/s");
        report.terms.insert("word-level".to_owned(), 0.5);
        assert!(losses(&report).contains("sequence 1.5000  word-level 0.5000"));
    }
}
