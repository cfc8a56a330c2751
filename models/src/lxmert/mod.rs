//! LXMERT (Tan and Bansal, 2019): a text encoder and an encoder of regions, and layers in which each looks at the other.
//!
//! Taps as transformers counts them: `language.hidden.i` and `vision.hidden.i` are outputs of layers, 0 the first
//! layer's, those of the cross-modal layers behind; `language.attention.i` and the like are of the layers of one stream;
//! `cross.attention.i` is language looking at regions, `vision.cross.attention.i` regions looking at language; `pooled`,
//! `logits` of answers; of pre-training `prediction_logits` of words, `relation`, and of each region `object_logits`,
//! `attribute_logits` and `predicted_features`. Of a text about several images every image is a row by itself, those of a text one
//! after another, and `logits` alone have a row for each text.

mod architecture;
mod config;
mod head;
mod layers;
mod model;
mod pretraining;

pub use config::LxmertConfig;
pub use head::LxmertHead;
pub use model::{Lxmert, LxmertInput};
