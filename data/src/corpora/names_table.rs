//! A table of names in several scripts.

use alambic_settings::{IndexMap, Location, choices, settings};

use super::ReadCorpus;
use crate::content::Content;
use crate::dataset::Dataset;
use crate::embedded;
use crate::error::{DataError, Fault, Place};
use crate::language;
use crate::normalise::{whole_name_key, words};
use crate::source::{Extent, TableSource};
use crate::table::{Columns, Header, Quoting, Table};
use crate::word_builder::WordsBuilder;
use crate::words::Entry;

choices! {
    /// Units of a table of names: the entries that its rows become.
    pub enum Unit {
        /// A name of several words becomes an entry for each word, in the languages whose number of words is
        /// that of the English. Splits still go by the whole name.
        Word = "word",
        /// A name is one entry.
        Name = "name",
    }
}

settings! {
    /// Names in several scripts: a table (TSV, CSV, JSON lines or Parquet) with one column a language.
    ///
    /// The embedded table `builtin:names` holds a fifth of its names out of every training: they are its
    /// split `test`.
    pub struct NamesTable {
        /// The table.
        pub path: Location = Location::Builtin(embedded::NAME.to_owned()),
        /// The column of each language, by language code. Left out: each column that is called by a language
        /// code, and `name_en_ascii`, `name_en` or `en` for English.
        pub columns: IndexMap<String, String> = IndexMap::new(),
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
        /// Whether an entry is a word or a whole name.
        pub unit: Unit = Unit::Word,
        /// Forms with more characters are dropped.
        #[range(1..)]
        pub max_characters: usize = 48,
    }
}

/// The columns that hold English, the first there is.
const ENGLISH: [&str; 3] = ["name_en_ascii", "name_en", "en"];

impl ReadCorpus for NamesTable {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        Ok(self.words(extent)?.into())
    }
}

impl NamesTable {
    /// Reads the names.
    ///
    /// # Errors
    /// All faults of the file, each with its line; see [`Fault`].
    pub fn words(&self, extent: Extent) -> Result<Dataset<Entry>, DataError> {
        let source = TableSource::open(&self.path, extent)?;
        let texts: Vec<&str> = self.columns.values().map(String::as_str).collect();
        let split: Vec<&str> = self.split_column.iter().map(String::as_str).collect();
        let codes = language::LANGUAGES.iter().map(|language| language.code);
        let optional: Vec<&str> =
            codes.chain(ENGLISH).chain(self.split_column.is_none().then_some("split")).collect();
        let columns = Columns {
            header: Header::named(self.header),
            quoting: self.quoting,
            texts: &texts,
            values: &split,
            optional: &optional,
            nested: &[],
        };
        let table = Table::read(&source, &columns)?;
        let columns = self.columns_of(&table, &source)?;
        let header = Place::file(&source.name);
        let natives = columns.keys().filter(|code| *code != "en");
        let mut builder = WordsBuilder::new("names-table", &header, natives)?;
        builder.add_source(&source.name, source.fingerprint());
        builder.add_table(&table);
        self.gather(&table, &columns, &mut builder)?;
        if self.path == Location::Builtin(embedded::NAME.to_owned()) {
            embedded::hold_out_test_split(&mut builder);
        }
        builder.build(self.max_characters, extent)
    }

    /// The column of each language, English first.
    fn columns_of(
        &self,
        table: &Table<'_>,
        source: &TableSource,
    ) -> Result<IndexMap<String, String>, DataError> {
        let mut columns = IndexMap::new();
        let english = self.columns.get("en").cloned();
        let found = || ENGLISH.into_iter().find(|name| table.has_column(name)).map(str::to_owned);
        let english = english.or_else(found).ok_or_else(|| {
            let fault = Fault::MissingColumn { name: ENGLISH.join("` or `"), found: table.names().to_vec() };
            DataError::new(Place::line(&source.name, 1), fault)
        })?;
        columns.insert("en".to_owned(), english);
        if self.columns.keys().all(|code| code == "en") {
            let codes = table.names().iter().filter(|name| language::find(name).is_some());
            columns.extend(codes.filter(|code| *code != "en").map(|code| (code.clone(), code.clone())));
        } else {
            columns.extend(self.columns.clone().into_iter().filter(|(code, _)| code != "en"));
        }
        Ok(columns)
    }

    fn gather(
        &self,
        table: &Table<'_>,
        columns: &IndexMap<String, String>,
        builder: &mut WordsBuilder,
    ) -> Result<(), DataError> {
        let mut texts = Vec::with_capacity(columns.len());
        for (code, name) in columns {
            texts.push((code.as_str(), table.column(name)?));
        }
        let split_name = self.split_column.as_deref().unwrap_or("split");
        let splits = table.optional(split_name);
        for row in 0..table.rows() {
            builder.count_row();
            let forms: IndexMap<String, String> = texts
                .iter()
                .filter_map(|(code, column)| Some(((*code).to_owned(), builder.form(column[row], code)?)))
                .collect();
            let Some(english) = forms.get("en") else {
                builder.drop("rows without an English name");
                continue;
            };
            let key = whole_name_key(english);
            let split =
                splits.as_ref().map(|column| column[row].trim().to_owned()).filter(|text| !text.is_empty());
            let line = table.line(row);
            if forms.len() < 2 {
                builder.drop("rows with English alone");
                continue;
            }
            match self.unit {
                Unit::Name => builder.push(Entry { key, forms, split, line }),
                Unit::Word => {
                    for forms in words_of(&forms, builder) {
                        builder.push(Entry { key: key.clone(), forms, split: split.clone(), line });
                    }
                }
            }
        }
        Ok(())
    }
}

/// The words of a name, in the languages that have as many as English. A word is left out that has a form in
/// fewer than two languages, or is without a letter in one of them.
fn words_of(forms: &IndexMap<String, String>, builder: &mut WordsBuilder) -> Vec<IndexMap<String, String>> {
    let by_language: Vec<(&String, Vec<&str>)> =
        forms.iter().map(|(code, form)| (code, words(form))).collect();
    let count = by_language.iter().find(|(code, _)| *code == "en").map_or(0, |(_, words)| words.len());
    let mut of_words = vec![IndexMap::new(); count];
    for (code, words) in by_language {
        if words.len() != count {
            builder.drop(format!("{code}: number of words differs from the English"));
            continue;
        }
        for (forms, word) in of_words.iter_mut().zip(words) {
            if let Some(form) = builder.form(word, code) {
                forms.insert(code.clone(), form);
            }
        }
    }
    of_words.retain(|forms| forms.len() > 1 && forms.contains_key("en"));
    of_words
}
