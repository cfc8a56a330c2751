//! PaLI (Chen et al., 2023): image and text in, text out.
//!
//! The states of an image's patches by CLIP's image tower, behind its last norm and without the class token, are projected to the
//! width of a T5 and stand before the embeddings of the prompt in its encoder; its decoder writes. Without an image it is the T5
//! alone.
//!
//! Taps: `image.*` of the tower (layers before its last norm), those of an encoder-decoder, and of the hidden states of the
//! encoder its two parts, `encoder.image.hidden.i` and `encoder.text.hidden.i`; `encoder.embedding`, `[batch, width]`, is the mean of
//! its last states over patches and prompt.

mod architecture;
mod config;
mod initial;
mod layers;
mod model;
mod parts;

pub use config::{PaliConfig, VisualBias};
pub use model::{Pali, PaliInput};
