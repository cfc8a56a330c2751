use std::collections::HashSet;

use alambic_settings::{IndexMap, choices, settings};

use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part, TextExample};
use super::super::references::References;
use super::super::rows::as_format;
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::files::{format_of, of_language, references_of};
use crate::base_emoji::base_emoji;
use crate::error::DataError;
use crate::stable_hash::unit_interval;
use crate::table::{Columns, Quoting, Table};

choices! {
    /// What of the value of a column makes rows one group.
    pub enum GroupBy {
        /// The value itself.
        Value = "value",
        /// The emoji that the code points of the value are a variant of, whatever skin, gender or direction.
        BaseEmoji = "base-emoji",
    }
}

settings! {
    /// Texts of your own in several languages with a class: one table, a column for each language.
    pub struct LanguageColumns {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// The column of a language's text.
        pub text: String = "{language}".to_owned(),
        /// The column of the class.
        pub label: String = "label".to_owned(),
        /// The column by which rows form groups, of which the first row alone is read. Left out: every row by itself.
        pub group: Option<String>,
        /// What of that column's value makes rows one group.
        pub group_by: GroupBy = GroupBy::Value,
        /// Values by column whose rows are left out.
        pub exclude: IndexMap<String, Vec<String>> = IndexMap::new(),
        /// Share of the groups that is the test part, by a hash of the group; the rest is trained on.
        #[range(0.0..=1.0)]
        pub test_fraction: f64 = 0.5,
    }
}

impl BenchmarkFormat for LanguageColumns {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["all.tsv"]
    }

    fn layout(&self) -> Layout {
        Layout::Classes
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let (examples, classes) = self.rows(&files[0], Part::Test)?;
        references_of(&files[0], examples, classes)
    }

    fn file_of(&self, part: Part) -> Option<&str> {
        if part == Part::Validation { None } else { self.files.file.as_deref() }
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        if part == Part::Validation { &[] } else { self.names() }
    }

    fn examples(&self, files: &[LanguageFile<'_>], part: Part) -> Result<Option<Examples>, DataError> {
        Ok(Some(self.rows(&files[0], part)?.0))
    }
}

impl LanguageColumns {
    /// The texts of a part, and all classes of the table in the order of the alphabet. Rows without a text in the language count
    /// for nothing.
    fn rows(&self, file: &LanguageFile<'_>, part: Part) -> Result<(Examples, Vec<String>), DataError> {
        let source = as_format(file.source, format_of(file.source));
        let text = of_language(&self.text, file.language);
        let mut values = vec![self.label.as_str()];
        values.extend(self.group.as_deref());
        values.extend(self.exclude.keys().map(String::as_str));
        let wanted = Columns {
            quoting: Quoting::None,
            values: &values,
            // A text may be missing in some of the languages.
            nested: &[&text],
            ..Columns::default()
        };
        let table = Table::read(&source, &wanted)?;
        let (texts, labels) = (table.column(&text)?, table.column(&self.label)?);
        let groups = self.group.as_deref().map(|column| table.column(column)).transpose()?;
        let excluded = self
            .exclude
            .iter()
            .map(|(column, values)| Ok((table.column(column)?, values)))
            .collect::<Result<Vec<_>, DataError>>()?;
        let (mut seen, mut examples, mut classes) = (HashSet::new(), Vec::new(), Vec::new());
        for (row, label) in labels.iter().enumerate() {
            if excluded.iter().any(|(column, values)| values.iter().any(|own| own == column[row])) {
                continue;
            }
            classes.push((*label).to_owned());
            let group = match (&groups, self.group_by) {
                (None, _) => row.to_string(),
                (Some(groups), GroupBy::Value) => groups[row].to_owned(),
                (Some(groups), GroupBy::BaseEmoji) => base_emoji(groups[row]),
            };
            if !seen.insert(group.clone()) {
                continue;
            }
            let is_test = unit_interval(&["test", &group]) < self.test_fraction;
            if is_test == (part == Part::Test) && !texts[row].trim().is_empty() {
                let label = Some((*label).to_owned());
                examples.push(TextExample { first: texts[row].to_owned(), second: None, label });
            }
        }
        classes.sort();
        classes.dedup();
        Ok((Examples::Texts(examples), classes))
    }
}
