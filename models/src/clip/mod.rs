//! CLIP (Radford et al., 2021): a text and an image encoder whose embeddings of a pair are close.
//!
//! Taps: everything of the streams `text` and `image` by layer (before the final norms), `text.embedding` and
//! `image.embedding` (projected, of length one), and `logits` `[images, texts]`: the similarity of every pair in the
//! batch times the model's scale.

mod architecture;
mod config;
mod image_tower;
mod model;

pub use config::{ClipConfig, ClipTextConfig, ClipVisionConfig};
pub(crate) use image_tower::ImageTower;
pub use model::{Clip, ClipInput};
