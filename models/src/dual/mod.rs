//! A dual encoder as DiDE has it (Wang et al., 2022): a text tower and an image tower that never look at each other, and a
//! small head over both.
//!
//! The vector of an image does not depend on the question: it can be computed ahead and stored. Taps: everything of the
//! streams `text` and `image` by layer, the first token of the image with the image, hidden states before the final norms;
//! `text.embedding` and `image.embedding`, what the head is given of each; `pooled`, both fused; `logits`.

mod architecture;
mod config;
mod model;

pub use crate::layers::ANSWERS_EPSILON;
pub use config::DualConfig;
pub use model::{Dual, DualImageInput, DualInput};
