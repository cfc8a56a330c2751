//! `MaRVL` of IGLUE (Liu et al., 2021), and NLVR2 (Suhr et al., 2019), which is its English.

use alambic_settings::settings;

use super::classes::{class_of, read_lines, references};
use super::files::LanguageFile;
use super::references::References;
use super::xnli::json_labels;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;

settings! {
    /// MaRVL: whether a sentence is true of two images; in English NLVR2's test part. Read are JSON lines with `label`, `true` or
    /// `false`, in NLVR2 the texts `True` and `False`: `zero_shot/annotations/marvl-XX.jsonl`, `marvl-XX.jsonl`, and of NLVR2
    /// `annotations/test.jsonl` in a folder `nlvr2` beside; or labels alone, `test-XX.tsv`.
    pub struct Marvl {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const CLASSES: &[&str] = &["false", "true"];

impl BenchmarkFormat for Marvl {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "zero_shot/annotations/marvl-{language}.jsonl",
            "annotations/marvl-{language}.jsonl",
            "marvl-{language}.jsonl",
            "../{nlvr2}/annotations/test.jsonl",
            "test-{language}.jsonl",
            "test-{language}.tsv",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let file = &files[0];
        if file.has_ending(".tsv") {
            return read_lines(file, CLASSES);
        }
        let class = |label: &str| class_of(&label.to_lowercase(), CLASSES);
        Ok(references(file, CLASSES, json_labels(file, "label", class)?))
    }
}
