//! Initial weights.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use super::T5Config;
use crate::{Initialiser, ModelError};

impl T5Config {
    /// Initial weights as transformers draws them: normal, words with a deviation of 1, matrices with one over the root of
    /// their inputs, queries over that of a head's width too, since scores are not divided.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        self.draw(&mut Initialiser::new(streams))
    }

    /// The same, drawn behind what was drawn before.
    pub(crate) fn draw(&self, initialiser: &mut Initialiser) -> Result<Weights, ModelError> {
        let mut weights = Weights::new();
        for (name, shape) in self.structure().shapes() {
            let tensor = match shape[..] {
                [rows, columns] => initialiser.normal(rows, columns, self.deviation(&name, columns))?,
                _ => Tensor::ones(shape, DType::F32, device::current())?,
            };
            weights.insert(name, tensor);
        }
        Ok(weights)
    }

    fn deviation(&self, name: &str, inputs: usize) -> f64 {
        let over_root = |size: usize| (size.max(1) as f64).powf(-0.5);
        if name == Self::WORDS || name == Self::OUTPUT {
            1.0
        } else if name.contains("relative_attention_bias") {
            over_root(self.d_model)
        } else if name.ends_with(".q.weight") {
            over_root(inputs) * over_root(self.d_kv)
        } else {
            over_root(inputs)
        }
    }
}
