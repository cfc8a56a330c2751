//! A student from random weights.

use alambic_models::Config;
use alambic_models::marian::{Marian, MarianConfig};
use alambic_settings::{choices, settings};

use crate::{Blueprint, MakeStudent, Purpose, StudentError, Surroundings, check_heads};

choices! {
    /// The activation of feed-forward layers.
    pub enum ActivationFunction {
        /// max(x, 0)
        Relu = "relu",
        /// x Φ(x)
        Gelu = "gelu",
        /// x sigmoid(x)
        Swish = "swish",
    }
}

settings! {
    /// A student from random weights: an encoder-decoder transformer in Marian's layout, of any size.
    pub struct Scratch {
        /// Width of hidden states.
        #[range(1..=65_536)]
        pub width: usize = 256,
        /// Layers of the encoder.
        #[range(1..=1024)]
        pub encoder_layers: usize = 3,
        /// Layers of the decoder.
        #[range(1..=1024)]
        pub decoder_layers: usize = 3,
        /// Attention heads; they divide the width.
        #[range(1..=1024)]
        pub heads: usize = 4,
        /// Inner width of feed-forward layers.
        #[range(1..=1_048_576)]
        pub feed_forward: usize = 1024,
        /// Activation of feed-forward layers.
        pub activation: ActivationFunction = ActivationFunction::Relu,
        /// Share of activations dropped in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Longest sequence in tokens.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
    }
}

impl MakeStudent for Scratch {
    fn config(&self, surroundings: &Surroundings<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(surroundings)?.into())
    }

    fn make(&self, surroundings: &Surroundings<'_>) -> Result<Blueprint, StudentError> {
        let config = self.configure(surroundings)?;
        let weights = Marian::initial_weights(&config, &surroundings.streams)?;
        Ok(Blueprint { config: config.into(), weights })
    }

    fn takes_weights(&self) -> bool {
        false
    }

    fn purpose(&self) -> Purpose {
        Purpose::Writes
    }
}

impl Scratch {
    fn configure(&self, surroundings: &Surroundings<'_>) -> Result<MarianConfig, StudentError> {
        check_heads(self.width, self.heads)?;
        let tokenizer = surroundings.tokenizer;
        let padding = tokenizer.padding()?;
        Ok(MarianConfig {
            vocab_size: tokenizer.size(),
            d_model: self.width,
            encoder_layers: self.encoder_layers,
            decoder_layers: self.decoder_layers,
            encoder_attention_heads: self.heads,
            decoder_attention_heads: self.heads,
            encoder_ffn_dim: self.feed_forward,
            decoder_ffn_dim: self.feed_forward,
            activation_function: self.activation.name().to_owned(),
            dropout: self.dropout,
            scale_embedding: true,
            max_position_embeddings: self.max_length,
            pad_token_id: padding,
            eos_token_id: tokenizer.end()?,
            decoder_start_token_id: padding,
        })
    }
}
