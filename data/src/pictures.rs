//! Images of corpora, with their objects, regions and captions.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::decoding;
use crate::error::{DataError, Fault, Place};
use crate::raster::Raster;
use crate::regions::ImageRegions;
use crate::scenes::{Drawing, SceneContents};

/// An image of a corpus.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Name in the corpus, wherever that lies; the split is decided by it.
    pub name: String,
    /// Its pixels, or where they come from.
    pub pixels: Pixels,
    /// Objects that are known to be in it.
    pub objects: Vec<Object>,
    /// Regions that a detector found in it, where there are any on record.
    pub regions: Option<ImageRegions>,
    /// Captions, in the corpus's own language.
    pub captions: Vec<String>,
    /// The captions in other languages, by their codes, each list in the order of [`Self::captions`]; empty where they are known in
    /// one language alone.
    pub translated_captions: IndexMap<String, Vec<String>>,
    /// The values of the corpus's split that its rows have, each once, where they are of the image and not of the questions
    /// about it; none for rows without a value.
    pub splits: Vec<Option<String>>,
}

/// Pixels of an image, or where they come from.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// In memory.
    Held(Raster),
    /// Of a made-up scene, to be drawn when they are first needed.
    Drawn(Arc<Drawing>),
    /// In a file of PNG, JPEG, WebP or GIF, to be read when they are needed.
    File(PathBuf),
    /// Not there: of the image its regions are known, and nothing else.
    Unknown,
}

/// Object in an image.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// Its tag, in words.
    pub tag: String,
    /// Left, top, right and bottom edge, as shares of the image's width and height.
    pub bounds: [f32; 4],
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
            regions: None,
            captions: Vec::new(),
            translated_captions: IndexMap::new(),
            splits: Vec::new(),
        }
    }

    /// The image of a name whose pixels are not there.
    #[must_use]
    pub fn without_pixels(name: String) -> Self {
        Self { name, pixels: Pixels::Unknown, ..Self::of_file(PathBuf::new()) }
    }

    /// The captions in a language, if there are any in it; without one, in the corpus's own, which is the first of `languages`.
    #[must_use]
    pub fn captions_in(&self, language: Option<&str>, languages: &[String]) -> Option<&[String]> {
        match language {
            Some(code) if languages.first().is_none_or(|own| own != code) => {
                self.translated_captions.get(code).map(Vec::as_slice)
            }
            _ => Some(&self.captions),
        }
    }

    /// What is in a made-up scene, with which captions are compared; none of other images.
    #[must_use]
    pub fn scene_contents(&self) -> Option<SceneContents> {
        match &self.pixels {
            Pixels::Drawn(drawing) => Some(drawing.contents()),
            Pixels::Held(_) | Pixels::File(_) | Pixels::Unknown => None,
        }
    }

    /// Whether there are pixels of it.
    #[must_use]
    pub fn has_pixels(&self) -> bool {
        self.pixels != Pixels::Unknown
    }

    /// The pixels, upright where the file notes how the camera was held.
    ///
    /// # Errors
    /// When there are no pixels, the file cannot be read, is no image or cut off, or has more than 2²⁷ pixels.
    pub fn load(&self) -> Result<Raster, DataError> {
        let path = match &self.pixels {
            Pixels::Held(raster) => return Ok(raster.clone()),
            Pixels::Drawn(drawing) => return Ok(drawing.raster().clone()),
            Pixels::File(path) => path,
            Pixels::Unknown => return Err(DataError::new(Place::file(&self.name), Fault::NoPixels)),
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
        assert_eq!(checkered().resize(3, 2).rgb.len(), 18);
    }

    #[test]
    fn what_is_no_image_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.png");
        let bytes = checkered().to_png().unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let load = |path: PathBuf| Picture::of_file(path).load().unwrap_err().to_string();
        assert!(load(path).contains("cut.png: cannot be read as an image"));
        assert!(load(folder.path().join("none.png")).contains("cannot be read"));
    }
}
