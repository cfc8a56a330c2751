//! The encoder-decoder that benches train and have write.

use std::error::Error;

use alambic_models::encoder_decoder::Structure;
use alambic_models::encoder_decoder::bart::BartConfig;
use alambic_models::encoder_decoder::t5::{T5Config, T5Family};
use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use rand::Rng;

use crate::timing::Options;

/// Padding, and what the decoder starts from.
pub(crate) const PADDING: u32 = 0;
const END: u32 = 1;
/// The first id that stands for a character.
const FIRST: u32 = 2;

/// Options of the model with their defaults: Marian's layout, or with `--t5 1` that of T5 1.1.
pub(crate) const SIZES: [(&str, f64); 7] = [
    ("t5", 0.0),
    ("d-model", 256.0),
    ("layers", 3.0),
    ("heads", 4.0),
    ("ffn", 1024.0),
    ("vocabulary", 400.0),
    ("dropout", 0.1),
];

/// The configuration that the options describe: its parts, and random weights for it. Positions reach to `length`.
pub(crate) fn initial(
    options: &Options,
    length: usize,
    streams: Streams,
) -> Result<(Structure, Weights), Box<dyn Error>> {
    let [vocab_size, d_model, layers, heads, ffn] =
        ["vocabulary", "d-model", "layers", "heads", "ffn"].map(|name| options.size(name));
    let dropout = options.number("dropout") as f32;
    if options.size("t5") == 1 {
        let config = T5Config {
            family: T5Family::T5,
            vocab_size,
            d_model,
            d_kv: d_model / heads,
            d_ff: ffn,
            num_layers: layers,
            num_decoder_layers: layers,
            num_heads: heads,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            activation: "gelu_new".into(),
            is_gated: true,
            dropout_rate: dropout,
            layer_norm_epsilon: 1e-6,
            is_untied: false,
            scale_decoder_outputs: true,
            n_positions: length.max(64),
            pad_token_id: PADDING,
            eos_token_id: END,
            decoder_start_token_id: PADDING,
        };
        return Ok((config.structure(), config.initial_weights(&streams)?));
    }
    let config = BartConfig {
        vocab_size,
        d_model,
        encoder_layers: layers,
        decoder_layers: layers,
        encoder_attention_heads: heads,
        decoder_attention_heads: heads,
        encoder_ffn_dim: ffn,
        decoder_ffn_dim: ffn,
        activation_function: "swish".into(),
        dropout,
        scale_embedding: true,
        max_position_embeddings: length.max(64),
        pad_token_id: PADDING,
        eos_token_id: END,
        decoder_start_token_id: PADDING,
        ..BartConfig::default()
    };
    Ok((config.structure(), config.initial_weights(&streams)?))
}

/// Random ids, ended and left to be padded: lengths even between half and the whole, the first the whole.
pub(crate) fn sequences(
    batch: usize,
    length: usize,
    vocabulary: usize,
    generator: &mut impl Rng,
) -> Vec<Vec<u32>> {
    (0..batch)
        .map(|row| {
            let filled = if row == 0 { length } else { generator.random_range(length.div_ceil(2)..=length) };
            let mut ids: Vec<u32> =
                (1..filled).map(|_| generator.random_range(FIRST..vocabulary as u32)).collect();
            ids.push(END);
            ids
        })
        .collect()
}
