//! Tables that are padded beyond their tokenizer, as training on some hardware leaves them.

use alambic_tensor::parameters::Weights;

use super::config::TextEncoderConfig;
use crate::ModelError;
use crate::head::Head;

impl TextEncoderConfig {
    /// The same model without the rows of its vocabulary that stand for no token, where it has logits for them: nothing is to
    /// learn from these, and another model over the same tokens has no such rows.
    #[must_use]
    pub fn trim_vocabulary(self, tokens: usize) -> Self {
        if self.head == Head::MaskedLanguage && tokens < self.vocabulary && (self.padding as usize) < tokens {
            Self { vocabulary: tokens, ..self }
        } else {
            self
        }
    }

    /// Weights as they are stored, without the rows that the configuration does not have.
    ///
    /// # Errors
    /// When a tensor cannot be cut.
    pub fn trim_weights(&self, mut weights: Weights) -> Result<Weights, ModelError> {
        for (name, shape) in self.shapes() {
            let Some(tensor) = weights.get_mut(&name) else { continue };
            if tensor.dims().len() == shape.len()
                && tensor.dims()[1..] == shape[1..]
                && tensor.dims()[0] > shape[0]
            {
                *tensor = tensor.narrow(0, 0, shape[0])?.contiguous()?;
            }
        }
        Ok(weights)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::text_encoder::{HeadSpec, TextEncoder};
    use crate::{Config, ModelFolder};
    use alambic_tensor::Streams;

    #[test]
    fn rows_without_a_token_are_left_out_of_the_logits() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/bert/model");
        let Config::TextEncoder(config) = Config::open(&ModelFolder::open(&folder).unwrap()).unwrap() else {
            unreachable!("the folder is that of a BERT")
        };
        let task = HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() };
        let config = config.with_head(&task);
        let weights = TextEncoder::initial_weights(&config, &Streams::new(1)).unwrap();
        let tokens = config.vocabulary - 5;
        let trimmed = config.clone().trim_vocabulary(tokens);
        assert_eq!(trimmed.classes(), tokens);
        let weights = trimmed.trim_weights(weights).unwrap();
        for (name, shape) in trimmed.shapes() {
            assert_eq!(weights[&name].dims(), shape, "{name}");
        }
        // With as many tokens as rows, and without logits for them, nothing is left out.
        assert_eq!(config.clone().trim_vocabulary(config.vocabulary), config);
        let bare = config.with_head(&HeadSpec::none());
        assert_eq!(bare.clone().trim_vocabulary(tokens), bare);
    }
}
