//! Sweeps over the sizes of a model and of its batches.

use std::error::Error;
use std::fmt::Write;
use std::path::Path;

use alambic_files::write;
use alambic_reports::plots::{Figure, Scale};

use super::figures::{Axis, Curve, Measure, figure};
use super::limit;
use super::point::{Point, Rates, THREADS, Work, on_threads, say};

/// One quantity that grows while the others stay.
pub(crate) struct Sweep {
    /// The option that grows.
    pub(crate) name: &'static str,
    /// What the option counts, along an axis.
    counts: &'static str,
    values: &'static [usize],
    /// Options that stay, besides the bench's defaults.
    fixed: &'static [(&'static str, usize)],
}

/// A batch of 32 texts of 64 tokens where nothing else is said; long texts come in fewer, or their scores would not fit
/// into the memory of a laptop.
pub(crate) const SWEEPS: [Sweep; 3] = [
    Sweep {
        name: "length",
        counts: "tokens of a text, 8 texts a batch",
        values: &[16, 32, 64, 128, 256, 512],
        fixed: &[("batch", 8)],
    },
    Sweep {
        name: "layers",
        counts: "layers, 32 texts of 64 tokens",
        values: &[1, 2, 4, 6, 12],
        fixed: &[("batch", 32), ("length", 64)],
    },
    Sweep {
        name: "batch",
        counts: "texts of 64 tokens a batch",
        values: &[1, 2, 4, 8, 16, 32, 64, 128],
        fixed: &[("length", 64)],
    },
];

/// What is swept, and what that is called.
const WORKS: [(Work, &str); 2] = [(Work::Step, "A training step"), (Work::Encoding, "Encoding a batch")];

/// One point with its limits.
struct Measured {
    work: Work,
    threads: usize,
    value: usize,
    point: Point,
    limit_milliseconds: f64,
    limit_bytes: f64,
}

/// Measures a sweep, and writes its table and figures.
pub(crate) fn run(sweep: &Sweep, rates: &Rates, quick: bool, out: &Path) -> Result<(), Box<dyn Error>> {
    let values = if quick { &sweep.values[..=sweep.values.len() / 2] } else { sweep.values };
    let (steps, warm_up) = if quick { (3, 1) } else { (11, 2) };
    let mut all = Vec::new();
    for (work, _) in WORKS {
        for threads in THREADS {
            for &value in values {
                let mut options = sweep.fixed.to_vec();
                options.extend([
                    (sweep.name, value),
                    ("threads", threads),
                    ("steps", steps),
                    ("warm-up", warm_up),
                ]);
                let point = Point::measure(work, &options)?;
                let operations = limit::operations(work, &point).ok_or("a point names no sizes")?;
                let measured = Measured {
                    work,
                    threads,
                    value,
                    limit_milliseconds: 1e3 * operations / rates.on(threads),
                    limit_bytes: limit::bytes(work, &point).ok_or("a point names no sizes")?,
                    point,
                };
                say(&format!(
                    "{}, {} {value}, {}: {:.2} ms, products alone {:.2} ms, {:.0} MB",
                    work.name(),
                    sweep.name,
                    on_threads(threads),
                    measured.point.milliseconds[0],
                    measured.limit_milliseconds,
                    measured.point.bytes.unwrap_or(f64::NAN) / 1e6
                ))?;
                all.push(measured);
            }
        }
    }
    write::write(&out.join(format!("{}.csv", sweep.name)), table(sweep, &all).as_bytes())?;
    for (work, title) in WORKS {
        let own: Vec<&Measured> = all.iter().filter(|measured| measured.work == work).collect();
        for figure in [time(sweep, work, title, &own), memory(sweep, work, title, &own)] {
            super::figures::write(&figure, out)?;
        }
    }
    Ok(())
}

fn table(sweep: &Sweep, all: &[Measured]) -> String {
    let mut text = format!(
        "work,threads,{},median-ms,min-ms,max-ms,products-alone-ms,peak-memory-bytes,least-memory-bytes\n",
        sweep.name
    );
    for measured in all {
        let [median, least, most] = measured.point.milliseconds;
        let bytes = measured.point.bytes.map_or_else(String::new, |bytes| bytes.to_string());
        let _ = writeln!(
            text,
            "{},{},{},{median},{least},{most},{:.3},{bytes},{}",
            measured.work.name(),
            measured.threads,
            measured.value,
            measured.limit_milliseconds,
            measured.limit_bytes
        );
    }
    text
}

/// The points of a number of threads.
fn curve(all: &[&Measured], threads: usize, y: impl Fn(&Measured) -> Option<f64>) -> Vec<(f64, f64)> {
    all.iter()
        .filter(|measured| measured.threads == threads)
        .filter_map(|measured| Some((measured.value as f64, y(measured)?)))
        .collect()
}

fn axis(sweep: &Sweep) -> Axis {
    Axis { name: sweep.name, counts: sweep.counts, scale: Scale::Doubling }
}

fn time(sweep: &Sweep, work: Work, title: &str, all: &[&Measured]) -> Figure {
    let mut curves: Vec<Curve> = THREADS
        .map(|threads| {
            (on_threads(threads), curve(all, threads, |measured| Some(measured.point.milliseconds[0])))
        })
        .into();
    curves.extend(THREADS.map(|threads| {
        let name = format!("products alone, {}", on_threads(threads));
        (name, curve(all, threads, |measured| Some(measured.limit_milliseconds)))
    }));
    figure(work.name(), &axis(sweep), &format!("{title}: time"), Measure::Milliseconds, curves)
}

fn memory(sweep: &Sweep, work: Work, title: &str, all: &[&Measured]) -> Figure {
    let mut curves: Vec<Curve> = THREADS
        .map(|threads| (on_threads(threads), curve(all, threads, |measured| measured.point.bytes)))
        .into();
    let held = match work {
        Work::Step => "parameters' state, compared outputs",
        Work::Encoding | Work::Product => "weights",
    };
    curves.push((held.to_owned(), curve(all, THREADS[0], |measured| Some(measured.limit_bytes))));
    figure(work.name(), &axis(sweep), &format!("{title}: most memory held"), Measure::Bytes, curves)
}
