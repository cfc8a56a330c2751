//! The whole program on more and more examples.

use std::error::Error;
use std::fmt::Write;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use alambic_files::write;
use alambic_recipes::bench::peak_memory_of;
use alambic_reports::plots::Scale;

use super::figures::{self, Axis, Curve, Measure, figure};
use super::point::{THREADS, on_threads, say};

/// The name of the sweep.
pub(crate) const NAME: &str = "examples";

const SIZES: [usize; 4] = [2_000, 8_000, 32_000, 128_000];

/// How often a running program is asked what it holds.
const PATIENCE: Duration = Duration::from_millis(10);

/// The parts of a run, each from the line with which the program begins it. That in which the student's texts are cut into
/// tokens has no line of its own; it begins where the teacher's training ends.
const PARTS: [(&str, &str); 5] = [
    ("reading", ""),
    ("teacher", "fine-tune:"),
    ("tokens", "  validation"),
    ("student", STUDENT),
    ("evaluation", "evaluation:"),
];

/// The line with which the training of the student begins, whose length has to grow with the examples.
const STUDENT: &str = "distil:";

/// Seconds and the most memory held when a part ended, from the beginning of the run.
#[derive(Debug, Clone, Copy, Default)]
struct Ended {
    seconds: f64,
    bytes: u64,
}

/// One run.
struct Run {
    threads: usize,
    examples: usize,
    /// The end of each part.
    parts: [Ended; PARTS.len()],
}

impl Run {
    /// Runs the recipe on so many examples, in a folder that goes away.
    fn measure(examples: usize, threads: usize) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/sweeps/examples.toml");
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_alambic"))
            .args(["run", recipe, "--threads", &threads.to_string(), "--out"])
            .arg(folder.path().join("run"))
            .args(["--set", &format!("data.task.corpus.made-up-reviews.size={examples}")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines = BufReader::new(child.stderr.take().ok_or("the program says nothing")?).lines();
        let (process, most) = (child.id(), AtomicU64::new(0));
        // What the system reports of a process is over with it, so it is asked all the time.
        let look = || most.fetch_max(peak_memory_of(process).unwrap_or(0), Ordering::Relaxed);
        let mut parts = [Ended::default(); PARTS.len()];
        let (status, said) = thread::scope(|scope| {
            let parts = &mut parts;
            let listening = scope.spawn(move || {
                let (mut part, mut said) = (0, String::new());
                for line in lines {
                    let line = line?;
                    if PARTS.get(part + 1).is_some_and(|(_, begins)| line.starts_with(begins)) {
                        let bytes = peak_memory_of(process).unwrap_or(0);
                        parts[part] = Ended { seconds: begun.elapsed().as_secs_f64(), bytes };
                        part += 1;
                    }
                    let _ = writeln!(said, "{line}");
                }
                Ok::<_, std::io::Error>(said)
            });
            let status = loop {
                look();
                if let Some(status) = child.try_wait()? {
                    break status;
                }
                thread::sleep(PATIENCE);
            };
            let said = listening.join().map_err(|_| "listening to the program failed")??;
            Ok::<_, Box<dyn Error>>((status, said))
        })?;
        let end = Ended { seconds: begun.elapsed().as_secs_f64(), bytes: most.into_inner() };
        if !status.success() {
            return Err(format!("a run on {examples} examples ended with {status}: {said}").into());
        }
        if parts[..PARTS.len() - 1].iter().any(|part| part.seconds == 0.0) {
            return Err(format!("a run on {examples} examples lacks one of its parts: {said}").into());
        }
        parts[PARTS.len() - 1] = end;
        Ok(Self { threads, examples, parts })
    }

    /// The whole of it.
    fn whole(&self) -> Ended {
        self.parts[PARTS.len() - 1]
    }

    /// Seconds of the student's training.
    fn training(&self) -> f64 {
        PARTS.iter().position(|(_, begins)| *begins == STUDENT).map_or(0.0, |part| self.seconds(part))
    }

    /// Seconds that a part took.
    fn seconds(&self, part: usize) -> f64 {
        self.parts[part].seconds - part.checked_sub(1).map_or(0.0, |before| self.parts[before].seconds)
    }
}

/// Runs on all sizes, and writes the table and the figures.
pub(crate) fn run(quick: bool, out: &Path) -> Result<(), Box<dyn Error>> {
    let sizes = if quick { &SIZES[..2] } else { &SIZES[..] };
    let mut runs: Vec<Run> = Vec::new();
    for threads in THREADS {
        for &examples in sizes {
            let run = Run::measure(examples, threads)?;
            say(&format!(
                "{examples} examples, {}: {:.1} s, of these {:.1} s the student's training, {:.1} MB",
                on_threads(threads),
                run.whole().seconds,
                run.training(),
                run.whole().bytes as f64 / 1e6
            ))?;
            runs.push(run);
        }
        let own: Vec<&Run> = runs.iter().filter(|run| run.threads == threads).collect();
        if let [first, .., last] = own.as_slice() {
            let more = (last.examples - first.examples) as f64;
            let grown = |of: fn(&Run) -> f64| (of(last) - of(first)) / more;
            say(&format!(
                "each further example: {:.0} bytes, {:.3} ms",
                grown(|run| run.whole().bytes as f64),
                1e3 * grown(|run| run.whole().seconds)
            ))?;
        }
    }
    write::write(&out.join(format!("{NAME}.csv")), table(&runs).as_bytes())?;
    let axis = Axis { name: NAME, counts: "examples, 1 epoch", scale: Scale::Logarithmic };
    figures::write(&figure("run", &axis, "A run: time", Measure::Seconds, times(&runs)), out)?;
    figures::write(&figure("run", &axis, "A run: most memory held", Measure::Bytes, memory(&runs)), out)
}

fn table(runs: &[Run]) -> String {
    let mut text = "threads,examples,seconds,peak-memory-bytes".to_owned();
    for (part, _) in PARTS {
        let _ = write!(text, ",{part}-seconds,peak-after-{part}-bytes");
    }
    text.push('\n');
    for run in runs {
        let Ended { seconds, bytes } = run.whole();
        let _ = write!(text, "{},{},{seconds:.3},{bytes}", run.threads, run.examples);
        for (part, ended) in run.parts.iter().enumerate() {
            let _ = write!(text, ",{:.3},{}", run.seconds(part), ended.bytes);
        }
        text.push('\n');
    }
    text
}

fn curves(runs: &[Run], name: impl Fn(usize) -> String, y: impl Fn(&Run) -> f64) -> Vec<Curve> {
    THREADS
        .map(|threads| {
            let own = runs.iter().filter(|run| run.threads == threads);
            (name(threads), own.map(|run| (run.examples as f64, y(run))).collect())
        })
        .into()
}

/// The whole run, and the training of the student, which is what has to grow with the examples.
fn times(runs: &[Run]) -> Vec<Curve> {
    let mut all = curves(runs, on_threads, |run| run.whole().seconds);
    all.extend(curves(runs, |threads| format!("student's training, {}", on_threads(threads)), Run::training));
    all
}

/// What is held, and what would be if nothing of an example had to be.
fn memory(runs: &[Run]) -> Vec<Curve> {
    let mut all = curves(runs, on_threads, |run| run.whole().bytes as f64);
    if let Some(fewest) = runs.first() {
        let bytes = fewest.whole().bytes as f64;
        let points = runs.iter().filter(|run| run.threads == fewest.threads);
        all.push(("as at the fewest".into(), points.map(|run| (run.examples as f64, bytes)).collect()));
    }
    all
}
