//! The encoder of texts that benches run.

use alambic_models::text_encoder::{Family, Head, ProblemType, Structure, TextEncoderConfig};

use crate::timing::Options;

/// An encoder without a head, of so many layers and of this width as the options of these names say.
pub(crate) fn encoder(options: &Options, layers: &str, width: &str) -> TextEncoderConfig {
    TextEncoderConfig {
        family: Family::Bert,
        head: Head::None,
        pooler: false,
        untied: false,
        labels: Vec::new(),
        problem_type: ProblemType::SingleLabel,
        pairs: None,
        vocabulary: options.size("vocabulary"),
        width: options.size(width),
        layers: options.size(layers),
        heads: options.size("heads"),
        intermediate_size: options.size("ffn"),
        activation: "gelu".into(),
        positions: 512,
        segments: 2,
        epsilon: 1e-12,
        padding: 0,
        dropout: options.number("dropout") as f32,
        attention_dropout: options.number("dropout") as f32,
        head_dropout: 0.0,
        structure: Structure::default(),
        pooling: None,
    }
}
