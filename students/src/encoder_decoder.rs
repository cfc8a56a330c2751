//! An encoder-decoder from random weights.

use alambic_models::marian::{Marian, MarianConfig};
use alambic_models::{Config, TokenizerModel};
use alambic_settings::{choices, settings};

use crate::StudentError;
use crate::encoder::TokenizerKind;
use crate::student_builder::{BuildContext, InitialModel, StudentBuilder, TaskKind, check_heads};

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
    /// An encoder-decoder transformer from random weights, in Marian's layout, of any size.
    pub struct EncoderDecoder {
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
        /// Maximum number of tokens of a vocabulary that is trained on sentences; one of words is of all their characters.
        #[range(10..=1_000_000)]
        pub vocabulary: usize = 8192,
        /// Model of the tokenizer that is trained on sentences.
        pub pieces: TokenizerKind = TokenizerKind::Unigram,
        /// Activation of feed-forward layers.
        pub activation: ActivationFunction = ActivationFunction::Relu,
        /// Dropout probability in training.
        #[range(0.0..=0.9)]
        pub dropout: f32 = 0.1,
        /// Maximum number of tokens of a sequence.
        #[range(4..=1_048_576)]
        pub max_length: usize = 64,
    }
}

impl StudentBuilder for EncoderDecoder {
    fn config(&self, context: &BuildContext<'_>) -> Result<Config, StudentError> {
        Ok(self.configure(context)?.into())
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context)?;
        let weights = Marian::initial_weights(&config, &context.streams)?;
        Ok(InitialModel { config: config.into(), weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.vocabulary)
    }

    fn tokenizer_model(&self) -> TokenizerModel {
        self.pieces.into()
    }
}

impl EncoderDecoder {
    fn configure(&self, context: &BuildContext<'_>) -> Result<MarianConfig, StudentError> {
        check_heads(self.width, self.heads)?;
        let tokenizer = context.tokenizer;
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
            tables: alambic_models::marian::WordTables::Shared,
            max_position_embeddings: self.max_length,
            pad_token_id: padding,
            eos_token_id: tokenizer.end()?,
            decoder_start_token_id: padding,
        })
    }
}
