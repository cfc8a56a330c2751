//! Names of the tensors of BART's layout.

use crate::encoder_decoder::DecoderNames;
use crate::layers::{AttentionNames, EncoderNames};
use crate::published::with_and_without;

/// Prefix of the names of the tensors of both stacks.
pub(super) const BASE: &str = "model.";

/// Bias of the logits, which published files may have.
pub(super) const LOGITS_BIAS: &str = "final_logits_bias";

/// Table of words where source, target and logits have one.
pub(super) const WORDS: &str = "model.shared.weight";
/// Matrix of the logits, and tables of the words of source and target, where they are not one.
pub(super) const OUTPUT: &str = "lm_head.weight";
pub(super) const ENCODER_WORDS: &str = "model.encoder.embed_tokens.weight";
pub(super) const DECODER_WORDS: &str = "model.decoder.embed_tokens.weight";

/// Copies of the table of words: files may hold any of them.
pub(super) const COPIES: [&str; 3] = [OUTPUT, ENCODER_WORDS, DECODER_WORDS];

/// Names that a published file may have for a tensor, the likeliest first.
pub(super) fn spellings(name: &str) -> Vec<String> {
    let mut names = with_and_without(BASE, name);
    let others: &[&str] = match name {
        WORDS => &COPIES,
        // A file may have one table under the name of all.
        ENCODER_WORDS | DECODER_WORDS => &[WORDS],
        _ => &[],
    };
    names.extend(others.iter().flat_map(|name| with_and_without(BASE, name)));
    names
}

/// Names of the tensors of a layer of the encoder, counted from 0.
pub(super) fn encoder_layer(index: usize) -> EncoderNames {
    let layer = format!("model.encoder.layers.{index}");
    EncoderNames {
        attention: attention(&format!("{layer}.self_attn")),
        attention_norm: Some(format!("{layer}.self_attn_layer_norm")),
        gate: None,
        feed_forward: feed_forward(&layer),
    }
}

/// Names of the tensors of a layer of the decoder, counted from 0.
pub(super) fn decoder_layer(index: usize) -> DecoderNames {
    let layer = format!("model.decoder.layers.{index}");
    DecoderNames {
        attention: attention(&format!("{layer}.self_attn")),
        attention_norm: format!("{layer}.self_attn_layer_norm"),
        cross: attention(&format!("{layer}.encoder_attn")),
        cross_norm: format!("{layer}.encoder_attn_layer_norm"),
        feed_forward: feed_forward(&layer),
        gate: None,
    }
}

/// The name of the table of positions of a stack.
pub(super) fn positions_of(stack: &str) -> String {
    format!("model.{stack}.embed_positions.weight")
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
