//! Objects in images.

/// Object in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its tag, in words.
    pub tag: String,
    /// Left, top, right and bottom edge, as shares of the image's width and height.
    pub bounds: [f32; 4],
    /// What it is like, in words: `red`, `small`; none where the corpus does not say it.
    pub attributes: Vec<String>,
}

impl Object {
    /// An object of which no attributes are known.
    #[must_use]
    pub fn new(tag: String, bounds: [f32; 4]) -> Self {
        Self { tag, bounds, attributes: Vec::new() }
    }
}
