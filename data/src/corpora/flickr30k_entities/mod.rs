//! Flickr30k Entities.

mod annotations;
mod sentences;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use alambic_settings::{Location, settings};

use self::annotations::{AnnotatedBox, read_boxes};
use self::sentences::{Sentence, parse_sentence};
use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::image_datasets::{CaptionedImage, build_captions};
use crate::image_files::ImageFolder;
use crate::objects::Object;
use crate::source::{Extent, TableSource};

settings! {
    /// Photographs with captions whose phrases stand for boxes, as Flickr30k Entities publishes them (Plummer et al., 2015): a
    /// folder with `Sentences/ID.txt` and `Annotations/ID.xml`. The objects of an image are its boxes, each with the phrases of
    /// its chain as tags; a scene is the whole image. Lists of ids in `train.txt`, `val.txt` and `test.txt` of the folder, where
    /// they are, are the values of the split.
    pub struct Flickr30kEntities {
        /// The folder.
        pub folder: Location,
        /// The folder of the images, `ID.jpg`. Left out: there are none, and models read the `regions` that the data name.
        pub images: Option<Location>,
    }
}

/// Lists of ids, and the values of the split that they stand for.
const LISTS: [&str; 3] = ["train", "val", "test"];

/// Images that are read where only the head of a corpus is wanted.
const HEAD: usize = 20;

impl ReadCorpus for Flickr30kEntities {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let Location::File(folder) = &self.folder else {
            return Err(DataError::new(Place::file(&self.folder.to_string()), Fault::NotFolder));
        };
        let images = self.images.as_ref().map(ImageFolder::open).transpose()?;
        let splits = splits(folder)?;
        let mut ids = ids(&folder.join("Sentences"))?;
        if extent == Extent::Head {
            ids.truncate(HEAD);
        }
        let (mut rows, mut hasher) = (Vec::with_capacity(ids.len()), blake3::Hasher::new());
        let mut faults: Option<DataError> = None;
        for id in ids {
            let read = image(folder, &id, images.as_ref()).map(|(row, fingerprint)| {
                hasher.update(fingerprint.as_bytes());
                rows.push(CaptionedImage { split: splits.get(&id).map(|split| (*split).to_owned()), ..row });
            });
            DataError::note(&mut faults, read);
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        let source = folder.display().to_string();
        Ok(build_captions(source, hasher.finalize().to_hex().as_str(), rows, extent)?.into())
    }
}

/// The ids of the files in the folder of sentences, in the order of the alphabet.
fn ids(folder: &Path) -> Result<Vec<String>, DataError> {
    let name = folder.display().to_string();
    let entries = fs::read_dir(folder)
        .map_err(|error| DataError::new(Place::file(&name), Fault::Unreadable(error.to_string())))?;
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
    let mut ids: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .filter_map(|path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
        .collect();
    ids.sort();
    if ids.is_empty() {
        return Err(DataError::new(Place::file(&name), Fault::NoRows));
    }
    Ok(ids)
}

/// The split of each id that a list names.
fn splits(folder: &Path) -> Result<HashMap<String, &'static str>, DataError> {
    let mut splits = HashMap::new();
    for split in LISTS {
        let path = folder.join(format!("{split}.txt"));
        if path.is_file() {
            let (text, _) = text(&path)?;
            splits.extend(text.lines().map(|line| (line.trim().to_owned(), split)));
        }
    }
    Ok(splits)
}

/// A file of text, and its fingerprint.
fn text(path: &Path) -> Result<(String, String), DataError> {
    let source = TableSource::open_lines(&Location::File(path.to_owned()), Extent::Whole)?;
    let fingerprint = source.fingerprint();
    let text = String::from_utf8(source.bytes.into_owned()).map_err(|error| {
        let place = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(place).copied().unwrap_or_default();
        let line = error.as_bytes()[..place].split(|byte| *byte == b'\n').count();
        DataError::new(Place::line(&source.name, line), Fault::NotUtf8(byte))
    })?;
    Ok((text.trim_start_matches('\u{feff}').to_owned(), fingerprint))
}

/// An image with its captions and objects.
fn image(
    folder: &Path,
    id: &str,
    images: Option<&ImageFolder>,
) -> Result<(CaptionedImage, String), DataError> {
    let path = folder.join("Sentences").join(format!("{id}.txt"));
    let name = path.display().to_string();
    let (sentences, mut fingerprint) = text(&path)?;
    let mut captions = Vec::new();
    let mut phrases: HashMap<String, Vec<String>> = HashMap::new();
    for (index, line) in sentences.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Sentence { text, chains } = parse_sentence(line.trim())
            .map_err(|fault| DataError::new(Place::line(&name, index + 1), fault))?;
        captions.push(text);
        for (chain, phrase) in chains {
            let own = phrases.entry(chain).or_default();
            if !own.contains(&phrase) {
                own.push(phrase);
            }
        }
    }
    let annotations = folder.join("Annotations").join(format!("{id}.xml"));
    let mut objects = Vec::new();
    if annotations.is_file() {
        let (xml, own) = text(&annotations)?;
        fingerprint.push_str(&own);
        let boxes = read_boxes(&xml).map_err(|(line, fault)| {
            DataError::new(Place::line(&annotations.display().to_string(), line), fault)
        })?;
        for AnnotatedBox { chains, bounds } in boxes {
            let tags = chains.iter().filter_map(|chain| phrases.get(chain)).flatten();
            objects.extend(tags.map(|tag| Object::new(tag.clone(), bounds)));
        }
    }
    let image = crate::image_files::ImageFile::named(&format!("{id}.jpg"), images);
    Ok((CaptionedImage { image, captions, objects, split: None, place: Place::file(&name) }, fingerprint))
}
