//! Image processing: patches of pixels, and regions that a detector finds.

pub(crate) mod image_processor;
mod load;
pub(crate) mod object_detector;
pub(crate) mod patch_processor;
pub(crate) mod processed_image;
pub(crate) mod region_processor;
mod region_selection;
