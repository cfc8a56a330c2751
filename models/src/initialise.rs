//! Initial weights from a seeded stream.

use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::ModelError;

/// Draws initial weights, one after another, from the initialisation stream of a seed.
#[derive(Debug)]
pub struct Initialiser {
    stream: ChaCha8Rng,
}

impl Initialiser {
    /// The initialiser of a seed.
    #[must_use]
    pub fn new(streams: &Streams) -> Self {
        Self { stream: streams.initialisation() }
    }

    /// Uniform in `±sqrt(6 / (inputs + outputs))`, `[outputs, inputs]` (Glorot and Bengio, 2010).
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn glorot(&mut self, outputs: usize, inputs: usize) -> Result<Tensor, ModelError> {
        let bound = (6.0 / (inputs + outputs) as f32).sqrt();
        let values: Vec<f32> =
            (0..outputs * inputs).map(|_| self.stream.random_range(-bound..bound)).collect();
        Ok(Tensor::from_vec(values, (outputs, inputs), &Device::Cpu)?)
    }

    /// Normal with mean zero, by the Box-Muller transform.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn normal(&mut self, rows: usize, width: usize, deviation: f64) -> Result<Tensor, ModelError> {
        let count = rows * width;
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let (u, v): (f64, f64) = (self.stream.random(), self.stream.random());
            // One minus u lies in (0, 1], whose logarithm is finite.
            let radius = deviation * (-2.0 * (1.0 - u).ln()).sqrt();
            let angle = std::f64::consts::TAU * v;
            values.push((radius * angle.cos()) as f32);
            values.push((radius * angle.sin()) as f32);
        }
        values.truncate(count);
        Ok(Tensor::from_vec(values, (rows, width), &Device::Cpu)?)
    }
}
