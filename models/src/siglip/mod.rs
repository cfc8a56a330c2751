//! SigLIP (Zhai et al., 2023): a text and an image encoder, and either of them alone. Nothing is masked: texts are padded to the
//! length of training, and the last place stands for a text, padding or not.

mod architecture;
mod config;
mod model;

pub use config::{SiglipConfig, SiglipTextConfig, SiglipVisionConfig};
pub use model::Siglip;
