//! Lines about images.

use std::path::{Path, PathBuf};

use alambic_data::Picture;
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_settings::IndexMap;

use super::lines::Line;
use crate::failure::Failure;

/// The image of a file, as a model reads it.
pub(super) fn open(image_processor: &ImageProcessor, file: &Path) -> Result<ProcessedImage, Failure> {
    Ok(image_processor.process(&Picture::of_file(file.to_owned()))?)
}

/// Texts, and the images that they are about.
pub(super) struct Lines<'l> {
    /// The images that lines name, each once.
    pub(super) images: Vec<ProcessedImage>,
    /// The texts, each with the place of its image; none where all are about one that was given.
    pub(super) texts: Vec<(&'l str, Option<usize>)>,
}

impl<'l> Lines<'l> {
    /// Parts lines into the path of an image and a text, or takes them as texts where an image was given for all.
    pub(super) fn read(
        lines: &'l [Line],
        image_processor: &ImageProcessor,
        is_given: bool,
    ) -> Result<Self, Failure> {
        let mut images: IndexMap<PathBuf, ProcessedImage> = IndexMap::new();
        let mut texts = Vec::with_capacity(lines.len());
        for Line { text: line, .. } in lines {
            match line.split_once('\t') {
                _ if is_given => texts.push((line.as_str(), None)),
                Some((file, text)) => {
                    let file = PathBuf::from(file);
                    if !images.contains_key(&file) {
                        images.insert(file.clone(), open(image_processor, &file)?);
                    }
                    texts.push((text, images.get_index_of(&file)));
                }
                None => {
                    return Err(Failure::Usage(
                        "no image is named; give `--image FILE`, or lines of an image's path, a tab and a text; with `--no-image` a model that writes reads prompts alone".into(),
                    ));
                }
            }
        }
        Ok(Self { images: images.into_values().collect(), texts })
    }
}
