//! A small convolutional detector of objects, for regions, their features and tags where no published detector is at hand.
//!
//! An image is cut into a grid of patches; residual convolutions of 3 by 3 cells look around; and each cell says whether the
//! middle of an object lies in it, what the object is, and where its edges are, one object a cell as in YOLO (Redmon et al.,
//! 2016), or several. In stages the grid is halved between two of them. Attributes have a head of their own, as in VinVL (Zhang et
//! al., 2021). Taps: `hidden.i`, the cells after i layers, `[batch, cells, width]`; of each object that a cell may have, cell by cell,
//! `features` `[batch, objects, width]`, `objectness` `[batch, objects]`, `logits` of the tags `[batch, objects, tags]`,
//! `attributes` `[batch, objects, attributes]` and `boxes` `[batch, objects, 4]`, as [`CellBox`] has them.

mod architecture;
mod attributes;
mod config;
mod layers;
mod model;
mod places;
mod selection;

pub use config::{ATTRIBUTE_HIDDEN_SIZE, CLASS_EMBEDDING_SIZE, DetectorConfig};
pub use model::{CellBox, Detector};
pub use places::{cell, object_places};
pub use selection::RegionSelection;
