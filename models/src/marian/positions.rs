//! Tables of positions.

use alambic_tensor::candle::{self, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use super::MarianConfig;
use super::config::positions_of;
use crate::ModelError;
use crate::layers::WeightSource;

impl MarianConfig {
    /// The table of positions of `encoder` or `decoder`, `[max_position_embeddings, d_model]`: the stored one, as transformers
    /// has it, or else the sinusoids.
    ///
    /// # Errors
    /// When the stored one has another shape than the configuration says.
    pub fn position_table(&self, weights: &Weights, stack: &str) -> Result<Tensor, ModelError> {
        let shape = [self.max_position_embeddings, self.d_model];
        let name = positions_of(stack);
        match weights.get(&name) {
            Some(_) => Ok(WeightSource::new(weights).tensor(&name, &shape)?.detach()),
            None => Ok(sinusoids(shape[0], shape[1])?),
        }
    }
}

/// `[length, width]`: the first half of the columns are sines, the second cosines, of the position divided by
/// `10000^(2i / width)`. Marian does not interleave them.
fn sinusoids(length: usize, width: usize) -> candle::Result<Tensor> {
    let half = width.div_ceil(2);
    let mut values = vec![0.0f32; length * width];
    for (position, row) in values.chunks_exact_mut(width.max(1)).enumerate() {
        for (column, value) in row.iter_mut().enumerate() {
            let index = if column < half { column } else { column - half };
            let angle = position as f64 / 10_000f64.powf(2.0 * index as f64 / width as f64);
            *value = if column < half { angle.sin() } else { angle.cos() } as f32;
        }
    }
    Tensor::from_vec(values, (length, width), device::current())
}
