//! Files of one language each, line by line.

use alambic_settings::{IndexMap, Location, OneOrMany, settings};

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place, Problems};
use crate::parallel::{BitextBuilder, BitextFilters};
use crate::source::{Extent, TableSource, files};
use crate::table::{lines, utf8};

settings! {
    /// Files of one language each, the same line of all being the same sentence, as Moses and OPUS have them; also compressed
    /// with gzip.
    pub struct Moses {
        /// The files of each language, by language code, that by which splits go first: as many of each, the first belonging to
        /// the first.
        pub paths: IndexMap<String, OneOrMany<Location>>,
        /// Files whose lines all have the split `validation`.
        pub validation_paths: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Files whose lines all have the split `test`.
        pub test_paths: IndexMap<String, OneOrMany<Location>> = IndexMap::new(),
        /// Filters of sentences.
        #[flatten]
        pub filters: BitextFilters,
    }
}

impl ReadCorpus for Moses {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let languages: Vec<String> = self.paths.keys().cloned().collect();
        let first = self.paths.values().next().and_then(|paths| paths.first());
        let place = Place::file(&first.map(ToString::to_string).unwrap_or_default());
        let mut builder = BitextBuilder::new(&self.filters, languages, &place)?;
        for (paths, file_split) in [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ] {
            let paths: IndexMap<&String, Vec<Location>> = paths
                .iter()
                .map(|(language, paths)| Ok((language, files(paths)?)))
                .collect::<Result<_, DataError>>()?;
            let count = paths.values().map(Vec::len).max().unwrap_or(0);
            for number in 0..count {
                let mut files = Vec::with_capacity(paths.len());
                for (&language, paths) in &paths {
                    let Some(location) = paths.get(number) else {
                        let fault = Fault::FileCount {
                            language: language.clone(),
                            found: paths.len(),
                            expected: count,
                        };
                        return Err(DataError::new(place, fault));
                    };
                    let source = TableSource::open_lines(location, extent)?;
                    builder.add_file(&source);
                    files.push((language.as_str(), source));
                }
                read_line_by_line(&files, file_split, extent, &mut builder)?;
            }
        }
        Ok(builder.build(extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

/// The sentences of files that belong together.
fn read_line_by_line(
    files: &[(&str, TableSource)],
    file_split: Option<&str>,
    extent: Extent,
    builder: &mut BitextBuilder<'_>,
) -> Result<(), DataError> {
    let mut problems = Problems::default();
    let mut columns: Vec<(&str, &TableSource, Vec<&str>)> = Vec::with_capacity(files.len());
    for (language, source) in files {
        let mut texts = Vec::new();
        for (number, line) in lines(&source.bytes) {
            texts.push(utf8(source, number, line, &mut problems).unwrap_or_default());
        }
        // What stands behind the last end of a line is a line only if there is something.
        if texts.last().is_some_and(|last| last.is_empty()) {
            texts.pop();
        }
        columns.push((*language, source, texts));
    }
    problems.or(())?;
    let shortest = columns.iter().map(|(.., texts)| texts.len()).min().unwrap_or(0);
    if let (Extent::Whole, Some((.., first))) = (extent, columns.first())
        && let Some((_, source, texts)) = columns.iter().find(|(.., texts)| texts.len() != first.len())
    {
        let (found, expected, other) = (texts.len(), first.len(), columns[0].1.name.clone());
        return Err(DataError::new(Place::file(&source.name), Fault::LineCount { found, expected, other }));
    }
    for row in 0..shortest {
        builder.push(columns.iter().map(|(language, _, texts)| (*language, texts[row])), file_split);
    }
    Ok(())
}
