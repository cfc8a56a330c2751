//! Names of the tensors of a Marian layer.

use super::MarianConfig;
use crate::layers::{AttentionNames, EncoderNames};

/// Names of the tensors of one layer of the decoder, `.weight` and `.bias` left out.
#[derive(Debug, Clone)]
pub struct DecoderNames {
    /// Self-attention.
    pub attention: AttentionNames,
    /// Its norm.
    pub attention_norm: String,
    /// Attention to the encoder's output.
    pub cross: AttentionNames,
    /// Its norm.
    pub cross_norm: String,
    /// First and second linear layer of the feed-forward sublayer, and its norm.
    pub feed_forward: [String; 3],
}

impl MarianConfig {
    /// Name of the table of words where source, target and logits have one.
    pub const WORDS: &str = "model.shared.weight";

    /// Name of the bias of the logits, which published files may have.
    pub const LOGITS_BIAS: &str = "final_logits_bias";

    /// Names of the tensors of a layer of the encoder, counted from 0.
    #[must_use]
    pub fn encoder_layer(index: usize) -> EncoderNames {
        let layer = format!("model.encoder.layers.{index}");
        EncoderNames {
            attention: attention(&format!("{layer}.self_attn")),
            attention_norm: Some(format!("{layer}.self_attn_layer_norm")),
            gate: None,
            feed_forward: feed_forward(&layer),
        }
    }

    /// Names of the tensors of a layer of the decoder, counted from 0.
    #[must_use]
    pub fn decoder_layer(index: usize) -> DecoderNames {
        let layer = format!("model.decoder.layers.{index}");
        DecoderNames {
            attention: attention(&format!("{layer}.self_attn")),
            attention_norm: format!("{layer}.self_attn_layer_norm"),
            cross: attention(&format!("{layer}.encoder_attn")),
            cross_norm: format!("{layer}.encoder_attn_layer_norm"),
            feed_forward: feed_forward(&layer),
        }
    }
}

/// The projections of an attention block.
fn attention(block: &str) -> AttentionNames {
    let part = |part: &str| format!("{block}.{part}");
    AttentionNames {
        query: part("q_proj"),
        key: part("k_proj"),
        value: part("v_proj"),
        output: part("out_proj"),
    }
}

/// Linear layers and norm of a layer's feed-forward sublayer.
fn feed_forward(layer: &str) -> [String; 3] {
    ["fc1", "fc2", "final_layer_norm"].map(|part| format!("{layer}.{part}"))
}
