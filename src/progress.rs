//! Progress of a run: bars on a terminal, lines anywhere else, or JSON lines. All on standard error.

use std::collections::HashMap;
use std::fmt::Write;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use alambic_recipes::Plan;
use alambic_recipes::observer::{Observer, StepReport};
use alambic_recipes::plan::PlannedWork;
use alambic_reports::numbers::{duration, loss, thousands};
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use serde_json::{Map, Value, json};

use crate::log::{self, Level, is_json, say, says};

/// Between two lines of progress where there is no bar.
const INTERVAL: Duration = Duration::from_secs(10);

/// A bar with rate and time left, and the losses and the time of the whole run below it.
const TEMPLATE: &str = "{prefix}\n  {wide_bar} {pos}/{len}  {rate}  {eta} left\n  {msg}";

/// Shows a run to whoever started it.
pub(crate) struct Progress {
    has_bars: bool,
    /// Between two messages about a task under way.
    interval: Duration,
    task: Option<Task>,
    run: Option<RunProgress>,
}

/// How far a run is.
struct RunProgress {
    began: Instant,
    trainings: Vec<PlannedWork>,
    has_begun: bool,
    /// Index of the current training; that behind the last one is the evaluation's.
    current: usize,
    /// Steps of the current training that were done when this process took its first one, and when that was.
    first: Option<(usize, Instant)>,
    /// Seconds for a unit of work, by student, as this process measured it last.
    paces: HashMap<String, f64>,
}

impl RunProgress {
    /// Goes on to a training; the line that says so. A training that is not planned has no number.
    fn begin(&mut self, name: &str) -> String {
        self.has_begun = true;
        let place = self.trainings.iter().position(|training| training.name == name);
        self.current = place.unwrap_or(self.trainings.len());
        self.first = None;
        let number = format!("stage {} of {}: {name}", self.current + 1, self.trainings.len() + 1);
        let elapsed = self.began.elapsed().as_secs_f64();
        // Of a stage that begins at once it says nothing.
        if elapsed < 1.0 { number } else { format!("{number} ({} so far)", duration(elapsed)) }
    }

    /// Seconds that the steps of all trainings will still take, once some were taken: in proportion to their work, at the pace
    /// of their student, or at that of the current training where none of it has been seen. None in the last training, whose
    /// own rest is that of all.
    fn left(&mut self, done: usize) -> Option<f64> {
        let (current, rest) = self.trainings.get(self.current..)?.split_first()?;
        if rest.is_empty() {
            return None;
        }
        let work = |steps: usize| current.work * (steps as f64 / current.steps.max(1) as f64).min(1.0);
        let (first, since) = *self.first.get_or_insert((done.saturating_sub(1), Instant::now()));
        let (seconds, taken) = (since.elapsed().as_secs_f64(), work(done) - work(first));
        if seconds <= 1.0 || taken <= 0.0 {
            return None;
        }
        let pace = seconds / taken;
        self.paces.insert(current.student.clone(), pace);
        let later = |training: &PlannedWork| {
            training.work * self.paces.get(&training.student).copied().unwrap_or(pace)
        };
        Some((current.work - work(done)) * pace + rest.iter().map(later).sum::<f64>())
    }
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
    /// The same for JSON.
    figures: Map<String, Value>,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Bars if standard error is a terminal, else lines, every step of them where details are wanted.
    pub(crate) fn new() -> Self {
        let is_verbose = says(Level::Debug);
        Self {
            has_bars: std::io::stderr().is_terminal() && says(Level::Info) && !is_verbose && !is_json(),
            interval: if is_verbose { Duration::ZERO } else { INTERVAL },
            task: None,
            run: None,
        }
    }

    /// The same for a run, whose stages are counted and whose time is told.
    pub(crate) fn of_run(plan: &Plan) -> Self {
        let run = RunProgress {
            began: Instant::now(),
            trainings: plan.trainings(),
            has_begun: false,
            current: 0,
            first: None,
            paces: HashMap::new(),
        };
        Self { run: Some(run), ..Self::new() }
    }

    /// A message below the title of its task, where that stands above it.
    fn indented(&self, message: &str) -> String {
        if self.has_bars || !says(Level::Info) { message.to_owned() } else { format!("  {message}") }
    }

    /// Seconds of the run so far; none where no stage was begun, since all were done before.
    pub(crate) fn seconds(&self) -> Option<f64> {
        let run = self.run.as_ref().filter(|run| run.has_begun)?;
        Some(run.began.elapsed().as_secs_f64())
    }

    fn print(&self, level: Level, text: &str) {
        match self.task.as_ref().and_then(|task| task.bar.as_ref()) {
            Some(bar) => bar.suspend(|| log::say_at(level, text)),
            None => log::say_at(level, text),
        }
    }

    fn advance(&mut self, done: usize, losses: Option<(String, Map<String, Value>)>) {
        let interval = self.interval;
        let Some(task) = &mut self.task else { return };
        task.done = done;
        if let Some((losses, figures)) = losses {
            (task.losses, task.figures) = (losses, figures);
        }
        if let Some(bar) = &task.bar {
            bar.set_message(task.losses.clone());
            bar.set_position(done as u64);
        } else if task.said.elapsed() >= interval {
            task.said = Instant::now();
            if is_json() {
                task.event();
            } else {
                say(&task.line());
            }
        }
    }
}

impl Task {
    /// Units a second so far, and the seconds that the rest will take.
    fn rate(&self) -> (f64, f64) {
        let seconds = self.began.elapsed().as_secs_f64();
        let rate = (self.done - self.before.min(self.done)) as f64 / seconds;
        (rate, self.total.saturating_sub(self.done) as f64 / rate)
    }

    /// How far it is, how fast it goes, how long it will take, as an object.
    fn event(&self) {
        let (rate, left) = self.rate();
        let mut members = members(json!({
            "event": "progress", "task": self.title, "done": self.done, "total": self.total,
        }));
        if rate > 0.0 {
            members.insert("seconds-left".to_owned(), left.into());
        }
        members.extend(self.figures.clone());
        log::event(Level::Info, members);
    }

    /// How far it is, how fast it goes, how long it will take.
    fn line(&self) -> String {
        let (rate, left) = self.rate();
        let mut line = format!("  {}/{}", thousands(self.done as u64), thousands(self.total as u64));
        if rate > 0.0 {
            line = format!("{line}  {rate:.1}/s  {} left", duration(left));
        }
        if self.losses.is_empty() { line } else { format!("{line}  {}", self.losses) }
    }
}

/// The losses of a step, in one line.
fn losses(report: &StepReport) -> String {
    let mut parts = vec![format!("loss {}", loss(report.loss))];
    if report.terms.len() > 1 {
        parts.extend(report.terms.iter().map(|(name, value)| format!("{name} {}", loss(*value))));
    }
    parts.push(format!("learning rate {:.2e}", report.learning_rate));
    parts.push(format!("{:.0} examples/s", report.examples_per_second));
    parts.join("  ")
}

/// The losses of a step, for JSON.
fn figures(report: &StepReport) -> Map<String, Value> {
    members(json!({
        "loss": report.loss,
        "terms": report.terms,
        "learning-rate": report.learning_rate,
        "gradient-norm": report.gradient_norm,
        "examples-per-second": report.examples_per_second,
    }))
}

fn members(object: Value) -> Map<String, Value> {
    if let Value::Object(members) = object { members } else { Map::new() }
}

impl Observer for Progress {
    fn task(&mut self, title: &str, total: usize, done: usize) {
        let bar = self.has_bars.then(|| {
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
        if is_json() {
            let begin = json!({ "event": "task-begin", "task": title, "done": done, "total": total });
            log::event(Level::Info, members(begin));
        } else if bar.is_none() {
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
            figures: Map::new(),
            bar,
        });
    }

    fn progress(&mut self, done: usize) {
        self.advance(done, None);
    }

    fn step(&mut self, report: &StepReport) {
        let mut losses = losses(report);
        if let Some(left) = self.run.as_mut().and_then(|run| run.left(report.step)) {
            losses = format!("{losses}  all trainings: about {} left", duration(left));
        }
        self.advance(report.step, Some((losses, figures(report))));
    }

    fn stage(&mut self, name: &str) {
        if let Some(run) = &mut self.run {
            let line = run.begin(name);
            self.print(Level::Info, &line);
        }
    }

    fn finished(&mut self, summary: &str) {
        let Some(task) = self.task.take() else { return };
        if let Some(bar) = &task.bar {
            bar.finish_and_clear();
        }
        let seconds = task.began.elapsed().as_secs_f64();
        let time = duration(seconds);
        if is_json() {
            let end =
                json!({ "event": "task-end", "task": task.title, "seconds": seconds, "message": summary });
            log::event(Level::Info, members(end));
        // Without bars the title stands above already.
        } else if self.has_bars {
            say(&format!("{}: {summary} ({time})", task.title));
        } else {
            say(&format!("  {summary} ({time})"));
        }
    }

    fn note(&mut self, message: &str) {
        self.print(Level::Info, &self.indented(message));
    }

    fn warn(&mut self, message: &str) {
        let message = if is_json() { message.to_owned() } else { format!("warning: {message}") };
        self.print(Level::Warning, &self.indented(&message));
    }

    fn detail(&mut self, message: &str) {
        self.print(Level::Debug, &self.indented(message));
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
            figures: Map::new(),
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
    fn stages_are_counted_and_the_time_of_all_is_told() {
        let planned = |name: &str, student: &str, work: f64| PlannedWork {
            name: name.into(),
            student: student.into(),
            steps: 100,
            work,
        };
        let mut run = RunProgress {
            began: Instant::now(),
            trainings: vec![
                planned("detect", "detector", 300.0),
                planned("fine-tune", "oscar", 100.0),
                planned("baseline", "oscar", 100.0),
            ],
            has_begun: false,
            current: 0,
            first: None,
            paces: HashMap::new(),
        };
        assert_eq!(run.begin("detect"), "stage 1 of 4: detect");
        assert_eq!(run.left(1), None, "nothing is known before a second has gone by");
        let ago = |seconds| Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        // A third of it in 10 seconds; what is known of no other student is taken to go as fast.
        run.first = Some((0, ago(10)));
        let left = run.left(100 / 3).unwrap();
        assert!((left - 40.5).abs() < 0.5, "{left}");
        assert_eq!(run.begin("fine-tune"), "stage 2 of 4: fine-tune");
        // 50 of its steps in 10 seconds: 50 more of them and the baseline's 100 are left, however fast the detector was.
        run.first = Some((0, ago(10)));
        let left = run.left(50).unwrap();
        assert!((left - 30.0).abs() < 0.5, "{left}");
        assert_eq!(run.begin("baseline"), "stage 3 of 4: baseline");
        assert_eq!(run.left(1), None, "its own rest is that of all");
        assert_eq!(run.begin("evaluation"), "stage 4 of 4: evaluation");
        assert_eq!(run.left(1), None);
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
        assert_eq!(losses(&report), "loss 1.500  learning rate 1.00e-3  123 examples/s");
        report.terms.insert("word-level".to_owned(), 0.5);
        assert!(losses(&report).contains("sequence 1.500  word-level 0.5000"));
    }
}
