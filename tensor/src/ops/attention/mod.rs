//! Multi-head attention.

mod attend;
mod cached;
mod heads;
mod kernel;
mod mask;
pub(super) mod operation;

pub use attend::{attend, attend_cross, attend_cross_with_taps, attend_packed, attend_packed_with_taps};
pub use cached::{attend_cached, attend_cached_rows};
pub use heads::AttentionHeads;
pub use mask::AttentionMask;
