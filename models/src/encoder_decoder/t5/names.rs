//! Names of the tensors of T5's layout.

use super::T5Config;
use crate::encoder_decoder::DecoderNames;
use crate::layers::{AttentionNames, EncoderNames};

impl T5Config {
    /// Name of the table of words of source and target, and of the logits where these have no matrix of their own.
    pub const WORDS: &str = "shared.weight";
    /// Matrix of the logits.
    pub const OUTPUT: &str = "lm_head.weight";

    /// Copies of the table of words: files may hold any of them.
    pub(super) const COPIES: [&str; 2] = ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"];

    /// Names that a published file may have for a tensor, the likeliest first.
    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let copies = Self::COPIES.into_iter().filter(|_| name == Self::WORDS);
        std::iter::once(name).chain(copies).map(str::to_owned).collect()
    }

    /// Name of the table of relative positions of a stack.
    pub(super) fn relative(stack: &str) -> String {
        format!("{stack}.block.0.layer.0.SelfAttention.relative_attention_bias.weight")
    }

    /// Names of the tensors of a layer of the encoder, counted from 0.
    #[must_use]
    pub fn encoder_layer(&self, index: usize) -> EncoderNames {
        let layer = |sublayer: usize| format!("encoder.block.{index}.layer.{sublayer}");
        EncoderNames {
            attention: attention(&layer(0), "SelfAttention"),
            attention_norm: Some(format!("{}.layer_norm", layer(0))),
            gate: self.gate(&layer(1)),
            feed_forward: self.feed_forward(&layer(1)),
        }
    }

    /// Names of the tensors of a layer of the decoder, counted from 0.
    #[must_use]
    pub fn decoder_layer(&self, index: usize) -> DecoderNames {
        let layer = |sublayer: usize| format!("decoder.block.{index}.layer.{sublayer}");
        DecoderNames {
            attention: attention(&layer(0), "SelfAttention"),
            attention_norm: format!("{}.layer_norm", layer(0)),
            cross: attention(&layer(1), "EncDecAttention"),
            cross_norm: format!("{}.layer_norm", layer(1)),
            gate: self.gate(&layer(2)),
            feed_forward: self.feed_forward(&layer(2)),
        }
    }

    fn gate(&self, sublayer: &str) -> Option<String> {
        self.is_gated.then(|| format!("{sublayer}.DenseReluDense.wi_1"))
    }

    fn feed_forward(&self, sublayer: &str) -> [String; 3] {
        let first = if self.is_gated { "wi_0" } else { "wi" };
        [
            format!("{sublayer}.DenseReluDense.{first}"),
            format!("{sublayer}.DenseReluDense.wo"),
            format!("{sublayer}.layer_norm"),
        ]
    }
}

fn attention(sublayer: &str, block: &str) -> AttentionNames {
    let part = |part: &str| format!("{sublayer}.{block}.{part}");
    AttentionNames { query: part("q"), key: part("k"), value: part("v"), output: part("o") }
}
