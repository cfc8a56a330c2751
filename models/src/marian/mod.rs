//! The encoder-decoder transformer in Marian's layout (Junczys-Dowmunt et al., 2018; transformers' `MarianMTModel`):
//! post-norm layers, sinusoidal positions, one embedding table for source, target and output.
//!
//! Taps: `encoder.hidden.i`, `decoder.hidden.i` (0 the embeddings), `logits`, and for self-attention (`encoder`,
//! `decoder`) and cross-attention (`cross`) `queries.i`, `keys.i`, `values.i`, `scores.i` (divided by the square
//! root of the head width, before mask and softmax) and `attention.i`.

mod architecture;
mod cache;
mod config;
mod decoder;
mod model;
mod names;
mod positions;
mod shapes;

pub use config::{MarianConfig, WordTables};
pub use model::Marian;
pub use names::DecoderNames;
