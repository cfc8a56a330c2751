//! Sentences of tagged words.

use std::collections::BTreeSet;

use alambic_settings::{Location, OneOrMany, settings};

use super::{Content, ReadCorpus};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Extent, Source};
use crate::texts::{Collecting, Label, Labels, Text};

settings! {
    /// Sentences of tagged words, as the CoNLL shared tasks published them: a word a line in columns parted by tabs or
    /// blanks, and an empty line after each sentence. Lines that begin with `-DOCSTART-` are left out.
    ///
    /// Tags are taken as they stand. Spans are told from `B-KIND`, `I-KIND` and `O`; an `I` after another kind begins a
    /// span as well.
    pub struct Conll {
        /// The files.
        pub paths: OneOrMany<Location>,
        /// Files whose sentences all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose sentences all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The column of the word, counted from 1.
        #[range(1..)]
        pub word_column: usize = 1,
        /// The column of the tag, counted from 1. Left out: the last.
        #[range(1..)]
        pub tag_column: Option<usize>,
        /// The tags in the order of their ids. Left out: `O` and then the others of the files, in the order of the
        /// alphabet.
        pub tags: Vec<String> = Vec::new(),
    }
}

/// The tag of a word that is in no span.
pub(super) const OUTSIDE: &str = "O";
/// What the line before a document begins with.
const DOCUMENT: &str = "-DOCSTART-";

/// A sentence before its tags are known by their indices.
#[derive(Default)]
struct Sentence {
    words: Vec<String>,
    /// Each with its line.
    tags: Vec<(String, usize)>,
}

/// The sentences of one file.
struct Tagged {
    source: String,
    split: Option<&'static str>,
    sentences: Vec<Sentence>,
}

impl ReadCorpus for Conll {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut collecting = Collecting::default();
        let mut files = Vec::new();
        let mut faults: Option<DataError> = None;
        let parts = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ];
        for (paths, split) in parts {
            for location in paths.iter() {
                let read = Source::open_lines(location, extent).and_then(|source| {
                    collecting.source(&source.name, source.fingerprint());
                    let sentences = self.sentences(&source)?;
                    files.push(Tagged { source: source.name, split, sentences });
                    Ok(())
                });
                DataError::note(&mut faults, read);
            }
        }
        if let Some(faults) = faults {
            return Err(faults);
        }
        let tags = self.tags(&files);
        for file in files {
            let read = file.collect(&tags, &mut collecting);
            DataError::note(&mut faults, read);
        }
        match faults {
            Some(faults) => Err(faults),
            None => Ok(collecting.finish(Labels::Words(tags), false, extent)?.into()),
        }
    }
}

impl Conll {
    fn sentences(&self, source: &Source) -> Result<Vec<Sentence>, DataError> {
        let mut problems = Problems::default();
        let mut sentences = Vec::new();
        let mut sentence = Sentence::default();
        for (index, line) in source.bytes.split(|&byte| byte == b'\n').enumerate() {
            let place = || Place::line(&source.name, index + 1);
            let line = match std::str::from_utf8(line) {
                Ok(line) => line.trim_end_matches('\r'),
                Err(error) => {
                    let byte = line.get(error.valid_up_to()).copied().unwrap_or_default();
                    problems.push(place(), Fault::NotUtf8(byte));
                    continue;
                }
            };
            if line.trim().is_empty() {
                if !sentence.words.is_empty() {
                    sentences.push(std::mem::take(&mut sentence));
                }
                continue;
            }
            if line.starts_with(DOCUMENT) {
                continue;
            }
            // A word may hold a blank where columns are parted by tabs.
            let columns: Vec<&str> = if line.contains('\t') {
                line.split('\t').collect()
            } else {
                line.split_whitespace().collect()
            };
            let tag_column = self.tag_column.unwrap_or_else(|| columns.len().max(self.word_column + 1));
            let column = |number: usize| columns.get(number - 1).map(|text| text.trim());
            match (column(self.word_column), column(tag_column)) {
                (Some(word), Some(tag)) if !word.is_empty() && !tag.is_empty() => {
                    // Words are parted by single spaces in a text.
                    sentence.words.push(word.split_whitespace().collect::<Vec<_>>().join("\u{a0}"));
                    sentence.tags.push((tag.to_owned(), index + 1));
                }
                _ => {
                    let expected = tag_column.max(self.word_column);
                    let found = columns.iter().filter(|text| !text.trim().is_empty()).count();
                    problems.push(place(), Fault::ColumnCount { found, expected });
                }
            }
        }
        if !sentence.words.is_empty() {
            sentences.push(sentence);
        }
        if sentences.is_empty() {
            problems.push(Place::file(&source.name), Fault::Empty);
        }
        problems.or(sentences)
    }

    fn tags(&self, files: &[Tagged]) -> Vec<String> {
        if !self.tags.is_empty() {
            return self.tags.clone();
        }
        let all = files.iter().flat_map(|file| &file.sentences).flat_map(|sentence| &sentence.tags);
        let all: BTreeSet<&str> = all.map(|(tag, _)| tag.as_str()).filter(|tag| *tag != OUTSIDE).collect();
        std::iter::once(OUTSIDE).chain(all).map(str::to_owned).collect()
    }
}

impl Tagged {
    /// Turns tags into their indices, and hands the sentences over.
    fn collect(self, tags: &[String], collecting: &mut Collecting) -> Result<(), DataError> {
        let mut problems = Problems::default();
        for sentence in self.sentences {
            let mut indices = Vec::with_capacity(sentence.tags.len());
            for (tag, line) in &sentence.tags {
                match tags.iter().position(|known| known == tag) {
                    Some(index) => indices.push(index as u32),
                    None => problems.push(
                        Place::line(&self.source, *line),
                        Fault::UnknownClass { found: tag.clone(), classes: tags.to_vec() },
                    ),
                }
            }
            collecting.push(Text {
                first: sentence.words.join(" "),
                second: None,
                label: Label::Words(indices),
                split: self.split.map(str::to_owned),
                line: sentence.tags.first().map_or(1, |(_, line)| *line),
            });
        }
        problems.or(())
    }
}
