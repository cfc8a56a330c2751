//! Multi-head attention.

mod attend;
mod cached;
mod heads;
mod image_mask;
mod kernel;
mod mask;
pub(super) mod operation;
mod sparse;

pub use attend::{attend, attend_cross, attend_cross_with_taps, attend_packed, attend_packed_with_taps};
pub use cached::{attend_cached, attend_cached_keys, attend_cached_rows};
pub use heads::AttentionHeads;
pub use image_mask::{ImageAttention, ImagePattern};
pub use mask::AttentionMask;
pub use sparse::attend_image;
