//! Images, and what is known to be in them.

use std::path::PathBuf;
use std::sync::Arc;

use image::imageops::FilterType;
use image::{ImageBuffer, Rgb};

use crate::decoding;
use crate::error::{DataError, Fault, Place};
use crate::regions::Recorded;

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

/// A weight, and the part of an image that has it: left, top, right and bottom edge as shares of the image's sides.
pub type WeightedPart = (f32, [f32; 4]);

/// What is left of the light where there is none.
const DARKEST: f32 = 0.15;

/// An image of a corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// What it is called in its corpus, wherever that lies: its part is decided by it.
    pub name: String,
    /// Where its pixels are.
    pub pixels: Pixels,
    /// What is known to be in it; empty where nothing is.
    pub objects: Vec<Object>,
    /// What a detector found in it, where that is on record.
    pub found: Option<Recorded>,
    /// Texts that say what is in it.
    pub captions: Vec<String>,
    /// The values of the corpus's split that its rows have, each once, where they are of the image and not of the questions
    /// about it; none for rows without a value.
    pub splits: Vec<Option<String>>,
}

/// Where the pixels of an image are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pixels {
    /// In memory.
    Held(Raster),
    /// In a file of PNG, JPEG, WebP or GIF, to be read when they are needed.
    File(PathBuf),
}

/// Something in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// What it is, in words.
    pub tag: String,
    /// Left, top, right and bottom edge, as shares of the image's width and height.
    pub bounds: [f32; 4],
}

impl Raster {
    /// The same image with these sides, by cubic interpolation.
    #[must_use]
    pub fn resized(&self, width: usize, height: usize) -> Self {
        if (width, height) == (self.width, self.height) {
            return self.clone();
        }
        let side = |pixels: usize| u32::try_from(pixels).unwrap_or(u32::MAX);
        let Some(buffer) = ImageBuffer::<Rgb<u8>, _>::from_raw(
            side(self.width),
            side(self.height),
            self.rgb.as_slice().to_vec(),
        ) else {
            return self.clone();
        };
        let resized = image::imageops::resize(&buffer, side(width), side(height), FilterType::CatmullRom);
        Self { width, height, rgb: Arc::new(resized.into_raw()) }
    }

    /// The part of the image that begins at the column `left` and the row `top`, or as much of it as there is.
    #[must_use]
    pub fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> Self {
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

    /// The same image, lit by the weights of parts of it: as it is where the weight is the highest, and dark where it is
    /// nothing. Of parts that cover each other the one with more weight counts.
    #[must_use]
    pub fn lit(&self, parts: &[WeightedPart]) -> Self {
        let highest = parts.iter().map(|(weight, _)| *weight).fold(0.0, f32::max);
        if highest <= 0.0 {
            return self.clone();
        }
        let mut shares = vec![0.0f32; self.width * self.height];
        let pixels = |edge: f32, side: usize| ((edge * side as f32).round() as usize).min(side);
        for (weight, [left, top, right, bottom]) in parts {
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

impl Picture {
    /// The image of a file of which nothing is known.
    #[must_use]
    pub fn of_file(path: PathBuf) -> Self {
        let name = path.display().to_string();
        Self {
            name,
            pixels: Pixels::File(path),
            objects: Vec::new(),
            found: None,
            captions: Vec::new(),
            splits: Vec::new(),
        }
    }

    /// The pixels, upright where the file notes how the camera was held.
    ///
    /// # Errors
    /// When the file cannot be read, is no image or cut off, or has more than 2²⁷ pixels.
    pub fn load(&self) -> Result<Raster, DataError> {
        let path = match &self.pixels {
            Pixels::Held(raster) => return Ok(raster.clone()),
            Pixels::File(path) => path,
        };
        decoding::load(path).map_err(|fault| DataError::new(Place::file(&path.display().to_string()), fault))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkered() -> Raster {
        let rgb = (0..6 * 4 * 3).map(|index| if (index / 3) % 2 == 0 { 250 } else { 10 }).collect();
        Raster { width: 6, height: 4, rgb: Arc::new(rgb) }
    }

    #[test]
    fn images_are_read_as_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("one.png");
        std::fs::write(&path, checkered().to_png().unwrap()).unwrap();
        let picture = Picture::of_file(path);
        assert_eq!(picture.load().unwrap(), checkered());
        assert_eq!(checkered().resized(3, 2).rgb.len(), 18);
    }

    #[test]
    fn light_falls_by_weight() {
        let white = Raster { width: 4, height: 2, rgb: Arc::new(vec![200; 24]) };
        let lit = white.lit(&[(0.0, [0.0, 0.0, 1.0, 1.0]), (0.5, [0.5, 0.0, 1.0, 1.0])]);
        assert_eq!(lit.rgb[..3], [30, 30, 30]);
        assert_eq!(lit.rgb[6..9], [200, 200, 200]);
        assert_eq!(white.lit(&[]), white);
    }

    #[test]
    fn what_is_no_image_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.png");
        let bytes = checkered().to_png().unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let load = |path: PathBuf| Picture::of_file(path).load().unwrap_err().to_string();
        assert!(load(path).contains("cut.png: is no image that can be read"));
        assert!(load(folder.path().join("none.png")).contains("cannot be read"));
    }
}
