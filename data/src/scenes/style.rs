//! Styles in which scenes are drawn.

use alambic_settings::choices;

choices! {
    /// Style in which a scene is drawn.
    pub enum SceneStyle {
        /// Filled objects on a light ground.
        Plain = "plain",
        /// Objects of which the outline alone is drawn.
        Outline = "outline",
        /// Objects filled with stripes.
        Hatched = "hatched",
        /// Filled objects on a dark ground.
        Dark = "dark",
    }
}

/// By how much an outline is smaller within than without.
pub(super) const INNER: f32 = 0.62;

/// Stripes across the whole image, coloured and pale ones.
pub(super) const STRIPES: usize = 24;

/// Share of its colour that a pale stripe has.
pub(super) const PALE: f32 = 0.3;

impl SceneStyle {
    /// The ground's shade in this style, given that of a plain scene.
    pub(super) fn ground(self, plain: f32) -> f32 {
        match self {
            Self::Dark => 1.0 - plain,
            Self::Plain | Self::Outline | Self::Hatched => plain,
        }
    }
}
