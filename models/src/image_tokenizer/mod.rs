//! A tokenizer of images: a convolutional encoder, a codebook of which each place of its output takes one code, and a decoder that
//! makes an image of codes again.
//!
//! Two kinds of codes. In a VQ-VAE (van den Oord et al., 2017) a place takes the nearest code to its vector, past which gradients go
//! straight to the encoder; in a discrete VAE (Ramesh et al., 2021) the encoder gives logits of the codes, of which training takes a
//! relaxed sample. Names of tensors are those of DALLE-pytorch's `DiscreteVAE`, whose layers these are.
//!
//! Taps: `latents` `[batch, places, width]`, what the encoder gives, logits in a discrete VAE; `tokens` `[batch, places]`, the codes as
//! numbers; `quantized` `[batch, places, width]`, their vectors; `reconstruction` `[batch, channels, side, side]`, colours from -1 to
//! 1. Places are row by row.

mod architecture;
mod codebook;
mod config;
mod convolution;
mod model;

pub use codebook::{CodeUsage, Codebook};
pub use config::{CODES, CodebookLearning, ImageTokenizerConfig, Quantizer};
pub use model::{Coding, ImageTokenizer};
