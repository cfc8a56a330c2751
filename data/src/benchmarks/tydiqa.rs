//! `TyDi` QA as XTREME has it (Clark et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, passages};
use super::references::References;
use super::{BenchmarkFiles, BenchmarkFormat, Layout, squad_files};
use crate::error::DataError;

settings! {
    /// TyDi QA, gold passages: questions by people who wanted to know. Read are the files of `SQuAD` 1.1 of its dev part, which
    /// XTREME tests on: `test-XX.json`, `tydiqa.goldp.XX.dev.json`, and the raw `tydiqa-goldp-dev-NAME.json`.
    pub struct XtremeTydiqa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XtremeTydiqa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.json",
            "tydiqa.goldp.{language}.dev.json",
            "tydiqa-goldp-v1.1-dev/tydiqa.goldp.{language}.dev.json",
            "tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-{name}.json",
            "tydiqa-goldp-dev-{name}.json",
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
            Part::Train => &[
                "tydiqa.{language}.train.json",
                "tydiqa.goldp.{language}.train.json",
                "tydiqa-goldp-v1.1-train/tydiqa.goldp.{language}.train.json",
            ],
            Part::Validation => &["tydiqa.{language}.dev.json"],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        passages(files).map(Some)
    }
}
