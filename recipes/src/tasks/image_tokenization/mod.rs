//! Images that are made of tokens again.

mod check;
mod codes;
mod evaluate;
pub(crate) mod options;
mod task;
mod train;

pub(crate) use train::raster_of;
