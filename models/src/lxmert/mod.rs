//! LXMERT (Tan and Bansal, 2019): a text encoder and an encoder of regions, and layers in which each looks at the other.
//!
//! Taps as transformers counts them: `language.hidden.i` and `vision.hidden.i` are outputs of layers, 0 the first
//! layer's, those of the cross-modal layers behind; `language.attention.i` and the like are of the layers of one stream;
//! `cross.attention.i` is language looking at regions, `vision.cross.attention.i` regions looking at language; `pooled`,
//! `logits`.

mod architecture;
mod config;
mod model;

pub use config::LxmertConfig;
pub use model::{Lxmert, LxmertInput};
