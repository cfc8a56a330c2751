//! `XQuAD` as XTREME has it (Artetxe et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, passages};
use super::references::References;
use super::{BenchmarkFiles, BenchmarkFormat, Layout, squad_files};
use crate::error::DataError;

settings! {
    /// XQuAD: questions about passages of Wikipedia, translated by people. Read are the files of `SQuAD` 1.1, with `data` around them or
    /// without: `test-XX.json`, `xquad.XX.json`.
    pub struct XtremeXquad {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XtremeXquad {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.json", "xquad.{language}.json"]
    }

    fn layout(&self) -> Layout {
        Layout::Answers
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        squad_files::read(files)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &["train-v1.1.json", "squad/train-v1.1.json", "../squad/train-v1.1.json"],
            Part::Validation => &["dev-v1.1.json", "squad/dev-v1.1.json", "../squad/dev-v1.1.json"],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        passages(files).map(Some)
    }
}
