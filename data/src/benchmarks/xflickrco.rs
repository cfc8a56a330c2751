//! `xFlickr&CO` of IGLUE (Bugliarello et al., 2022).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, ImageCaption, ImageReader, Part};
use super::references::{Gold, References};
use super::rows::{as_format, json_column};
use super::{BenchmarkFiles, BenchmarkFormat, BenchmarkImages, Layout};
use crate::error::{BenchmarkFault, DataError, Fault};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

settings! {
    /// xFlickr&CO: images found by captions, and captions by images. Read are JSON lines, an image each, with `sentences`:
    /// `annotations/XX/test.jsonl`, `XX/test.jsonl`. The image is `img_path`, or else `id`. To train on, `annotations/en/train.jsonl` is
    /// read, or Flickr30k's `train_ann.jsonl` and `valid_ann.jsonl`, also in a folder `flickr30k` beside.
    pub struct XFlickrCo {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Where its images are.
        #[flatten]
        pub images: BenchmarkImages
    }
}

impl BenchmarkFormat for XFlickrCo {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["annotations/{language}/test.jsonl", "{language}/test.jsonl", "test-{language}.jsonl"]
    }

    fn images(&self) -> Option<&BenchmarkImages> {
        Some(&self.images)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "annotations/{language}/train.jsonl",
                "{language}/train.jsonl",
                "train-{language}.jsonl",
                "annotations/train_ann.jsonl",
                "train_ann.jsonl",
                "../flickr30k/annotations/train_ann.jsonl",
            ],
            Part::Validation => &[
                "annotations/{language}/dev.jsonl",
                "{language}/dev.jsonl",
                "dev-{language}.jsonl",
                "annotations/valid_ann.jsonl",
                "valid_ann.jsonl",
                "../flickr30k/annotations/valid_ann.jsonl",
            ],
            Part::Test => self.names(),
        }
    }

    fn layout(&self) -> Layout {
        Layout::Rankings
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let wanted = Columns { values: &["id"], nested: &["sentences"], ..Columns::default() };
        let captions =
            json_column(file, &wanted, "sentences", |list, _, _| sentences(list).map(|own| Some(own.len())))?;
        let of_captions: Vec<usize> = captions
            .iter()
            .enumerate()
            .flat_map(|(image, &count)| std::iter::repeat_n(image, count))
            .collect();
        let gold = Gold::Images { of_captions, images: captions.len() };
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold })
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let source = as_format(file.source, TableFormat::JsonLines);
        let wanted = Columns { optional: &["img_path", "id"], nested: &["sentences"], ..Columns::default() };
        let table = Table::read(&source, &wanted)?;
        let (paths, ids) = (table.optional("img_path"), table.optional("id"));
        let mut images = ImageReader::new(&self.images, file.folder)?;
        let mut captions = Vec::new();
        for (row, list) in table.column("sentences")?.into_iter().enumerate() {
            let own = [&paths, &ids].into_iter().flatten().map(|all| all[row].trim());
            let names: Vec<&str> = own.filter(|name| !name.is_empty()).collect();
            let texts = sentences(list).and_then(|own| {
                if names.is_empty() {
                    let what = "the image".to_owned();
                    return Err(BenchmarkFault::WithoutImage { what, key: "img_path" }.into());
                }
                Ok(own)
            });
            match texts {
                Ok(texts) => {
                    let image = images.add(&names, || table.place(row));
                    captions.extend(texts.into_iter().map(|text| ImageCaption { text, image }));
                }
                Err(fault) => images.note(table.place(row), fault),
            }
        }
        Ok(Some(Examples::Captions { captions, images: images.finish()? }))
    }
}

/// The captions of an image.
fn sentences(list: &str) -> Result<Vec<String>, Fault> {
    serde_json::from_str(list).map_err(|_| Fault::NotTexts { column: "sentences".into(), found: list.into() })
}
