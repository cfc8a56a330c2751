//! Tables with a column for each language.

use std::collections::HashSet;

use indexmap::IndexSet;

use alambic_settings::{IndexMap, Location, OneOrMany, settings};

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place};
use crate::parallel::{BitextBuilder, BitextFilters};
use crate::source::{Extent, TableSource, files};
use crate::table::{Columns, Header, Quoting, Table};

settings! {
    /// Parallel sentences: tables in TSV, CSV, JSON lines or Parquet, also compressed with gzip, with a
    /// column for each language.
    pub struct ParallelTable {
        /// The files. If they have a split column, its values are those that a split can name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The column of each language, by language code, that by which splits go first. Of several columns each gives a
        /// translation of its own. Where there are several files, one may lack languages, as long as it has two. In JSON and
        /// Parquet `translation.en` is the key `en` of the object `translation`.
        pub columns: IndexMap<String, OneOrMany<String>>,
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
        /// Filters of sentences.
        #[flatten]
        pub filters: BitextFilters,
    }
}

impl ReadCorpus for ParallelTable {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let languages = self.columns.keys().cloned().collect();
        let first = self.paths.first().map(ToString::to_string).unwrap_or_default();
        let mut builder = BitextBuilder::new(&self.filters, languages, &Place::file(&first))?;
        let mut faults: Option<DataError> = None;
        let (mut met, mut found): (HashSet<&str>, IndexSet<String>) = Default::default();
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ];
        for (paths, file_split) in lists {
            for location in files(paths)? {
                let read = TableSource::open(&location, extent)
                    .and_then(|source| self.rows(&source, file_split, &mut builder, &mut found));
                DataError::note(&mut faults, read.map(|columns| met.extend(columns)));
            }
        }
        if faults.is_none()
            && let Some(name) =
                self.columns.values().flat_map(|names| names.iter()).find(|name| !met.contains(name.as_str()))
        {
            let found = found.into_iter().collect();
            let fault = Fault::MissingColumn { name: name.clone(), found };
            return Err(DataError::new(Place::file(&first), fault));
        }
        faults.map_or(Ok(()), Err)?;
        Ok(builder.build(extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl ParallelTable {
    /// Takes the rows of a file. The columns that it has are given back.
    fn rows(
        &self,
        source: &TableSource,
        file_split: Option<&str>,
        builder: &mut BitextBuilder<'_>,
        found: &mut IndexSet<String>,
    ) -> Result<Vec<&str>, DataError> {
        builder.add_source(&source.name, source.fingerprint());
        let texts: Vec<&str> =
            self.columns.values().flat_map(|names| names.iter().map(String::as_str)).collect();
        let split: Vec<&str> = self.split_column.iter().map(String::as_str).collect();
        let optional: Vec<&str> = self.split_column.is_none().then_some("split").into_iter().collect();
        let columns = |texts, optional| Columns {
            header: Header::named(self.header),
            quoting: self.quoting,
            texts,
            values: &split,
            optional,
            nested: &[],
        };
        // Which languages it has; what is read has to hold texts.
        let may: Vec<&str> = texts.iter().chain(&optional).copied().collect();
        let table = Table::read(source, &columns(&[], &may))?;
        found.extend(table.names().iter().cloned());
        let languages =
            || self.columns.values().filter(|names| names.iter().all(|name| table.has_column(name)));
        let names: Vec<&str> = languages().flat_map(|names| names.iter().map(String::as_str)).collect();
        let present = languages().count();
        let table = Table::read(source, &columns(&names, &optional))?;
        builder.add_table(&table);
        let has_all = |own: &OneOrMany<String>| own.iter().all(|name| names.contains(&name.as_str()));
        let columns = |names: &OneOrMany<String>| {
            names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, _>>()
        };
        let columns: Vec<(&str, Vec<Vec<&str>>)> = self
            .columns
            .iter()
            // Where fewer than two are there, what is missing is an error.
            .filter(|(_, names)| present < 2 || has_all(names))
            .map(|(language, names)| Ok((language.as_str(), columns(names)?)))
            .collect::<Result<_, DataError>>()?;
        let splits = table.optional(self.split_column.as_deref().unwrap_or("split"));
        let alternatives = columns.iter().map(|(_, alternatives)| alternatives.len()).max().unwrap_or(0);
        for row in 0..table.rows() {
            let split = file_split.or_else(|| splits.as_ref().map(|splits| splits[row]));
            for alternative in 0..alternatives {
                // A language with fewer columns than another repeats its last.
                let texts = columns.iter().filter_map(|(language, columns)| {
                    let column = columns.get(alternative).or(columns.last())?;
                    Some((*language, column[row]))
                });
                builder.push(texts, split);
            }
        }
        Ok(names)
    }
}
