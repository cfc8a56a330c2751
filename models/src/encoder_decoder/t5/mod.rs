//! Encoder-decoders in T5's layout: T5 (Raffel et al., 2020), its version 1.1, and mT5 (Xue et al., 2021).
//!
//! Norms by the root mean square stand before the sublayers and behind each stack, linear layers have no biases, scores are not
//! divided, and positions are biases of scores by distance, one table for all layers of a stack. Version 1.0 activates by `relu`,
//! has one matrix for words and logits, and multiplies the last state by `d_model^-0.5`; version 1.1 and mT5 have gates, and a
//! matrix of logits of their own.

mod architecture;
mod config;
mod initial;
mod names;

pub use config::{T5Config, T5Family};
