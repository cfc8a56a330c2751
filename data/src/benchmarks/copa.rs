//! Choices of causes and effects: XCOPA (Ponti et al., 2020) and `IndicCOPA` (Doddapaneni et al., 2023).

use alambic_settings::settings;

use super::classes::{class_of, references};
use super::files::LanguageFile;
use super::references::References;
use super::xnli::json_labels;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;

settings! {
    /// XCOPA of XTREME-R: which of two sentences is the cause or the effect of a premise. Read are JSON lines with `label` 0 or 1:
    /// `test-XX.jsonl`, and the raw `XX/test.XX.jsonl`.
    pub struct Xcopa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

settings! {
    /// IndicCOPA of IndicXTREME: which of two sentences is the cause or the effect of a premise. Read are JSON lines with `label` 0
    /// or 1: `data/test.XX.jsonl`, `test-XX.jsonl`.
    pub struct IndicCopa {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const CLASSES: &[&str] = &["0", "1"];

impl BenchmarkFormat for Xcopa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.jsonl",
            "test.{language}.jsonl",
            "{language}/test.{language}.jsonl",
            "data/{language}/test.{language}.jsonl",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Choices
    }

    fn classes(&self) -> &'static [&'static str] {
        CLASSES
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files)
    }
}

impl BenchmarkFormat for IndicCopa {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.jsonl", "data/test.{language}.jsonl", "test.{language}.jsonl"]
    }

    fn layout(&self) -> Layout {
        Layout::Choices
    }

    fn classes(&self) -> &'static [&'static str] {
        CLASSES
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files)
    }
}

fn read(files: &[LanguageFile<'_>]) -> Result<References, DataError> {
    let file = &files[0];
    Ok(references(file, CLASSES, json_labels(file, "label", |label| class_of(label, CLASSES))?))
}
