//! ViT (Dosovitskiy et al., 2021): an encoder of images, with or without a head of classes.

mod architecture;
mod config;
mod model;

pub use config::VitConfig;
pub use model::Vit;
