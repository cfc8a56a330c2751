//! Shared parts of Dakshina and Aksharantar: one file a language, each row a native word and a
//! romanisation of it.

use alambic_settings::{IndexMap, Location, OneOrMany, settings};

use crate::error::{DataError, Place};
use crate::normalise::whole_name_key;
use crate::source::{Extent, TableSource, files};
use crate::word_builder::WordsBuilder;
use crate::words::Entry;

settings! {
    /// The files of a corpus of word pairs, by language.
    pub struct WordPairFiles {
        /// The file or files of each language, by language code. If they have a column `split`, its values
        /// are those that a split can name.
        pub paths: IndexMap<String, OneOrMany<Location>>,
        /// Files whose rows all have the split `validation`, by language code.
        pub validation_paths: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Files whose rows all have the split `test`, by language code.
        pub test_paths: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Pairs with a form of more characters are dropped.
        #[range(1..)]
        pub max_characters: usize = 48,
    }
}

/// A row of a file.
#[derive(Debug)]
pub(super) struct Row<'a> {
    pub(super) native: &'a str,
    pub(super) roman: &'a str,
    pub(super) split: Option<&'a str>,
    pub(super) line: usize,
}

/// Takes the rows of a file.
pub(super) type Keep<'a> = dyn FnMut(&mut WordsBuilder, Row<'_>) + 'a;

impl WordPairFiles {
    /// Reads all files; `read` hands the rows of one to its last argument.
    pub(super) fn gather(
        &self,
        name: &'static str,
        extent: Extent,
        read: impl Fn(&TableSource, &mut WordsBuilder, &mut Keep<'_>) -> Result<(), DataError>,
    ) -> Result<WordsBuilder, DataError> {
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ];
        let codes = lists.iter().flat_map(|(paths, _)| paths.keys());
        let mut builder = WordsBuilder::new(name, &Place::file(name), codes)?;
        let mut faults: Option<DataError> = None;
        for (paths, file_split) in lists {
            for (code, locations) in paths {
                for location in files(locations)? {
                    let read = TableSource::open(&location, extent).and_then(|source| {
                        builder.add_source(&source.name, source.fingerprint());
                        read(&source, &mut builder, &mut |builder, row| {
                            keep(builder, code, &Row { split: file_split.or(row.split), ..row });
                        })
                    });
                    DataError::note(&mut faults, read);
                }
            }
        }
        faults.map_or(Ok(builder), Err)
    }
}

fn keep(builder: &mut WordsBuilder, code: &str, row: &Row<'_>) {
    let roman = builder.form(row.roman, "en");
    let native = builder.form(row.native, code);
    let (Some(roman), Some(native)) = (roman, native) else {
        builder.drop("rows without a pair of words");
        return;
    };
    let forms = IndexMap::from_iter([("en".to_owned(), roman), (code.to_owned(), native)]);
    let split = row.split.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    builder.push(Entry { key: whole_name_key(&forms["en"]), forms, split, line: row.line });
}
