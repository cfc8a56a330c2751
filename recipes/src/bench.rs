//! Models measured against each other: size, time of a batch, throughput, memory.

use std::path::PathBuf;
use std::time::Instant;

use alambic_inference::BenchmarkModel;
use alambic_models::{Config, ModelError, ModelFolder};
use alambic_reports::outcome::Latency;
use alambic_tensor::device;
use alambic_tensor::precision::{self, MatmulPrecision};
use serde::{Serialize, Serializer};

use crate::machine::{self, OtherLoad};
use crate::observer::Observer;

/// Batches written before the clock counts.
const WARM_UP: usize = 2;

/// Options of a benchmark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// Texts in a batch.
    pub batches: Vec<usize>,
    /// Tokens read, and for models that write as many written, of each text.
    pub lengths: Vec<usize>,
    /// How often each batch is timed.
    pub rounds: usize,
    /// Precision of matrix products.
    pub precisions: Vec<MatmulPrecision>,
}

impl Grid {
    /// The largest batch alone, once.
    #[must_use]
    pub fn largest(&self) -> Self {
        let largest = |values: &[usize]| values.iter().max().copied().into_iter().collect();
        Self { batches: largest(&self.batches), lengths: largest(&self.lengths), rounds: 1, ..self.clone() }
    }
}

/// A model and what was measured of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Measured {
    /// Its folder, and how it is run where there are several ways.
    pub model: String,
    /// Its folder.
    #[serde(skip)]
    pub folder: PathBuf,
    /// Precision of matrix products.
    #[serde(serialize_with = "by_name")]
    pub precision: MatmulPrecision,
    /// Parameters.
    pub parameters: usize,
    /// Bytes of its weights on disk.
    pub bytes: u64,
    /// Threads that computed.
    pub threads: usize,
    /// Most memory of a process that runs it alone, for whoever starts such a process to fill in.
    pub peak_memory_bytes: Option<u64>,
    /// Times, batch by batch.
    pub cells: Vec<Cell>,
}

// What serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn by_name<S: Serializer>(precision: &MatmulPrecision, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(precision.name())
}

/// The times of one size of batch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cell {
    /// Texts in the batch.
    pub batch: usize,
    /// Tokens read, and for models that write as many written, of each text.
    pub length: usize,
    /// Milliseconds for the whole batch.
    pub latency_ms: Latency,
    /// Texts a second at the median.
    pub texts_per_second: f64,
    /// Tokens written, or read by models that do not write, a second at the median.
    pub tokens_per_second: f64,
}

/// Milliseconds of one batch.
fn time(model: &BenchmarkModel, batch: usize, length: usize) -> Result<f64, ModelError> {
    let inputs = model.inputs(batch, length)?;
    let begin = Instant::now();
    model.run(inputs)?;
    device::synchronise()?;
    Ok(begin.elapsed().as_secs_f64() * 1e3)
}

/// Measures models over a grid; those that write do so greedily and with cached keys. Models that read images do so
/// once for each text, and those of two towers are measured with stored images, too. Models and precisions take turns over
/// the same batch, so that a slow moment of the machine hits all.
///
/// # Errors
/// When a model cannot be loaded, or a length is beyond its positions.
pub fn measure(
    folders: &[PathBuf],
    grid: &Grid,
    observer: &mut dyn Observer,
) -> Result<Vec<Measured>, ModelError> {
    // One for all the precisions that it is measured in.
    let mut models: Vec<BenchmarkModel> = Vec::with_capacity(folders.len());
    let mut measured = Vec::with_capacity(folders.len());
    for path in folders {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let max_length = if config.reads_texts() { config.max_length() } else { usize::MAX };
        if let Some(length) = grid.lengths.iter().find(|&&length| length > max_length) {
            return Err(ModelError::Input(format!(
                "a length of {length} is more than the {} positions of {}",
                config.max_length(),
                path.display()
            )));
        }
        for (model, suffix) in BenchmarkModel::load_all(&folder, &config)? {
            for &precision in &grid.precisions {
                measured.push(Measured {
                    model: format!("{}{suffix}", path.display()),
                    folder: path.clone(),
                    precision,
                    parameters: config.parameters(),
                    bytes: folder.bytes()?,
                    threads: rayon::current_num_threads(),
                    peak_memory_bytes: None,
                    cells: Vec::new(),
                });
            }
            models.push(model);
        }
    }
    let ways =
        || models.iter().flat_map(|model| grid.precisions.iter().map(move |precision| (model, *precision)));
    let title = format!("{} models, {} rounds", models.len(), grid.rounds);
    observer.task(&title, grid.batches.len() * grid.lengths.len() * grid.rounds, 0);
    let load = OtherLoad::start();
    let mut done = 0;
    for &batch in &grid.batches {
        for &length in &grid.lengths {
            let mut times: Vec<Vec<f64>> = vec![Vec::with_capacity(grid.rounds); measured.len()];
            for round in 0..WARM_UP + grid.rounds {
                for ((model, precision), times) in ways().zip(&mut times) {
                    let milliseconds = precision::with(precision, || time(model, batch, length))?;
                    if round >= WARM_UP {
                        times.push(milliseconds);
                    }
                }
                if round >= WARM_UP {
                    done += 1;
                    observer.progress(done);
                }
            }
            for (model, times) in measured.iter_mut().zip(times) {
                model.cells.extend(Latency::of(times).map(|latency_ms| cell(batch, length, latency_ms)));
            }
        }
    }
    let load = load.warning();
    observer.finished("measured");
    if let Some(warning) = load {
        observer.warn(&warning);
    }
    Ok(measured)
}

fn cell(batch: usize, length: usize, latency_ms: Latency) -> Cell {
    let texts_per_second = 1e3 * batch as f64 / latency_ms.p50;
    Cell { batch, length, latency_ms, texts_per_second, tokens_per_second: texts_per_second * length as f64 }
}

/// The most memory that this process has held, in bytes; none where the system does not say.
#[must_use]
pub fn peak_memory() -> Option<u64> {
    machine::peak_memory()
}

/// The most memory that another process has held so far, in bytes; none where it has ended, or on other systems than Linux.
#[must_use]
pub fn peak_memory_of(process: u32) -> Option<u64> {
    machine::peak_memory_of(process)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::Silent;

    #[test]
    fn memory_of_a_process_is_found_by_its_id() {
        assert_eq!(peak_memory_of(std::process::id()).is_some(), peak_memory().is_some());
        assert_eq!(peak_memory_of(u32::MAX), None);
    }

    #[test]
    fn every_cell_of_the_grid_is_timed() {
        let parity = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity");
        let folder = parity.join("marian/model");
        let grid = Grid {
            batches: vec![1, 3],
            lengths: vec![2, 5],
            rounds: 3,
            precisions: vec![MatmulPrecision::F32],
        };
        let measured = measure(&[folder.clone(), parity.join("bert/model")], &grid, &mut Silent).unwrap();
        assert_eq!(measured.len(), 2);
        for model in &measured {
            let sizes: Vec<_> = model.cells.iter().map(|cell| (cell.batch, cell.length)).collect();
            assert_eq!(sizes, [(1, 2), (1, 5), (3, 2), (3, 5)]);
            for cell in &model.cells {
                assert!(cell.latency_ms.p50 > 0.0 && cell.latency_ms.p50 <= cell.latency_ms.p95);
                let texts = 1e3 * cell.batch as f64 / cell.latency_ms.p50;
                assert!((cell.tokens_per_second - texts * cell.length as f64).abs() < 1e-6 * texts);
            }
        }
        let long = Grid { batches: vec![1], lengths: vec![100_000], ..grid.largest() };
        assert!(measure(&[folder], &long, &mut Silent).unwrap_err().to_string().contains("positions"));
    }

    #[test]
    fn models_that_look_at_images_are_timed_with_an_image() {
        let parity = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity");
        let models = ["vilt/model", "lxmert/model", "visual-bert/model", "clip/model", "oscar/answers/model"];
        let grid = Grid {
            batches: vec![2],
            lengths: vec![4],
            rounds: 1,
            precisions: vec![MatmulPrecision::F32, MatmulPrecision::Int8],
        };
        let folders = models.map(|model| parity.join(model));
        let measured = measure(&folders, &grid, &mut Silent).unwrap();
        assert!(measured.iter().all(|model| model.cells[0].latency_ms.p50 > 0.0), "{measured:?}");
    }

    #[test]
    fn the_largest_batch_is_one() {
        let precisions = vec![MatmulPrecision::Bf16];
        let grid =
            Grid { batches: vec![1, 8, 4], lengths: vec![3, 2], rounds: 9, precisions: precisions.clone() };
        assert_eq!(grid.largest(), Grid { batches: vec![8], lengths: vec![3], rounds: 1, precisions });
    }
}
