//! Objects in images.

/// Object in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its tag, in words.
    pub tag: String,
    /// Left, top, right and bottom edge, as shares of the image's width and height.
    pub bounds: [f32; 4],
}
