//! Oscar (Li et al., 2020) and Oscar+ (Zhang et al., 2021): BERT over a text, the tags of the objects in an image, and
//! the regions of the image.
//!
//! The text and the tags are a pair of texts, separated by their segments. Taps: `hidden.i`, `scores.i` and `attention.i` of
//! the whole sequence, text and tags first; `text.queries.i` and `image.queries.i`, keys and values alike; `pooled`;
//! `logits` of the answers, or of the vocabulary at each token of text and tags; `relation`, the logits of whether text,
//! tags and image belong together.
//!
//! One that writes captions reads the caption first, padded, and the tags behind it. The caption sees what stands left of it, itself, tags
//! and regions; tags and regions see each other and never the caption. It is trained on masked words, and writes a word in place of a
//! mask behind those that it has written.
//!
//! A text about several images is read with each of them, and the pooled states are classified side by side.

mod architecture;
mod captions;
mod classifier;
mod config;
mod decoding;
mod model;

pub use config::{OscarConfig, RELATION};
pub use model::{Oscar, OscarInput};
