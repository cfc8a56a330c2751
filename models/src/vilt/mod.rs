//! ViLT (Kim et al., 2021): one transformer over the tokens of a text and the patches of an image.
//!
//! The sequence is the text, then the image's first token, then its patches. Taps: `text.hidden.i` (the image's first
//! token with it) and `image.hidden.i` (the patches); `text.queries.i` and `image.queries.i`, keys and values alike (the
//! image's first token with the image); `scores.i` and `attention.i` of the whole sequence; `pooled`, `logits`. Hidden
//! states are taken before the final norm.

mod architecture;
mod config;
mod model;

pub(crate) use config::{CLASSIFIER, layer_names};
pub use config::{Head, VOCABULARY_BIAS, ViltConfig};
pub use model::{Vilt, ViltInput};
