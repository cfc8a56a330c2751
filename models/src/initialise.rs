//! Initial weights from a seeded stream.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::ModelError;

/// The deviation of initial weights, `initializer_range` in the configurations of transformers.
pub(crate) const DEVIATION: f64 = 0.02;

/// The deviation for a model of this width: 0.02 at 768, for which it was chosen, and as much more as a narrower one needs
/// for its products to be as large.
pub(crate) fn deviation(width: usize) -> f64 {
    DEVIATION * (768.0 / width.max(1) as f64).sqrt()
}

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
        Ok(Tensor::from_vec(values, (outputs, inputs), device::current())?)
    }

    /// Initial weights as BERT and its descendants have them, for these names out of `shapes`: tables and matrices normal
    /// with this deviation, zero biases, norms of one.
    ///
    /// # Errors
    /// When a name is not among the shapes, or a tensor cannot be made.
    pub(crate) fn fill<'n>(
        &mut self,
        shapes: &IndexMap<String, Vec<usize>>,
        names: impl IntoIterator<Item = &'n String>,
        deviation: f64,
    ) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for name in names {
            let shape = shapes.get(name).ok_or_else(|| ModelError::MissingTensor(name.clone()))?.as_slice();
            let tensor = match shape {
                [] | [_] if name.ends_with("bias") => Tensor::zeros(shape, DType::F32, device::current())?,
                [] | [_] => Tensor::ones(shape, DType::F32, device::current())?,
                [rows, rest @ ..] => self.normal(*rows, rest.iter().product(), deviation)?.reshape(shape)?,
            };
            weights.insert(name.clone(), tensor);
        }
        Ok(weights)
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
        Ok(Tensor::from_vec(values, (rows, width), device::current())?)
    }
}
