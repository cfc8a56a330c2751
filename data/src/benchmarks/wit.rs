//! WIT of IGLUE (Srinivasan et al., 2021; Bugliarello et al., 2022).

use alambic_settings::settings;
use indexmap::IndexSet;

use super::files::LanguageFile;
use super::references::{Gold, References};
use super::rows::json_column;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;
use crate::table::Columns;

settings! {
    /// WIT: images of Wikipedia found by captions, and captions by images. Read are JSON lines, a caption each, with `image_idx`:
    /// `annotations/test_XX.jsonl`, `test_XX.jsonl`.
    pub struct Wit {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for Wit {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["annotations/test_{language}.jsonl", "test_{language}.jsonl", "test-{language}.jsonl"]
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
}
