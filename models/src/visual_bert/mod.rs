//! VisualBERT (Li et al., 2019): BERT over the tokens of a text and the regions of an image, whose embeddings are normed
//! together.
//!
//! Taps: `hidden.i`, `scores.i` and `attention.i` of the whole sequence, text first; `text.queries.i` and
//! `image.queries.i`, keys and values alike; `pooled`, `logits`.

mod architecture;
mod config;
mod model;

pub use config::VisualBertConfig;
pub use model::{VisualBert, VisualBertInput};
