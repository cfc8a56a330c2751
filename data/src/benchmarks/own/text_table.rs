use alambic_settings::settings;

use super::super::classes::class_of;
use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part, TextColumns, texts};
use super::super::references::References;
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::files::{file_of, format_of, references_of};
use crate::error::DataError;
use crate::table::Quoting;

settings! {
    /// Texts or pairs of texts of your own, with a class each: a table for each language, or one of all with a column that says the
    /// language. TSV, CSV, or JSON with an object a line.
    pub struct TextTable {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// Name of the file to train on, as `file`. Left out: there is none.
        pub train_file: Option<String>,
        /// Name of the file by which checkpoints are chosen, as `file`. Left out: a part of the training file.
        pub validation_file: Option<String>,
        /// The column of the text.
        pub text: String = "text".to_owned(),
        /// The column of the second text, where texts come in pairs.
        pub second: Option<String>,
        /// The column of the class.
        pub label: String = "label".to_owned(),
        /// The column of the language's code, where a table has several. Left out: all rows are of the language.
        pub language_column: Option<String>,
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// Names of the classes. Left out: those that the training file has.
        pub classes: Vec<String> = Vec::new(),
    }
}

impl BenchmarkFormat for TextTable {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["test-{language}.tsv", "{language}.tsv", "test-{language}.jsonl", "{language}.jsonl"]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn classes(&self) -> Vec<&str> {
        self.classes.iter().map(String::as_str).collect()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let examples = self.texts(files, true)?;
        let mut classes = self.classes.clone();
        if classes.is_empty()
            && let Examples::Texts(all) = &examples
        {
            classes = all.iter().filter_map(|own| own.label.clone()).collect();
            classes.sort();
            classes.dedup();
        }
        references_of(&files[0], examples, classes)
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        if part == Part::Test { self.names() } else { &[] }
    }

    fn file_of(&self, part: Part) -> Option<&str> {
        file_of(part, [&self.train_file, &self.validation_file, &self.files.file])
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        self.texts(files, false).map(Some)
    }
}

impl TextTable {
    fn texts(&self, files: &[LanguageFile<'_>], needs_label: bool) -> Result<Examples, DataError> {
        let mut all = Vec::new();
        for file in files {
            let columns = TextColumns {
                format: format_of(file.source),
                has_header: self.header,
                quoting: self.quoting,
                first: &self.text,
                second: self.second.as_deref(),
                label: &self.label,
                needs_label,
                only: self.language_column.as_deref().map(|column| (column, file.language)),
            };
            let known = BenchmarkFormat::classes(self);
            let class =
                |label: &str| if known.is_empty() { Ok(label.to_owned()) } else { class_of(label, &known) };
            if let Examples::Texts(own) = texts(file, columns, class)? {
                all.extend(own);
            }
        }
        Ok(Examples::Texts(all))
    }
}
