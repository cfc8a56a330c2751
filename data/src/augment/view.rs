//! A view of an image.

use std::sync::Arc;

use super::crop::CropBox;
use super::jitter::Jitter;
use crate::raster::{Interpolation, Raster};

/// What is seen of an image: a part of it, perhaps flipped, in other colours.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageView {
    /// The part; none for the whole.
    pub crop: Option<CropBox>,
    /// Whether left and right change places.
    pub is_flipped: bool,
    /// Changes of colours.
    pub jitter: Jitter,
}

impl ImageView {
    /// The view of an image. A crop is resized to `size`, by default that of the image, linearly in both directions.
    #[must_use]
    pub fn apply(&self, image: &Raster, size: Option<(usize, usize)>) -> Raster {
        let (width, height) = size.unwrap_or((image.width, image.height));
        let cropped = self.crop.map(|CropBox { left, top, width: w, height: h }| {
            image.crop(left, top, w, h).resize_with(width, height, Interpolation::Linear)
        });
        let mut raster = cropped.unwrap_or_else(|| image.clone());
        if !self.is_flipped && self.jitter.is_empty() {
            return raster;
        }
        let mut rgb = Arc::unwrap_or_clone(raster.rgb);
        if self.is_flipped {
            for row in rgb.chunks_exact_mut((raster.width * 3).max(1)) {
                row.reverse();
                // Colours of a pixel stay in their order.
                row.as_chunks_mut::<3>().0.iter_mut().for_each(|pixel| pixel.reverse());
            }
        }
        for adjustment in &self.jitter {
            adjustment.apply(&mut rgb);
        }
        raster.rgb = Arc::new(rgb);
        raster
    }

    /// Edges of a box in the view of an image of so many pixels, all as shares of the sides: left, top, right and bottom. None
    /// where nothing of it is seen.
    #[must_use]
    pub fn bounds(
        &self,
        (width, height): (usize, usize),
        [left, top, right, bottom]: [f32; 4],
    ) -> Option<[f32; 4]> {
        let within = |low: f32, high: f32, first: usize, count: usize, side: usize| {
            let share =
                |edge: f32| ((edge * side as f32 - first as f32) / count.max(1) as f32).clamp(0.0, 1.0);
            (share(low), share(high))
        };
        let whole = CropBox { left: 0, top: 0, width, height };
        let crop = self.crop.unwrap_or(whole);
        let (left, right) = within(left, right, crop.left, crop.width, width);
        let (top, bottom) = within(top, bottom, crop.top, crop.height, height);
        let (left, right) = if self.is_flipped { (1.0 - right, 1.0 - left) } else { (left, right) };
        (left < right && top < bottom).then_some([left, top, right, bottom])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Raster {
        Raster { width: 4, height: 2, rgb: Arc::new((0..24).collect()) }
    }

    #[test]
    fn flip_exchanges_pixels_and_keeps_their_colours() {
        let view = ImageView { is_flipped: true, ..ImageView::default() };
        let flipped = view.apply(&image(), None);
        assert_eq!(flipped.rgb[..12], [9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2]);
        assert_eq!(view.apply(&flipped, None), image());
        assert_eq!(view.bounds((4, 2), [0.0, 0.25, 0.25, 1.0]), Some([0.75, 0.25, 1.0, 1.0]));
    }

    #[test]
    fn boxes_follow_a_crop_and_go_where_nothing_of_them_is_left() {
        let crop = CropBox { left: 2, top: 0, width: 2, height: 1 };
        let view = ImageView { crop: Some(crop), ..ImageView::default() };
        assert_eq!(view.bounds((4, 2), [0.25, 0.0, 0.75, 0.25]), Some([0.0, 0.0, 0.5, 0.5]));
        assert_eq!(view.bounds((4, 2), [0.0, 0.0, 0.5, 1.0]), None);
        assert_eq!(view.bounds((4, 2), [0.5, 0.5, 1.0, 1.0]), None);
        let seen = view.apply(&image(), Some((2, 1)));
        assert_eq!((seen.width, seen.height, &seen.rgb[..]), (2, 1, &[6, 7, 8, 9, 10, 11][..]));
    }
}
