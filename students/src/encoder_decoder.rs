//! An encoder-decoder from random weights.

use alambic_models::encoder_decoder::bart::{BartConfig, BartFamily};
use alambic_models::encoder_decoder::t5::{T5Config, T5Family};
use alambic_models::{Config, Tokenizer, TokenizerModel};
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

choices! {
    /// The family of an encoder-decoder, whose layout transformers loads.
    pub enum EncoderDecoderFamily {
        /// Norms behind the sublayers, sinusoids (Junczys-Dowmunt et al., 2018).
        Marian = "marian",
        /// Norms behind the sublayers and of the embeddings, learned positions (Lewis et al., 2020).
        Bart = "bart",
        /// Norms before the sublayers, of the embeddings and behind each stack, learned positions (Liu et al., 2020).
        Mbart = "mbart",
        /// Norms before the sublayers and behind each stack, sinusoids over tokens that are not padding (Fan et al., 2021).
        M2m100 = "m2m-100",
        /// Norms by the root mean square before the sublayers, relative positions, one matrix for words and logits (Raffel et
        /// al., 2020). With `gelu`, feed-forward layers are gated as in version 1.1.
        T5 = "t5",
        /// The same with a matrix of the logits of its own (Xue et al., 2021).
        Mt5 = "mt5",
    }
}

settings! {
    /// An encoder-decoder transformer from random weights, in the layout of a family, of any size.
    pub struct EncoderDecoder {
        /// Family.
        pub family: EncoderDecoderFamily = EncoderDecoderFamily::Marian,
        /// Its sizes.
        #[flatten]
        pub sizes: EncoderDecoderSizes,
    }
}

settings! {
    /// The sizes of an encoder-decoder.
    pub struct EncoderDecoderSizes {
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
        self.configure(context.tokenizer)
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<InitialModel, StudentError> {
        let config = self.configure(context.tokenizer)?;
        let weights = config.initial_weights(&context.streams)?;
        Ok(InitialModel { config, weights })
    }

    fn has_source_weights(&self) -> bool {
        false
    }

    fn task_kind(&self) -> TaskKind {
        TaskKind::TextGeneration
    }

    fn max_vocabulary(&self) -> Option<usize> {
        Some(self.sizes.vocabulary)
    }

    fn tokenizer_model(&self) -> TokenizerModel {
        self.sizes.pieces.into()
    }
}

impl EncoderDecoder {
    fn configure(&self, tokenizer: &Tokenizer) -> Result<Config, StudentError> {
        let family = match self.family {
            EncoderDecoderFamily::Marian => BartFamily::Marian,
            EncoderDecoderFamily::Bart => BartFamily::Bart,
            EncoderDecoderFamily::Mbart => BartFamily::Mbart,
            EncoderDecoderFamily::M2m100 => BartFamily::M2m100,
            EncoderDecoderFamily::T5 => return Ok(self.sizes.t5(T5Family::T5, tokenizer)?.into()),
            EncoderDecoderFamily::Mt5 => return Ok(self.sizes.t5(T5Family::Mt5, tokenizer)?.into()),
        };
        Ok(self.sizes.bart(family, tokenizer)?.into())
    }
}

impl EncoderDecoderSizes {
    fn bart(&self, family: BartFamily, tokenizer: &Tokenizer) -> Result<BartConfig, StudentError> {
        check_heads(self.width, self.heads)?;
        let (padding, end) = (tokenizer.padding()?, tokenizer.end()?);
        if family == BartFamily::M2m100 && padding as usize >= self.max_length + 2 {
            return Err(StudentError::Incompatible(format!(
                "the padding token is number {padding} of the vocabulary, and m2m-100 counts positions from it on: transformers has \
                 room for it up to {} with a max-length of {}; take another family",
                self.max_length + 1,
                self.max_length
            )));
        }
        let is_marian = family == BartFamily::Marian;
        Ok(BartConfig {
            family,
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
            scale_embedding: family != BartFamily::Bart,
            max_position_embeddings: self.max_length,
            pad_token_id: padding,
            bos_token_id: tokenizer.id("<s>").unwrap_or(end),
            eos_token_id: end,
            decoder_start_token_id: if is_marian { padding } else { end },
            ..BartConfig::default()
        })
    }

    /// The configuration of a T5 of these sizes.
    pub(crate) fn t5(&self, family: T5Family, tokenizer: &Tokenizer) -> Result<T5Config, StudentError> {
        check_heads(self.width, self.heads)?;
        let padding = tokenizer.padding()?;
        let is_gated = self.activation == ActivationFunction::Gelu;
        Ok(T5Config {
            family,
            vocab_size: tokenizer.size(),
            d_model: self.width,
            d_kv: self.width / self.heads,
            d_ff: self.feed_forward,
            num_layers: self.encoder_layers,
            num_decoder_layers: self.decoder_layers,
            num_heads: self.heads,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            activation: if is_gated { "gelu_new" } else { self.activation.name() }.to_owned(),
            is_gated,
            dropout_rate: self.dropout,
            layer_norm_epsilon: 1e-6,
            is_untied: family == T5Family::Mt5,
            scale_decoder_outputs: family == T5Family::T5,
            n_positions: self.max_length,
            pad_token_id: padding,
            eos_token_id: tokenizer.end()?,
            decoder_start_token_id: padding,
        })
    }
}
