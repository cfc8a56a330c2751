//! Models of any architecture, for callers that do not ask which one it is.

mod batch;
mod build;
mod network;

pub(crate) use batch::missing;
pub use batch::{Batch, Image, with_attention_mask};
pub use build::{build, open};
pub use network::Architecture;
