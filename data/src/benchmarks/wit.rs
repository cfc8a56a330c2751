//! WIT of IGLUE (Srinivasan et al., 2021; Bugliarello et al., 2022).

use alambic_settings::settings;
use indexmap::{IndexMap, IndexSet};

use super::files::LanguageFile;
use super::inputs::{Examples, ImageCaption, ImageReader, Part};
use super::references::{Gold, References};
use super::rows::{as_format, json_column};
use super::{BenchmarkFiles, BenchmarkFormat, BenchmarkImages, Layout};
use crate::error::{BenchmarkFault, DataError};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

settings! {
    /// WIT: images of Wikipedia found by captions, and captions by images. Read are JSON lines, a caption each, with `image_idx`:
    /// `annotations/test_XX.jsonl`, `test_XX.jsonl`. The image is `wit_ix`, or else `image_idx`, and the caption
    /// `caption_reference_description`. To train on, `annotations/train_en.jsonl` and `val_en.jsonl` are read.
    pub struct Wit {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Where its images are.
        #[flatten]
        pub images: BenchmarkImages
    }
}

impl BenchmarkFormat for Wit {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["annotations/test_{language}.jsonl", "test_{language}.jsonl", "test-{language}.jsonl"]
    }

    fn images(&self) -> Option<&BenchmarkImages> {
        Some(&self.images)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => {
                &["annotations/train_{language}.jsonl", "train_{language}.jsonl", "train-{language}.jsonl"]
            }
            Part::Validation => {
                &["annotations/val_{language}.jsonl", "val_{language}.jsonl", "dev-{language}.jsonl"]
            }
            Part::Test => self.names(),
        }
    }

    fn layout(&self) -> Layout {
        Layout::Rankings
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let wanted = Columns { values: &["image_idx"], ..Columns::default() };
        let images =
            json_column(file, &wanted, "image_idx", |image, _, _| Ok(Some(image.trim().to_owned())))?;
        let mut known: IndexSet<String> = IndexSet::new();
        let of_captions = images.into_iter().map(|image| known.insert_full(image).0).collect();
        let gold = Gold::Images { of_captions, images: known.len() };
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold })
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let source = as_format(file.source, TableFormat::JsonLines);
        let wanted = Columns { values: &["image_idx", CAPTION], optional: &["wit_ix"], ..Columns::default() };
        let table = Table::read(&source, &wanted)?;
        let (numbers, texts) = (table.column("image_idx")?, table.column(CAPTION)?);
        let files_of = table.optional("wit_ix");
        let mut images = ImageReader::new(&self.images, file.folder)?;
        // The number tells images apart, whatever their files are called.
        let mut places: IndexMap<&str, usize> = IndexMap::new();
        let mut captions = Vec::new();
        for (row, text) in texts.into_iter().enumerate() {
            let number = numbers[row].trim();
            if number.is_empty() {
                let fault = BenchmarkFault::WithoutImage { what: "the caption".into(), key: "image_idx" };
                images.note(table.place(row), fault.into());
                continue;
            }
            let own = files_of.as_ref().map(|all| all[row].trim()).filter(|name| !name.is_empty());
            let names: Vec<&str> = own.into_iter().chain([number]).collect();
            let image = *places.entry(number).or_insert_with(|| images.add(&names, || table.place(row)));
            captions.push(ImageCaption { text: text.to_owned(), image });
        }
        Ok(Some(Examples::Captions { captions, images: images.finish()? }))
    }
}

/// The key of the caption.
const CAPTION: &str = "caption_reference_description";
