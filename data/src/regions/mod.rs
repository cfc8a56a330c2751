//! What an object detector says of images: features, boxes and tags of regions.

use std::sync::Arc;

/// What a detector found in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Numbers of one region's features.
    pub width: usize,
    /// `[regions, width]`, row by row.
    pub features: Arc<Vec<f32>>,
    /// Left, top, right and bottom edge of each, as shares of the image's width and height.
    pub bounds: Vec<[f32; 4]>,
    /// What each is, in words; empty where nothing says so.
    pub tags: Vec<String>,
}
