//! The configuration file of a Marian model.

use alambic_tensor::ops::Activation;
use serde::{Deserialize, Serialize};

use crate::config::Facts;
use crate::folder::{config_json, decimal};
use crate::layers::{LayerSizes, Norms, activation};
use crate::{ModelError, Outline, Stream};

/// Layer norms of transformers' Marian use PyTorch's default.
const EPSILON: f64 = 1e-5;

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarianConfig {
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Attention heads of the encoder.
    pub encoder_attention_heads: usize,
    /// Attention heads of the decoder.
    pub decoder_attention_heads: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Inner width of the decoder's feed-forward layers.
    pub decoder_ffn_dim: usize,
    /// `relu`, `gelu`, `swish` or `silu`, `tanh`, `gelu_new`.
    pub activation_function: String,
    /// Dropout of embeddings and sublayers while training.
    #[serde(default)]
    pub dropout: f32,
    /// Whether embeddings are multiplied by the square root of `d_model`.
    #[serde(default)]
    pub scale_embedding: bool,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Padding token.
    pub pad_token_id: u32,
    /// End of a sequence.
    pub eos_token_id: u32,
    /// First token of the decoder.
    pub decoder_start_token_id: u32,
}

impl MarianConfig {
    /// The activation of feed-forward layers.
    ///
    /// # Errors
    /// When the name is not known.
    pub fn activation(&self) -> Result<Activation, ModelError> {
        activation(&self.activation_function)
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            vocabulary: self.vocab_size,
            longest: self.max_position_embeddings,
            padding: self.pad_token_id,
            inner: self.encoder_ffn_dim,
            divisions: vec![
                ("encoder_attention_heads", self.encoder_attention_heads, "d_model", self.d_model),
                ("decoder_attention_heads", self.decoder_attention_heads, "d_model", self.d_model),
            ],
            activations: vec![&self.activation_function],
        }
    }

    /// Sizes of the encoder's layers.
    pub(super) fn encoder_sizes(&self) -> Result<LayerSizes, ModelError> {
        self.sizes(self.encoder_attention_heads, self.encoder_ffn_dim)
    }

    /// Sizes of the decoder's layers.
    pub(super) fn decoder_sizes(&self) -> Result<LayerSizes, ModelError> {
        self.sizes(self.decoder_attention_heads, self.decoder_ffn_dim)
    }

    fn sizes(&self, heads: usize, inner: usize) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.d_model,
            heads,
            inner,
            activation: self.activation()?,
            epsilon: EPSILON,
            dropout: self.dropout,
            attention_dropout: 0.0,
            norms: Norms::After,
        })
    }

    /// The factor on embeddings.
    #[must_use]
    pub fn embedding_scale(&self) -> f32 {
        if self.scale_embedding { (self.d_model as f32).sqrt() } else { 1.0 }
    }

    /// The streams `encoder` and `decoder`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = |layers, heads| Stream::new(layers, self.d_model, heads);
        let streams = [
            ("encoder".to_owned(), stream(self.encoder_layers, self.encoder_attention_heads)),
            ("decoder".to_owned(), stream(self.decoder_layers, self.decoder_attention_heads)),
            ("cross".to_owned(), stream(self.decoder_layers, self.decoder_attention_heads).without_hidden()),
        ];
        Outline {
            streams: streams.into_iter().collect(),
            classes: self.vocab_size,
            classes_of_tokens: true,
            ..Outline::default()
        }
    }

    /// What `config.json` holds, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, ModelError> {
        let fixed = serde_json::json!({
            "model_type": "marian",
            "architectures": ["MarianMTModel"],
            "dropout": decimal(self.dropout),
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
            "encoder_layerdrop": 0.0,
            "decoder_layerdrop": 0.0,
            "bos_token_id": self.eos_token_id,
            "forced_eos_token_id": null,
            "init_std": 0.02,
            "is_encoder_decoder": true,
            "num_hidden_layers": self.encoder_layers,
            "share_encoder_decoder_embeddings": true,
            "tie_word_embeddings": true,
            "decoder_vocab_size": self.vocab_size,
            "use_cache": true,
        });
        config_json(self, fixed)
    }
}
