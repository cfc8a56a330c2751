//! Oscar (Li et al., 2020) and Oscar+ (Zhang et al., 2021): BERT over a text, the tags of the objects in an image, and
//! the regions of the image.
//!
//! The text and the tags are a pair of texts, separated by their segments. Taps: `hidden.i`, `scores.i` and `attention.i` of
//! the whole sequence, text and tags first; `text.queries.i` and `image.queries.i`, keys and values alike; `pooled`;
//! `logits` of the answers, or of the vocabulary at each token of text and tags; `relation`, the logits of whether text,
//! tags and image belong together.

mod architecture;
mod config;
mod model;

pub use config::{OscarConfig, RELATION};
pub use model::{Oscar, OscarInput};
