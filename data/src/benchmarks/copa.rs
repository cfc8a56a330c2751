//! Choices of causes and effects: XCOPA (Ponti et al., 2020) and `IndicCOPA` (Doddapaneni et al., 2023).

use alambic_settings::settings;

use super::classes::{class_of, references};
use super::files::LanguageFile;
use super::inputs::{Examples, Part, choices};
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

    fn classes(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        training_names(part).unwrap_or_else(|| self.names())
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        // As XTREME-R, after Social IQa.
        let read = |premise: &str, question: &str, choices: [&str; 2]| {
            (format!("{premise} What was the {question}?"), choices.map(str::to_owned).to_vec())
        };
        choices(&files[0], read).map(Some)
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

    fn classes(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        read(files)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        training_names(part).unwrap_or_else(|| self.names())
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        // As its published script.
        let read = |premise: &str, question: &str, choices: [&str; 2]| {
            (premise.to_owned(), choices.map(|choice| format!("{question} {choice}")).to_vec())
        };
        choices(&files[0], read).map(Some)
    }
}

fn read(files: &[LanguageFile<'_>]) -> Result<References, DataError> {
    let file = &files[0];
    Ok(references(file, CLASSES, json_labels(file, "label", |label| class_of(label, CLASSES))?))
}

/// Names of the files of the parts that are trained on; none for the test part.
fn training_names(part: Part) -> Option<&'static [&'static str]> {
    match part {
        Part::Train => Some(&[
            "train-{language}.jsonl",
            "train.{language}.jsonl",
            "{language}/train.{language}.jsonl",
            "data/{language}/train.{language}.jsonl",
        ]),
        Part::Validation => Some(&[
            "dev-{language}.jsonl",
            "val.{language}.jsonl",
            "{language}/val.{language}.jsonl",
            "data/{language}/val.{language}.jsonl",
        ]),
        Part::Test => None,
    }
}
