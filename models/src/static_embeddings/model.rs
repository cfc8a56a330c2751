//! The network: a vector of each token, whose mean is that of the text.

use std::sync::Arc;

use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::ops;
use alambic_tensor::parameters::Weights;

use super::config::{StaticConfig, TABLE};
use crate::integers::check_rows;
use crate::layers::WeightSource;
use crate::text_encoder::TextInput;
use crate::{ModelError, TapSelection, Trace};

/// Static embeddings over given weights.
#[derive(Debug, Clone)]
pub struct StaticEmbeddings {
    config: StaticConfig,
    table: Tensor,
}

impl StaticEmbeddings {
    /// Builds the model over its table. A tracked one makes it trainable.
    ///
    /// # Errors
    /// When the table is missing or has another shape than the configuration says.
    pub fn new(config: &StaticConfig, weights: &Weights) -> Result<Self, ModelError> {
        let table = WeightSource::new(weights).tensor(TABLE, &[config.vocabulary, config.width])?;
        Ok(Self { config: config.clone(), table })
    }

    /// The table, `[vocabulary, width]`.
    #[must_use]
    pub fn word_embeddings(&self) -> &Tensor {
        &self.table
    }

    /// One forward pass that reads the wanted taps: `hidden.0`, the vector of each token, and `embedding`, their mean: zeros for a
    /// text of no token that counts.
    ///
    /// # Errors
    /// When a token is not in the table.
    pub fn trace(&self, input: &TextInput, wanted: TapSelection) -> Result<Trace, ModelError> {
        let mut trace = Trace::new(wanted);
        let (tokens, width) = (&input.tokens, self.config.width);
        check_rows("input_ids", &tokens.ids, self.config.vocabulary, "words")?;
        let is_read = |(&id, &kept): (&u32, &u8)| u8::from(kept == 1 && Some(id) != self.config.left_out);
        let mask: Arc<Vec<u8>> = Arc::new(tokens.ids.iter().zip(tokens.mask.iter()).map(is_read).collect());
        trace.record_mask("", &mask);
        if tokens.length == 0 {
            let zeros = Tensor::zeros((tokens.batch, width), DType::F32, self.table.device())?;
            trace.record("embedding", &zeros);
            return Ok(trace);
        }
        let states = ops::embed(&self.table, &tokens.ids, tokens.batch, 1.0, None)?;
        trace.record("hidden.0", &states);
        if trace.wants("embedding") {
            let mut vectors = ops::masked_mean(&states, &mask)?;
            if self.config.normalise {
                let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
                vectors = vectors.broadcast_div(&lengths)?;
            }
            trace.record("embedding", &vectors);
        }
        Ok(trace)
    }
}
