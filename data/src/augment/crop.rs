//! Crops of random size and proportions.

use super::draws::Draws;

/// Pixels of an image that are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CropBox {
    /// Pixels left of it.
    pub left: usize,
    /// Pixels above it.
    pub top: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
}

/// How often a crop is drawn until it fits.
const DRAWS: usize = 10;

/// Draws a crop, as `RandomResizedCrop.get_params` of torchvision does: an area A, uniform in its share, and proportions r,
/// uniform in their logarithm; w = round(√(A·r)), h = round(√(A/r)), and a place. Where none of ten fits, the central part
/// with the proportions brought within their bounds. Halves are rounded to even numbers.
pub(super) fn draw(
    (width, height): (usize, usize),
    scale: (f64, f64),
    ratio: (f64, f64),
    draws: &mut dyn Draws,
) -> CropBox {
    let area = (width * height) as f64;
    for _ in 0..DRAWS {
        let target = area * draws.uniform(scale.0, scale.1);
        let aspect = draws.uniform(ratio.0.ln(), ratio.1.ln()).exp();
        let side = |square: f64| square.sqrt().round_ties_even() as usize;
        let (w, h) = (side(target * aspect), side(target / aspect));
        if (1..=width).contains(&w) && (1..=height).contains(&h) {
            let top = draws.below(height - h + 1);
            let left = draws.below(width - w + 1);
            return CropBox { left, top, width: w, height: h };
        }
    }
    let own = width as f64 / height as f64;
    let (w, h) = if own < ratio.0 {
        (width, (width as f64 / ratio.0).round_ties_even() as usize)
    } else if own > ratio.1 {
        ((height as f64 * ratio.1).round_ties_even() as usize, height)
    } else {
        (width, height)
    };
    // A side of less than half a pixel would be none.
    let (w, h) = (w.clamp(1, width.max(1)), h.clamp(1, height.max(1)));
    CropBox { left: width.saturating_sub(w) / 2, top: height.saturating_sub(h) / 2, width: w, height: h }
}
