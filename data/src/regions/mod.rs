//! Regions of images as object detectors find them: features, boxes and tags, from the formats in which they are
//! published.

mod collector;
mod detected_regions;
mod feature_place;
mod features;
mod files;
mod image_regions;
mod labels;
mod names;
mod npz;
mod raw_regions;
mod readers;
mod rows;
mod scored;
mod tensors;
mod wanted;
mod written;

pub use detected_regions::{DetectedRegions, RegionLabel, RegionLabels};
pub use files::RegionFiles;
pub use image_regions::ImageRegions;
pub use written::{RegionLayout, RegionVocabulary};
