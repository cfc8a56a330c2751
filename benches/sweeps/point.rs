//! One point: a process that times one thing and says what it held.

use std::error::Error;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::limit::Product;

/// The first argument of a process that measures one point.
pub(crate) const POINT: &str = "--point";

/// The numbers of threads that all is measured on.
pub(crate) const THREADS: [usize; 2] = [1, 2];

/// What is timed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A training step of distillation.
    Step,
    /// The forward pass of an encoder.
    Encoding,
    /// One large product of matrices.
    Product,
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Encoding => "encode",
            Self::Product => "product",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        [Self::Step, Self::Encoding, Self::Product].into_iter().find(|work| work.name() == name)
    }
}

/// What a point came to.
#[derive(Debug, Clone)]
pub(crate) struct Point {
    /// All options that it was measured with.
    pub(crate) settings: Value,
    pub(crate) parameters: f64,
    /// Median, least and most of a step.
    pub(crate) milliseconds: [f64; 3],
    /// The most memory that the process held; none where the system does not say.
    pub(crate) bytes: Option<f64>,
}

impl Point {
    /// Measures in a process of its own: this program, called for one point.
    pub(crate) fn measure(work: Work, options: &[(&str, usize)]) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([POINT, work.name()]).stderr(Stdio::inherit());
        for (name, value) in options {
            command.arg(format!("--{name}")).arg(value.to_string());
        }
        let ended = command.output()?;
        if !ended.status.success() {
            return Err(format!("{} with {options:?}: {}", work.name(), ended.status).into());
        }
        let said: Value = serde_json::from_slice(&ended.stdout)?;
        let number = |name: &str| said[name].as_f64().ok_or_else(|| format!("the point gave no `{name}`"));
        Ok(Self {
            parameters: number("parameters")?,
            milliseconds: [number("median-ms")?, number("min-ms")?, number("max-ms")?],
            bytes: said["peak-memory-bytes"].as_f64(),
            settings: said["settings"].clone(),
        })
    }
}

/// How fast this machine multiplies matrices, in floating-point operations a second, on each number of threads.
pub(crate) struct Rates([f64; THREADS.len()]);

impl Rates {
    /// Takes the faster of both ways of one large product, as what is to be had.
    pub(crate) fn measure() -> Result<Self, Box<dyn Error>> {
        let mut rates = [0.0_f64; THREADS.len()];
        for (rate, threads) in rates.iter_mut().zip(THREADS) {
            for fixed in [0, 1] {
                let options = [("fixed", fixed), ("threads", threads), ("steps", 20), ("warm-up", 3)];
                let least = Point::measure(Work::Product, &options)?.milliseconds[1];
                *rate = rate.max(Product::operations() / (1e-3 * least));
            }
            say(&format!("products on {}: {:.1} GFLOP/s", on_threads(threads), *rate / 1e9))?;
        }
        Ok(Self(rates))
    }

    /// On so many threads; what was never measured has none.
    pub(crate) fn on(&self, threads: usize) -> f64 {
        THREADS.iter().zip(&self.0).find(|(known, _)| **known == threads).map_or(f64::NAN, |(_, rate)| *rate)
    }
}

/// `1 thread`, `2 threads`.
pub(crate) fn on_threads(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}

/// Tells whoever waits how far it is.
pub(crate) fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}
