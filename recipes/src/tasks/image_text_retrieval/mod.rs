//! Images and captions, one of which is retrieved by the other.

mod check;
mod evaluate;
pub(crate) mod options;
mod set;
mod task;
mod train;

pub(crate) use set::embed_pictures;
