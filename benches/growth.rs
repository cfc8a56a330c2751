//! Growth of time and memory: with the length of texts, the layers of the student, the texts of a batch and the examples of a
//! training, on one thread and on two. `docs/performance.md` says how to read what comes out.
//!
//! ```text
//! cargo bench --bench growth -- [--only length] [--only layers] [--only batch] [--only examples] [--quick] [--out FOLDER]
//! ```
//!
//! Every point is a process of its own, so that the most memory that it held is the point's. Writes a table and figures for
//! each sweep into `docs/performance`, or into the folder given. `--quick` takes fewer and smaller points, to see that all
//! works.

mod distillation;
mod encoder;
mod encoding;
mod process;
mod sweeps;
mod timing;

use std::error::Error;
use std::path::PathBuf;

use distillation::Distillation;
use encoding::Encoding;
use sweeps::examples;
use sweeps::limit::Product;
use sweeps::point::{POINT, Rates, Work};
use sweeps::sizes::{self, SWEEPS};

/// What is to be swept, and where the figures go.
struct Arguments {
    only: Vec<String>,
    quick: bool,
    out: PathBuf,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let out = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/performance");
        let mut parsed = Self { only: Vec::new(), quick: false, out };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("`{argument}` needs a value"));
            match argument.as_str() {
                // `cargo bench` adds it.
                "--bench" => {}
                "--quick" => parsed.quick = true,
                "--out" => parsed.out = value()?.into(),
                "--only" => {
                    let name = value()?;
                    let mut known = SWEEPS.iter().map(|sweep| sweep.name).chain([examples::NAME]);
                    if !known.any(|known| known == name) {
                        return Err(format!("there is no sweep `{name}`").into());
                    }
                    parsed.only.push(name);
                }
                _ => return Err(format!("there is no option `{argument}`").into()),
            }
        }
        Ok(parsed)
    }

    fn wants(&self, sweep: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == sweep)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    if arguments.next_if(|argument| argument == POINT).is_some() {
        let work = arguments.next().unwrap_or_default();
        return match Work::of_name(&work) {
            Some(Work::Step) => timing::time(&distillation::DEFAULTS, arguments, Distillation::new),
            Some(Work::Encoding) => timing::time(&encoding::DEFAULTS, arguments, Encoding::new),
            Some(Work::Product) => timing::time(&Product::DEFAULTS, arguments, Product::new),
            None => Err(format!("there is nothing called `{work}` to be timed").into()),
        };
    }
    let arguments = Arguments::parse(arguments)?;
    std::fs::create_dir_all(&arguments.out)?;
    if SWEEPS.iter().any(|sweep| arguments.wants(sweep.name)) {
        let rates = Rates::measure()?;
        for sweep in SWEEPS.iter().filter(|sweep| arguments.wants(sweep.name)) {
            sizes::run(sweep, &rates, arguments.quick, &arguments.out)?;
        }
    }
    if arguments.wants(examples::NAME) {
        examples::run(arguments.quick, &arguments.out)?;
    }
    Ok(())
}
