//! Time of adding up gradients over ranks, as a multiple of the time of copying them. `benches/ranks/measure.py` starts it under
//! the launchers and networks that it compares; by hand:
//!
//! ```console
//! mpirun -n 2 target/release/deps/ranks-HASH NUMBERS ROUNDS
//! ```

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use alambic_ranks::{Header, Inbox, RankError, Ranks, Transport};
use alambic_tensor::GradientSum;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::gradients::Gradients;
use alambic_tensor::parameters::Parameters;
use alambic_tensor::threads::install;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Columns of the matrices, the width of a small encoder.
const WIDTH: usize = 312;
/// Rows of a matrix, but for the last one.
const ROWS: usize = 1200;

/// A model of about so many numbers.
fn parameters(numbers: usize) -> Result<Parameters, Box<dyn Error>> {
    let mut parameters = Parameters::new();
    // As many rows for each of a few ranks, which the way that sends everything back needs.
    let mut left = numbers / WIDTH / 240 * 240;
    while left > 0 {
        let rows = left.min(ROWS);
        let matrix = Tensor::ones((rows, WIDTH), DType::F32, &Device::Cpu)?;
        parameters.insert(&format!("layer.{left}.weight"), &matrix)?;
        left -= rows;
    }
    Ok(parameters)
}

/// Gradients of all parameters, each of them whole.
fn gradients(parameters: &Parameters) -> Result<Gradients, Box<dyn Error>> {
    let mut sum = Tensor::zeros((), DType::F32, &Device::Cpu)?;
    for tensor in parameters.tracked().values() {
        sum = (sum + tensor.sqr()?.sum_all()?)?;
    }
    Ok(Gradients::of(&sum, parameters)?)
}

/// A way between ranks that takes no time but for a copy: what it sends comes back. It leaves what sums take by themselves.
#[derive(Debug)]
struct Echo {
    rank: usize,
    count: usize,
}

impl Transport for Echo {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn exchange(
        &self,
        headers: &[Header],
        sends: &[&[u8]],
        inbox: &mut dyn Inbox,
    ) -> Result<Vec<Header>, RankError> {
        for rank in (0..self.count).filter(|rank| *rank != self.rank) {
            inbox.room(rank, &headers[rank]).copy_from_slice(sends[rank]);
        }
        Ok(headers.to_vec())
    }

    fn abort(&self, _: u8) {}

    fn finish(&self) -> Result<(), RankError> {
        Ok(())
    }
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the figures are its result")]
fn measure(ranks: &Ranks, numbers: usize, rounds: usize) -> Result<(), Box<dyn Error>> {
    let parameters = parameters(numbers)?;
    let numbers = parameters.count();
    let buffer = vec![1.0f32; numbers];
    let echo = Ranks::over(Box::new(Echo { rank: ranks.rank(), count: ranks.count() }));
    let (mut copies, mut sums, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds + 2 {
        ranks.barrier()?;
        let begin = Instant::now();
        black_box(black_box(&buffer).clone());
        copies.push(begin.elapsed().as_secs_f64());
        for (ranks, times) in [(&echo, &mut echoes), (ranks, &mut sums)] {
            let part = gradients(&parameters)?;
            ranks.barrier()?;
            let begin = Instant::now();
            let mut sum = GradientSum::new(ranks, &parameters);
            sum.add(part)?;
            black_box(sum.finish(&[])?);
            times.push(begin.elapsed().as_secs_f64());
        }
    }
    // The first rounds fetch their memory from the system.
    let [copy, sum, alone] = [copies, sums, echoes].map(|mut times| median(&mut times[2..]));
    if ranks.is_first() {
        println!(
            "{{\"ranks\": {}, \"numbers\": {numbers}, \"copy\": {copy}, \"sum\": {sum}, \"alone\": {alone}, \"ratio\": {}}}",
            ranks.count(),
            sum / copy
        );
    }
    ranks.done()?;
    Ok(ranks.finish()?)
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` and `cargo test` hand over options of their own.
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let [numbers, rounds] = numbers[..] else { return Ok(()) };
    let ranks = alambic_ranks::join(|_| ())?;
    let done = install(Some(1), || measure(&ranks, numbers, rounds).map_err(|error| error.to_string()))?;
    Ok(done?)
}
