//! What an object detector says of images: features, boxes and tags of regions, from the formats in which they are
//! published.

mod collector;
mod features;
mod files;
mod found;
mod labels;
mod npz;
mod origin;
mod raw;
mod readers;
mod recorded;
mod rows;
mod tensors;
mod wanted;

pub use files::RegionFiles;
pub use found::Found;
pub use recorded::Recorded;
