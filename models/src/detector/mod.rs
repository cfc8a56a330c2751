//! A small convolutional detector of objects, for regions, their features and tags where no published detector is at hand.
//!
//! An image is cut into a grid of patches; residual convolutions of 3 by 3 cells look around; and each cell says whether the
//! middle of an object lies in it, what the object is, and where its edges are, one object a cell as in YOLO (Redmon et al.,
//! 2016). Taps: `hidden.i`, the cells after i convolutions, `[batch, cells, width]`; `objectness` `[batch, cells]` and
//! `logits` of the tags `[batch, cells, tags]`; `boxes` `[batch, cells, 4]`, as [`CellBox`] has them.

mod architecture;
mod config;
mod model;

pub use config::DetectorConfig;
pub use model::{CellBox, Detector};
