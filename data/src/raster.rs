//! Images in memory, and other sizes and parts of them.

use std::sync::Arc;

use image::imageops::FilterType;
use image::{ImageBuffer, Rgb};

use crate::error::{DataError, Fault, Place};

/// An image in memory, three colours of eight bits for each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// `[height, width, 3]`, row by row.
    pub rgb: Arc<Vec<u8>>,
}

/// Interpolation of pixels where an image is resized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The nearest pixel.
    Nearest,
    /// Linear in both directions.
    Linear,
    /// Cubic in both directions.
    Cubic,
    /// By Lanczos' window of three.
    Lanczos,
}

/// A weighted box of an image: the weight, and left, top, right and bottom edge as shares of the image's sides.
pub type WeightedBox = (f32, [f32; 4]);

/// Brightness where the weight is zero.
const DARKEST: f32 = 0.15;

impl Raster {
    /// Resized image, by cubic interpolation.
    #[must_use]
    pub fn resize(&self, width: usize, height: usize) -> Self {
        self.resize_with(width, height, Interpolation::Cubic)
    }

    /// Resized image. Where sides are smaller, each pixel is of all those that it stands for, but for the
    /// nearest one.
    #[must_use]
    pub fn resize_with(&self, width: usize, height: usize, interpolation: Interpolation) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let filter = match interpolation {
            Interpolation::Nearest => return self.nearest(width, height),
            Interpolation::Linear => FilterType::Triangle,
            Interpolation::Cubic => FilterType::CatmullRom,
            Interpolation::Lanczos => FilterType::Lanczos3,
        };
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let Some(buffer) = ImageBuffer::<Rgb<u8>, _>::from_raw(
            side(self.width),
            side(self.height),
            self.rgb.as_slice().to_vec(),
        ) else {
            return self.clone();
        };
        let resized = image::imageops::resize(&buffer, side(width), side(height), filter);
        Self { width, height, rgb: Arc::new(resized.into_raw()) }
    }

    /// The same image with these sides, each of whose pixels is the one in whose place its middle falls.
    fn nearest(&self, width: usize, height: usize) -> Self {
        let places = |sides: usize, own: usize| -> Vec<usize> {
            (0..sides).map(|place| (2 * place + 1) * own / (2 * sides)).collect()
        };
        let (rows, columns) = (places(height, self.height), places(width, self.width));
        let pixel = |row: usize, column: usize| self.rgb[(row * self.width + column) * 3..][..3].iter();
        let row =
            |&row: &usize| columns.iter().flat_map(move |&column| pixel(row, column)).copied().collect();
        let rows: Vec<Vec<u8>> = rows.iter().map(row).collect();
        Self { width, height, rgb: Arc::new(rows.concat()) }
    }

    /// Center crop of these sides; what the image lacks is black.
    #[must_use]
    pub fn center_crop(&self, width: usize, height: usize) -> Self {
        let (left, top) = (self.width.saturating_sub(width) / 2, self.height.saturating_sub(height) / 2);
        let part = self.crop(left, top, width, height);
        if (part.width, part.height) == (width, height) {
            return part;
        }
        let (left, top) = ((width - part.width).div_ceil(2), (height - part.height).div_ceil(2));
        let mut rgb = vec![0; width * height * 3];
        for (row, pixels) in part.rgb.chunks_exact((part.width * 3).max(1)).enumerate() {
            rgb[((top + row) * width + left) * 3..][..pixels.len()].copy_from_slice(pixels);
        }
        Self { width, height, rgb: Arc::new(rgb) }
    }

    /// Crop of the image from the column `left` and the row `top`, or as much of it as there is.
    #[must_use]
    pub fn crop(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
        let (left, top) = (left.min(self.width), top.min(self.height));
        let (width, height) = (width.min(self.width - left), height.min(self.height - top));
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let row = |row: usize| {
            let start = ((top + row) * self.width + left) * 3;
            &self.rgb[start..start + width * 3]
        };
        let rgb: Vec<u8> = (0..height).flat_map(row).copied().collect();
        Self { width, height, rgb: Arc::new(rgb) }
    }

    /// Images side by side, from left to right: all as high as the lowest, their sides in proportion.
    #[must_use]
    pub fn side_by_side(images: &[Self]) -> Self {
        let height = images.iter().map(|image| image.height).min().unwrap_or_default();
        let parts: Vec<Self> = images
            .iter()
            .map(|image| {
                let width = (image.width * height + image.height / 2) / image.height.max(1);
                image.resize(width.max(1), height)
            })
            .collect();
        let width = parts.iter().map(|part| part.width).sum();
        let row = |row: usize| {
            parts.iter().flat_map(move |part| &part.rgb[row * part.width * 3..(row + 1) * part.width * 3])
        };
        let rgb: Vec<u8> = (0..height).flat_map(row).copied().collect();
        Self { width, height, rgb: Arc::new(rgb) }
    }

    /// Image highlighted by the weights of its boxes: as it is where the weight is the highest, and dark where it is
    /// zero. Of boxes that overlap the one with more weight counts.
    #[must_use]
    pub fn highlight(&self, boxes: &[WeightedBox]) -> Self {
        let highest = boxes.iter().map(|(weight, _)| *weight).fold(0.0, f32::max);
        if highest <= 0.0 {
            return self.clone();
        }
        let mut shares = vec![0.0f32; self.width * self.height];
        let pixels = |edge: f32, side: usize| ((edge * side as f32).round() as usize).min(side);
        for (weight, [left, top, right, bottom]) in boxes {
            for row in pixels(*top, self.height)..pixels(*bottom, self.height) {
                for column in pixels(*left, self.width)..pixels(*right, self.width) {
                    let share = &mut shares[row * self.width + column];
                    *share = share.max(weight / highest);
                }
            }
        }
        let light = |index: usize, &value: &u8| {
            (f32::from(value) * (DARKEST + (1.0 - DARKEST) * shares[index / 3])).round() as u8
        };
        let rgb = self.rgb.iter().enumerate().map(|(index, value)| light(index, value)).collect();
        Self { width: self.width, height: self.height, rgb: Arc::new(rgb) }
    }

    /// The file of the image as PNG.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn to_png(&self) -> Result<Vec<u8>, DataError> {
        let fail = |error: image::ImageError| {
            DataError::new(Place::file("image"), Fault::NotImage(error.to_string()))
        };
        let mut bytes = std::io::Cursor::new(Vec::new());
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        image::write_buffer_with_format(
            &mut bytes,
            &self.rgb,
            side(self.width),
            side(self.height),
            image::ColorType::Rgb8,
            image::ImageFormat::Png,
        )
        .map_err(fail)?;
        Ok(bytes.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_pixels_are_those_of_pillow() {
        let rgb: Vec<u8> = (0..6 * 4).flat_map(|pixel| [pixel; 3]).collect();
        let image = Raster { width: 6, height: 4, rgb: Arc::new(rgb) };
        let reds = |image: &Raster| image.rgb.iter().step_by(3).copied().collect::<Vec<u8>>();
        let nearest = |width, height| reds(&image.resize_with(width, height, Interpolation::Nearest));
        // What `Image.resize(..., NEAREST)` gives.
        assert_eq!(nearest(4, 2), [6, 8, 9, 11, 18, 20, 21, 23]);
        assert_eq!(nearest(3, 3), [1, 3, 5, 13, 15, 17, 19, 21, 23]);
        assert_eq!(nearest(8, 1), [12, 13, 13, 14, 15, 16, 16, 17]);
    }

    #[test]
    fn what_an_image_lacks_around_its_middle_is_black() {
        let image = Raster { width: 3, height: 1, rgb: Arc::new(vec![9; 9]) };
        let reds = |image: &Raster| image.rgb.iter().step_by(3).copied().collect::<Vec<u8>>();
        // What transformers' `center_crop` gives.
        assert_eq!(reds(&image.center_crop(4, 2)), [0, 0, 0, 0, 0, 9, 9, 9]);
        assert_eq!(reds(&image.center_crop(1, 3)), [0, 9, 0]);
        assert_eq!(image.center_crop(3, 1), image);
    }

    #[test]
    fn images_stand_side_by_side_in_one_height() {
        let image = |width: usize, height: usize, shade: u8| Raster {
            width,
            height,
            rgb: Arc::new(vec![shade; width * height * 3]),
        };
        let joined = Raster::side_by_side(&[image(2, 1, 7), image(6, 3, 9)]);
        assert_eq!((joined.width, joined.height), (4, 1));
        assert_eq!(joined.rgb[..], [7, 7, 7, 7, 7, 7, 9, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn light_falls_by_weight() {
        let white = Raster { width: 4, height: 2, rgb: Arc::new(vec![200; 24]) };
        let lit = white.highlight(&[(0.0, [0.0, 0.0, 1.0, 1.0]), (0.5, [0.5, 0.0, 1.0, 1.0])]);
        assert_eq!(lit.rgb[..3], [30, 30, 30]);
        assert_eq!(lit.rgb[6..9], [200, 200, 200]);
        assert_eq!(white.highlight(&[]), white);
    }
}
