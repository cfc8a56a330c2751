//! PAWS-X as XTREME has it (Yang et al., 2019; Hu et al., 2020).

use alambic_settings::settings;

use super::classes::{class_of, read_lines, references};
use super::files::LanguageFile;
use super::inputs::{Examples, Part, TextColumns, texts};
use super::references::References;
use super::rows::{as_format, columns, has_header, of_file};
use super::xnli::{labels_of, prepared};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{BenchmarkFault, DataError};
use crate::source::TableFormat;
use crate::table::{Columns, Quoting, Table};

settings! {
    /// PAWS-X: whether two sentences are paraphrases. Read are labels alone (`test-XX.tsv`, one a line), XTREME's prepared files
    /// where they have labels (two sentences and the label), and the raw `x-final/XX/test_2k.tsv`.
    pub struct XtremePawsx {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

const CLASSES: &[&str] = &["0", "1"];

impl BenchmarkFormat for XtremePawsx {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.tsv", "x-final/{language}/test_2k.tsv", "{language}/test_2k.tsv"]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        CLASSES.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let mut labels = Vec::new();
        for file in files {
            match columns(file.source) {
                0 | 1 => return read_lines(file, CLASSES),
                _ if has_header(file.source, "label") => {
                    let source = as_format(file.source, TableFormat::Tsv);
                    let wanted = Columns { quoting: Quoting::None, values: &["label"], ..Columns::default() };
                    labels.extend(labels_of(&Table::read(&source, &wanted)?, "label", CLASSES)?);
                }
                _ => labels.extend(prepared(file.source, CLASSES)?),
            }
        }
        Ok(references(&files[0], CLASSES, labels))
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "train-{language}.tsv",
                "x-final/{language}/train.tsv",
                "x-final/{language}/translated_train.tsv",
                "{language}/train.tsv",
                "{language}/translated_train.tsv",
            ],
            Part::Validation => {
                &["dev-{language}.tsv", "x-final/{language}/dev_2k.tsv", "{language}/dev_2k.tsv"]
            }
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let columns = match columns(file.source) {
            0 | 1 => return Err(of_file(file.source, BenchmarkFault::NoInputs)),
            _ if !has_header(file.source, "label") => TextColumns::PREPARED,
            _ => TextColumns {
                quoting: Quoting::None,
                has_header: true,
                first: "sentence1",
                second: Some("sentence2"),
                label: "label",
                ..TextColumns::PREPARED
            },
        };
        texts(file, columns, |label| class_of(label, CLASSES)).map(Some)
    }
}
