//! ERNIE-ViLG (Zhang et al., 2021): one transformer that writes the tokens of an image for a text, and a text for the tokens of an
//! image.
//!
//! The vocabulary holds the pieces of texts, the codes of an image tokenizer, which is part of the model and stays as it is, and the
//! tokens `[IMG]` and `[TXT]`, with which images and targets that are texts begin. A row is a source and a target behind it, under the
//! mask of two parts ([`prefix`](alambic_tensor::ops::AttentionMask::prefix)): `[CLS] text [SEP]` and `[IMG] z₁ … zₙ`, or `[IMG] z₁ …
//! zₙ` and `[TXT] text`. With sparse attention the last layer sees squares of an image, every fourth layer from the second its columns,
//! and the others its rows. Names of tensors are those of Megatron-BERT in transformers, whose norms stand before the sublayers as
//! well.
//!
//! With a reconstructor, images are not made of the codes alone: the last states of the image's tokens are mapped to vectors of codes,
//! of which a decoder makes the image, so that what it lacks reaches the transformer.
//!
//! Taps: `hidden.i`, `[batch, length, width]`, and those of attention over whole rows; `logits`, `[batch, target, vocabulary]`, whose
//! softmax is over the pieces of texts or over the codes, as the target is; and with a reconstructor `reconstruction`, `[batch, colours,
//! side, side]`, of targets that are whole images.

mod architecture;
mod config;
mod decoding;
mod model;
mod rows;

pub use config::{ErnieVilgConfig, Reconstructor, ReconstructorStates, RowPattern};
pub use model::{ErnieVilg, tokenizer_weights};
