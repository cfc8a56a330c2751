//! Tables of images in a folder with their captions.

use alambic_settings::{Location, OneOrMany, settings};

use super::ReadCorpus;
use super::image_questions::optional;
use crate::content::Content;
use crate::error::DataError;
use crate::image_datasets::{CaptionedImage, TEST, build_captions};
use crate::image_files::{ImageFile, ImageFolder};
use crate::source::{Extent, TableSource, files};
use crate::stable_hash::join_fingerprints;
use crate::table::{Columns, Table};

settings! {
    /// Images in a folder with captions: tables in TSV, CSV, JSON lines or Parquet that name an image and a caption in each
    /// row. An image with several captions stands in several rows.
    pub struct ImageCaptions {
        /// The files. If they have a column `split`, its values are those that a split can name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The folder of the images: PNG, JPEG, WebP or GIF. Left out: there are none, and models read the `regions` that the data name.
        pub images: Option<Location>,
        /// The column of the image's file, below that folder.
        pub image: String = "image".to_owned(),
        /// The column of the caption.
        pub caption: String = "caption".to_owned(),
    }
}

impl ReadCorpus for ImageCaptions {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let folder = self.images.as_ref().map(ImageFolder::open).transpose()?;
        let (mut rows, mut sources, mut fingerprints) = (Vec::new(), Vec::new(), Vec::new());
        let mut faults: Option<DataError> = None;
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some(TEST)),
        ];
        for (paths, file_split) in lists {
            for location in files(paths)? {
                let read = TableSource::open(&location, extent).and_then(|source| {
                    sources.push(source.name.clone());
                    fingerprints.push(source.fingerprint());
                    let columns = Columns {
                        texts: &[&self.image, &self.caption],
                        optional: &["split"],
                        ..Columns::default()
                    };
                    let table = Table::read(&source, &columns)?;
                    let (images, captions) = (table.column(&self.image)?, table.column(&self.caption)?);
                    let splits = optional(&table, None, "split")?;
                    for row in 0..table.rows() {
                        let own = splits.as_ref().map(|splits| splits[row].trim().to_owned());
                        rows.push(CaptionedImage {
                            image: ImageFile::named(images[row].trim(), folder.as_ref()),
                            captions: vec![captions[row].trim().to_owned()],
                            objects: Vec::new(),
                            split: file_split.map(str::to_owned).or(own.filter(|split| !split.is_empty())),
                            place: table.place(row),
                        });
                    }
                    Ok(())
                });
                DataError::note(&mut faults, read);
            }
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        Ok(build_captions(sources.join(", "), &join_fingerprints(&fingerprints), rows, extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}
