//! XVNLI of IGLUE (Bugliarello et al., 2022).

use alambic_settings::settings;

use super::classes::{class_of, read_lines, references};
use super::files::LanguageFile;
use super::references::References;
use super::xnli::json_labels;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;

settings! {
    /// XVNLI: whether an image entails or contradicts a sentence, or neither. Read are JSON lines with `gold_label`:
    /// `annotations/XX/test.jsonl`, `XX/test.jsonl`; or labels alone, `test-XX.tsv`. Where the label is `-`, since annotators did not
    /// agree, no prediction is right, as in IGLUE's program.
    pub struct Xvnli {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

/// In the order of IGLUE.
const CLASSES: &[&str] = &["contradiction", "neutral", "entailment"];

/// What stands for a label that is not known: no class, so that no prediction equals it.
const UNKNOWN: &str = "-";

impl BenchmarkFormat for Xvnli {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "annotations/{language}/test.jsonl",
            "{language}/test.jsonl",
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
        let class =
            |label: &str| if label == UNKNOWN { Ok(label.to_owned()) } else { class_of(label, CLASSES) };
        Ok(references(file, CLASSES, json_labels(file, "gold_label", class)?))
    }
}
