//! Image inputs of a model: patches or regions.

use crate::ImageProcessorConfig;

/// The file by which transformers makes pixels of images.
pub const PREPROCESSOR: &str = "preprocessor_config.json";

/// The image input of a model: patches of its pixels, or regions that a detector found in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ImageInput {
    /// Square patches.
    Patches(PatchInput),
    /// Regions.
    Regions(RegionInput),
}

/// Images that are read as square patches.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatchInput {
    /// Image processor.
    pub processor: ImageProcessorConfig,
    /// Colour channels.
    pub num_channels: usize,
    /// The side in pixels of the square image for which the model stores positions; of a detector, the shorter side.
    pub image_size: usize,
    /// The side of a patch in pixels.
    pub patch_size: usize,
    /// Maximum number of patches of an image; none for no limit.
    pub max_patches: Option<usize>,
}

/// Images that are read as regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionInput {
    /// Numbers of a region's features.
    pub features: usize,
    /// Numbers of a region's box that the model reads apart from the features; 0 where it reads none.
    pub box_numbers: usize,
    /// Maximum number of regions of an image; none where the configuration does not say it.
    pub max_regions: Option<usize>,
    /// Whether the tags of the regions are read as a second text.
    pub reads_tags: bool,
    /// Images that a text is about, each of which is read by itself.
    pub images: usize,
}
