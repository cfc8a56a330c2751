//! Captions with the splits of Karpathy.

use std::path::Path;

use alambic_settings::{Location, settings};
use serde::Deserialize;

use super::ReadCorpus;
use super::json::json;
use crate::content::Content;
use crate::error::{DataError, Place};
use crate::image_datasets::{CaptionedImage, build_captions};
use crate::image_files::ImageFolder;
use crate::source::{Extent, TableSource};

settings! {
    /// Captions of photographs with the splits by which retrieval is compared (Karpathy and Fei-Fei, 2015), as published for
    /// COCO, Flickr30k and Flickr8k: one file of JSON with `images`, each with its file, its split and its sentences. The
    /// splits are `train`, `restval`, `val` and `test`.
    pub struct Karpathy {
        /// The file, as `dataset_coco.json`.
        pub file: Location,
        /// The folder of the images; for COCO that in which `train2014` and `val2014` lie.
        pub images: Location,
    }
}

#[derive(Deserialize)]
struct File {
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    #[serde(default)]
    filepath: String,
    filename: String,
    split: String,
    sentences: Vec<Sentence>,
}

#[derive(Deserialize)]
struct Sentence {
    raw: String,
}

impl ReadCorpus for Karpathy {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let folder = ImageFolder::open(&self.images)?;
        let (source, file): (TableSource, File) = json(&self.file)?;
        let row = |image: Image| CaptionedImage {
            image: folder.file(&Path::new(&image.filepath).join(&image.filename).to_string_lossy()),
            captions: image.sentences.into_iter().map(|sentence| sentence.raw.trim().to_owned()).collect(),
            objects: Vec::new(),
            split: Some(image.split),
            place: Place::file(&source.name),
        };
        let rows = file.images.into_iter().map(row).collect();
        Ok(build_captions(source.name.clone(), &source.fingerprint(), rows, extent)?.into())
    }
}
