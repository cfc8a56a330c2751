//! Initial weights.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use super::BartConfig;
use crate::{Initialiser, ModelError};

impl BartConfig {
    /// Initial weights: Glorot-uniform matrices, zero biases, and embeddings whose scaled entries have a deviation
    /// of one.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        let width = self.d_model;
        let mut initialiser = Initialiser::new(streams);
        let mut weights = Weights::new();
        let structure = self.structure();
        for (name, shape) in structure.shapes() {
            let tensor = match shape[..] {
                [outputs, inputs] if name.contains(".layers.") => initialiser.glorot(outputs, inputs)?,
                [rows, _] => {
                    let table = initialiser.normal(rows, width, (width as f64).powf(-0.5))?;
                    let is_of_words = structure.word_tables.iter().any(|table| table.name == name);
                    if is_of_words && self.pad_token_id as usize + 1 == rows {
                        // Marian keeps the padding row, its decoder's first token, at zero to begin with.
                        let zeros = Tensor::zeros((1, width), DType::F32, device::current())?;
                        Tensor::cat(&[table.narrow(0, 0, rows - 1)?, zeros], 0)?
                    } else {
                        table
                    }
                }
                _ if name.ends_with("bias") => Tensor::zeros(shape, DType::F32, device::current())?,
                _ => Tensor::ones(shape, DType::F32, device::current())?,
            };
            weights.insert(name, tensor);
        }
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::encoder_decoder::bart::{BartFamily, WordTables};

    #[test]
    fn shapes_are_those_of_initial_weights() {
        let config = BartConfig {
            vocab_size: 11,
            d_model: 8,
            encoder_layers: 2,
            decoder_layers: 1,
            encoder_attention_heads: 2,
            decoder_attention_heads: 4,
            encoder_ffn_dim: 12,
            decoder_ffn_dim: 20,
            activation_function: "relu".into(),
            dropout: 0.1,
            scale_embedding: true,
            max_position_embeddings: 16,
            pad_token_id: 10,
            decoder_start_token_id: 10,
            ..BartConfig::default()
        };
        for tables in [WordTables::Shared, WordTables::OfEach { target: 9 }, WordTables::Own { target: 9 }] {
            for family in BartFamily::ALL {
                let config = BartConfig { family, tables, ..config.clone() };
                let weights = config.initial_weights(&Streams::new(1)).unwrap();
                let shapes: IndexMap<String, Vec<usize>> =
                    weights.iter().map(|(name, tensor)| (name.clone(), tensor.dims().to_vec())).collect();
                assert!(config.structure().shapes().iter().eq(shapes.iter()));
            }
        }
    }
}
