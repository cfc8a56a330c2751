//! MLQA as XTREME has it (Lewis et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, passages};
use super::references::References;
use super::{BenchmarkFiles, BenchmarkFormat, Layout, squad_files};
use crate::error::DataError;

settings! {
    /// MLQA: questions about passages, both in one language. Read are the files of `SQuAD` 1.1: `test-XX.json`,
    /// `test-context-XX-question-XX.json`.
    pub struct XtremeMlqa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XtremeMlqa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.json",
            "test-context-{language}-question-{language}.json",
            "test/test-context-{language}-question-{language}.json",
            "MLQA_V1/test/test-context-{language}-question-{language}.json",
        ]
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
