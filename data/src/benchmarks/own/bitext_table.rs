use std::collections::HashSet;

use alambic_settings::settings;

use super::super::files::LanguageFile;
use super::super::inputs::{Examples, Part};
use super::super::references::{Gold, References};
use super::super::rows::as_format;
use super::super::{BenchmarkFiles, BenchmarkFormat, Layout};
use super::files::{format_of, of_language};
use super::order::shuffled;
use crate::error::DataError;
use crate::table::{Columns, Header, Quoting, Table};

settings! {
    /// Sentences of your own beside their translations: a table for each language, or one with a column for each. For each sentence of
    /// the source its translation is looked for among all of the other language, whose order is drawn by a hash. Of sentences that
    /// occur several times, on either side, the first counts.
    pub struct BitextTable {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles,
        /// The column of the source's sentence.
        pub source: String = "en".to_owned(),
        /// The column of the other language's sentence.
        pub other: String = "{language}".to_owned(),
        /// The column of a row's split. Left out: all rows are read.
        pub split_column: Option<String>,
        /// The value of that column whose rows are read.
        pub split: String = "test".to_owned(),
        /// Most pairs, the first ones.
        #[range(1..)]
        pub limit: usize = 1000,
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::None,
    }
}

impl BenchmarkFormat for BitextTable {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &["en-{language}.tsv", "{language}-en.tsv"]
    }

    fn layout(&self) -> Layout {
        Layout::Places
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let others: Vec<String> = self.pairs(&files[0])?.into_iter().map(|(_, other)| other).collect();
        let (_, places) = shuffled(&others);
        let source = files[0].source.name.clone();
        Ok(References { source, classes: Vec::new(), gold: Gold::Places(places) })
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let (queries, others): (Vec<String>, Vec<String>) = self.pairs(&files[0])?.into_iter().unzip();
        let (candidates, _) = shuffled(&others);
        Ok(Some(Examples::Bitext { queries, candidates }))
    }
}

impl BitextTable {
    /// The pairs of a language.
    fn pairs(&self, file: &LanguageFile<'_>) -> Result<Vec<(String, String)>, DataError> {
        let source = as_format(file.source, format_of(file.source));
        let other = of_language(&self.other, file.language);
        let mut values = Vec::new();
        values.extend(self.split_column.as_deref());
        let wanted = Columns {
            header: Header::named(self.header),
            quoting: self.quoting,
            values: &values,
            // A sentence may be missing in some of the languages.
            nested: &[&self.source, &other],
            ..Columns::default()
        };
        let table = Table::read(&source, &wanted)?;
        let (sources, others) = (table.column(&self.source)?, table.column(&other)?);
        let splits = self.split_column.as_deref().map(|column| table.column(column)).transpose()?;
        let mut seen: [HashSet<&str>; 2] = Default::default();
        let mut pairs = Vec::new();
        for (row, (source, other)) in sources.iter().zip(&others).enumerate() {
            let (source, other) = (source.trim(), other.trim());
            let is_read = splits.as_ref().is_none_or(|splits| splits[row].trim() == self.split);
            if !is_read || source.is_empty() || other.is_empty() || pairs.len() == self.limit {
                continue;
            }
            if !seen[0].contains(source) && !seen[1].contains(other) {
                seen[0].insert(source);
                seen[1].insert(other);
                pairs.push((source.to_owned(), other.to_owned()));
            }
        }
        Ok(pairs)
    }
}
