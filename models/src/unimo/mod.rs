//! UNIMO (Li et al., 2021): one transformer over texts, images, and both together.
//!
//! An image is a sequence of regions that a detector found, or of the patches of its pixels, behind a token `[IMG]`, which is their
//! mean at the place of the whole image; a region is `LN(W f + V b)` of its features f and its place b. A text is read as BERT reads
//! it. Of a pair the image stands first and the text behind it, in one sequence. `[IMG]` and the first token of a text stand for image
//! and text: `v = ReLU(W_v h_IMG)` and `t = ReLU(W_t h_CLS)`.
//!
//! Names of tensors are those of BERT behind `unimo.`; the published code (`PaddlePaddle/Research`) has no layout that transformers
//! knows.
//!
//! Taps: `hidden.i`, `[batch, length, width]`, and those of attention over the sequence, an image first; `pooled`, `t ⊙ v` of a pair
//! and `t` or `v` of one alone; `similarity`, `[batch]`, the scaled cosine of t and v of each pair in one pass; `text.embedding` and
//! `image.embedding`, `[batch, width]`, of texts and images that are encoded alone, of length one; `logits`, `[images, texts]`, the
//! scaled products of these, or with a head for answers those of each text and image, `[batch, answers]`; `prediction_logits` of the
//! vocabulary at each token of a text, `predicted_features` of each region or patch, and `object_logits` of the object in each region, in pre-training.

mod architecture;
mod config;
mod decoding;
mod model;
mod units;

pub use config::{UnimoConfig, UnimoImages};
pub use model::{Unimo, UnimoInput};
pub use units::ImageUnits;
