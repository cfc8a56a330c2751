//! `xFlickr&CO` of IGLUE (Bugliarello et al., 2022).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::references::{Gold, References};
use super::rows::json_column;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{DataError, Fault};
use crate::table::Columns;

settings! {
    /// xFlickr&CO: images found by captions, and captions by images. Read are JSON lines, an image each, with `sentences`:
    /// `annotations/XX/test.jsonl`, `XX/test.jsonl`.
    pub struct XFlickrCo {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XFlickrCo {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["annotations/{language}/test.jsonl", "{language}/test.jsonl", "test-{language}.jsonl"]
    }

    fn layout(&self) -> Layout {
        Layout::Rankings
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        let wanted = Columns { values: &["id"], nested: &["sentences"], ..Columns::default() };
        let captions = json_column(file, &wanted, "sentences", |sentences, _, _| {
            let sentences: Vec<String> = serde_json::from_str(sentences)
                .map_err(|_| Fault::NotTexts { column: "sentences".into(), found: sentences.into() })?;
            Ok(Some(sentences.len()))
        })?;
        let of_captions: Vec<usize> = captions
            .iter()
            .enumerate()
            .flat_map(|(image, &count)| std::iter::repeat_n(image, count))
            .collect();
        let gold = Gold::Images { of_captions, images: captions.len() };
        Ok(References { source: file.source.name.clone(), classes: Vec::new(), gold })
    }
}
