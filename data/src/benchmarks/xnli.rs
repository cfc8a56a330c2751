//! XNLI as XTREME has it (Conneau et al., 2018; Hu et al., 2020).

use alambic_settings::settings;

use super::classes::{class_of, read_lines, references};
use super::files::LanguageFile;
use super::inputs::{Examples, Part, TextColumns, texts};
use super::references::References;
use super::rows::{as_format, columns, has_header, json_column, of_file};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{BenchmarkFault, DataError, Fault, Problems};
use crate::source::{TableFormat, TableSource};
use crate::table::{Columns, Header, Quoting, Table};

settings! {
    /// XNLI: whether a premise entails or contradicts a hypothesis, or neither. Read are labels alone (`test-XX.tsv`, one a
    /// line), XTREME's prepared files where they have labels (premise, hypothesis, label; those of its test part have none),
    /// and the raw `xnli.test.tsv` of all languages.
    pub struct XtremeXnli {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

/// In the order of XTREME.
const CLASSES: &[&str] = &["contradiction", "entailment", "neutral"];

impl BenchmarkFormat for XtremeXnli {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.tsv", "xnli.test.tsv", "XNLI-1.0/xnli.test.tsv", "xnli-tmp/XNLI-1.0/xnli.test.tsv"]
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
                _ if has_header(file.source, "gold_label") => labels.extend(raw(file)?),
                _ => labels.extend(prepared(file.source, CLASSES)?),
            }
        }
        Ok(references(&files[0], CLASSES, labels))
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "train-{language}.tsv",
                "multinli.train.{language}.tsv",
                "XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",
                "xnli-tmp/XNLI-MT-1.0/multinli/multinli.train.{language}.tsv",
            ],
            Part::Validation => &[
                "dev-{language}.tsv",
                "xnli.dev.tsv",
                "XNLI-1.0/xnli.dev.tsv",
                "xnli-tmp/XNLI-1.0/xnli.dev.tsv",
            ],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        let raw = TextColumns { quoting: Quoting::None, has_header: true, ..TextColumns::PREPARED };
        let columns = match columns(file.source) {
            0 | 1 => return Err(of_file(file.source, BenchmarkFault::NoInputs)),
            _ if has_header(file.source, "hypo") => {
                TextColumns { first: "premise", second: Some("hypo"), label: "label", ..raw }
            }
            _ if !has_header(file.source, "gold_label") => TextColumns::PREPARED,
            _ => TextColumns {
                first: "sentence1",
                second: Some("sentence2"),
                label: "gold_label",
                only: Some(("language", file.language)),
                ..raw
            },
        };
        texts(file, columns, |label| class_of(in_words(label), CLASSES)).map(Some)
    }
}

/// The labels of XTREME's prepared pairs of sentences: tab-separated, written by Python's `csv`.
pub(super) fn prepared(source: &TableSource, classes: &[&str]) -> Result<Vec<String>, DataError> {
    if columns(source) == 2 {
        let what = "each row has two sentences and no third column";
        return Err(of_file(source, BenchmarkFault::NoLabels(what)));
    }
    let source = as_format(source, TableFormat::Tsv);
    let quoting = Quoting::DoubleQuotes;
    let table = Table::read(
        &source,
        &Columns { header: Header::Numbers, quoting, values: &["3"], ..Columns::default() },
    )?;
    labels_of(&table, "3", classes)
}

/// The classes of a column.
pub(super) fn labels_of(table: &Table<'_>, column: &str, classes: &[&str]) -> Result<Vec<String>, DataError> {
    let mut problems = Problems::default();
    let mut labels = Vec::new();
    for (row, label) in table.column(column)?.into_iter().enumerate() {
        match class_of(label.trim(), classes) {
            Ok(label) => labels.push(label),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(labels)
}

/// A label as the test part has it: translated training parts have another word for a contradiction.
fn in_words(label: &str) -> &str {
    if label == "contradictory" { "contradiction" } else { label }
}

/// The labels of a language in the file of all, whose quotes are characters.
fn raw(file: &LanguageFile<'_>) -> Result<Vec<String>, DataError> {
    let source = as_format(file.source, TableFormat::Tsv);
    let wanted =
        Columns { quoting: Quoting::None, values: &["language", "gold_label"], ..Columns::default() };
    let table = Table::read(&source, &wanted)?;
    let languages = table.column("language")?;
    let mut problems = Problems::default();
    let mut labels = Vec::new();
    for (row, label) in table.column("gold_label")?.into_iter().enumerate() {
        if languages[row].trim() != file.language {
            continue;
        }
        match class_of(in_words(label.trim()), CLASSES) {
            Ok(label) => labels.push(label),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(labels)
}

/// The classes of a column of JSON lines.
pub(super) fn json_labels(
    file: &LanguageFile<'_>,
    column: &str,
    read: impl Fn(&str) -> Result<String, Fault>,
) -> Result<Vec<String>, DataError> {
    let wanted = Columns { values: &[column], ..Columns::default() };
    json_column(file, &wanted, column, |label, _, _| read(label.trim()).map(Some))
}
