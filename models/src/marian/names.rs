//! Names of the tensors of a Marian layer.

use crate::layers::{AttentionNames, EncoderNames};

/// The projections of an attention block.
pub(super) fn attention(block: &str) -> AttentionNames {
    let part = |part: &str| format!("{block}.{part}");
    AttentionNames {
        query: part("q_proj"),
        key: part("k_proj"),
        value: part("v_proj"),
        output: part("out_proj"),
    }
}

/// Linear layers and norm of a layer's feed-forward sublayer.
pub(super) fn feed_forward(layer: &str) -> [String; 3] {
    ["fc1", "fc2", "final_layer_norm"].map(|part| format!("{layer}.{part}"))
}

/// The tensors of a layer of the encoder.
pub(super) fn encoder_layer(index: usize) -> EncoderNames {
    let layer = format!("model.encoder.layers.{index}");
    EncoderNames {
        attention: attention(&format!("{layer}.self_attn")),
        attention_norm: format!("{layer}.self_attn_layer_norm"),
        feed_forward: feed_forward(&layer),
    }
}
