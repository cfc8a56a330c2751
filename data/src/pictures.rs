//! Images of corpora, with their objects, regions and captions.

use std::path::PathBuf;
use std::sync::Arc;

use indexmap::IndexMap;

use crate::augment::Augmentation;
use crate::decoding;
use crate::error::{DataError, Fault, Place};
use crate::objects::Object;
use crate::raster::Raster;
use crate::regions::ImageRegions;
use crate::scenes::{Drawing, SceneContents};
use crate::shape_boxes::ShapeBoxes;
use crate::sheets::SheetCell;

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
    /// Captions.
    pub captions: Vec<Caption>,
    /// How it is drawn, where a corpus says it: `photo`; by it reports have slices.
    pub style: Option<String>,
    /// The categories that it is in, where a corpus says them, the broadest first: `Animals`, `birds`.
    pub categories: Vec<String>,
    /// The images with which it counts as one in splits, in shares of a corpus and between corpora; none: it counts by itself.
    pub group: Option<PictureGroup>,
    /// What its views are drawn by where it is trained on; none: it is seen as it is.
    pub augmentation: Option<Arc<Augmentation>>,
    /// Whether its mirror image shows the same, as far as its corpus knows: a word in it would not be read.
    pub may_be_mirrored: bool,
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
    /// Images side by side, from left to right, which models that read several images may read one by one.
    Joined(Arc<Vec<Picture>>),
    /// Of boxes of shapes side by side, to be drawn when they are needed.
    Boxes(Arc<ShapeBoxes>),
    /// Of a cell of a sheet.
    Cell(SheetCell),
    /// In a file of PNG, JPEG, WebP or GIF, to be read when they are needed.
    File(PathBuf),
    /// Not there: of the image its regions are known, and nothing else.
    Unknown,
}

/// A text that tells of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The text.
    pub text: String,
    /// The code of its language; none where it is not known.
    pub language: Option<String>,
    /// The same in other languages, by their codes.
    pub translations: IndexMap<String, String>,
}

impl From<String> for Caption {
    /// A caption in a language that is not known.
    fn from(text: String) -> Self {
        Self { text, language: None, translations: IndexMap::new() }
    }
}

impl Caption {
    /// A caption in a language.
    #[must_use]
    pub fn new(text: String, language: Option<String>) -> Self {
        Self { language, ..Self::from(text) }
    }

    /// It in a language, if it is known in it; without one, as it is. One of no known language is in `own`.
    #[must_use]
    pub fn in_language(&self, language: Option<&str>, own: Option<&str>) -> Option<&str> {
        let Some(code) = language else { return Some(&self.text) };
        let is_own = self.language.as_deref().or(own).is_none_or(|own| own == code);
        if is_own { Some(&self.text) } else { self.translations.get(code).map(String::as_str) }
    }

    /// Whether it is in one of these languages, of which none means any.
    #[must_use]
    pub fn is_in<S: AsRef<str>>(&self, languages: &[S]) -> bool {
        languages.is_empty()
            || self.language.as_deref().is_some_and(|own| languages.iter().any(|code| code.as_ref() == own))
    }
}

/// Images that count as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureGroup {
    /// What they have in common, by which their split is decided.
    pub name: String,
    /// What tells that an image of another corpus belongs to it, too.
    pub(crate) keys: Vec<u128>,
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
            style: None,
            categories: Vec::new(),
            group: None,
            augmentation: None,
            may_be_mirrored: true,
            splits: Vec::new(),
        }
    }

    /// The image of a name whose pixels are not there.
    #[must_use]
    pub fn without_pixels(name: String) -> Self {
        Self { name, pixels: Pixels::Unknown, ..Self::of_file(PathBuf::new()) }
    }

    /// The captions in a language, if there are any in it; without one, all of them as the corpus has them. Those whose language is
    /// not known are in the corpus's own, which is the first of `languages`.
    #[must_use]
    pub fn captions_in(&self, language: Option<&str>, languages: &[String]) -> Option<Vec<&str>> {
        let own = languages.first().map(String::as_str);
        let captions: Vec<&str> =
            self.captions.iter().filter_map(|caption| caption.in_language(language, own)).collect();
        (!captions.is_empty()).then_some(captions)
    }

    /// What is to be seen in a made-up scene, with which captions are compared; none of other images.
    #[must_use]
    pub fn scene_contents(&self) -> Option<SceneContents> {
        match &self.pixels {
            Pixels::Drawn(drawing) => Some(drawing.contents()),
            _ => None,
        }
    }

    /// The name by which its split is decided: its group's, or else its own.
    #[must_use]
    pub fn split_name(&self) -> &str {
        self.group.as_ref().map_or(&self.name, |group| &group.name)
    }

    /// Whether there are pixels of it.
    #[must_use]
    pub fn has_pixels(&self) -> bool {
        self.pixels != Pixels::Unknown
    }

    /// The images side by side that it is made of; itself where it is one.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        match &self.pixels {
            Pixels::Joined(parts) => parts,
            _ => std::slice::from_ref(self),
        }
    }

    /// Takes as many parts as it has in the place of its own.
    pub(crate) fn set_parts(&mut self, parts: &mut impl Iterator<Item = Self>) {
        match &mut self.pixels {
            Pixels::Joined(own) => *own = Arc::new(parts.take(own.len()).collect()),
            _ => *self = parts.next().unwrap_or_else(|| self.clone()),
        }
    }

    /// Number of its parts side by side, boxes or images, which training sees in a new order in every epoch; 1 where their order
    /// stays.
    #[must_use]
    pub fn shuffled_parts(&self) -> usize {
        match &self.pixels {
            // Regions out of files are where they are.
            Pixels::Boxes(boxes)
                if boxes.is_shuffled() && self.regions.as_ref().is_none_or(ImageRegions::are_drawn) =>
            {
                boxes.count()
            }
            Pixels::Joined(parts) if parts.iter().all(Self::is_shuffled_box) => parts.len(),
            _ => 1,
        }
    }

    fn is_shuffled_box(&self) -> bool {
        matches!(&self.pixels, Pixels::Boxes(boxes) if boxes.is_shuffled())
    }

    /// The same with its parts in another order: which of them comes first, which second, and so on.
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        let pixels = match &self.pixels {
            Pixels::Boxes(boxes) => Pixels::Boxes(Arc::new(boxes.reordered(order))),
            Pixels::Joined(parts) => {
                let moved = order.iter().filter_map(|&part| parts.get(part).cloned());
                Pixels::Joined(Arc::new(moved.collect()))
            }
            other => other.clone(),
        };
        let regions = match &pixels {
            Pixels::Boxes(boxes) if self.regions.is_some() => Some(ImageRegions::drawn(Arc::clone(boxes))),
            _ => self.regions.clone(),
        };
        Self { pixels, regions, ..self.clone() }
    }

    /// The pixels, upright where the file notes how the camera was held.
    ///
    /// # Errors
    /// When there are no pixels, the file or the sheet cannot be read, is no image or cut off, or has more than 2²⁷ pixels.
    pub fn load(&self) -> Result<Raster, DataError> {
        let path = match &self.pixels {
            Pixels::Held(raster) => return Ok(raster.clone()),
            Pixels::Drawn(drawing) => return Ok(drawing.raster().clone()),
            Pixels::Boxes(boxes) => return Ok(boxes.raster()),
            Pixels::Cell(cell) => return cell.raster(),
            Pixels::Joined(parts) => {
                let parts = parts.iter().map(Self::load).collect::<Result<Vec<_>, _>>()?;
                return Ok(Raster::side_by_side(&parts));
            }
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
