//! Names as XTREME has them (`WikiANN`, Pan et al., 2017; Hu et al., 2020).

use alambic_settings::settings;

use super::classes::class_of;
use super::files::LanguageFile;
use super::inputs::{Examples, Part, SentenceExample, sentences_of_words};
use super::layouts::tags::read_sentences;
use super::python::strip;
use super::references::{Gold, References};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::{DataError, Place, Problems};
use crate::table::{lines, utf8};

settings! {
    /// Names of people, organisations and places of XTREME. Read are tags alone (`test-XX.tsv`, one a line, an empty line between
    /// sentences), XTREME's prepared files where they have tags (word and tag), and the raw `XX/test` or `XX-test`, in which
    /// words have their language before them (`xx:word`).
    pub struct XtremePanx {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

pub(super) const TAGS: &[&str] = &["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"];

impl BenchmarkFormat for XtremePanx {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.tsv",
            "{language}/test",
            "{language}-test",
            "panx_dataset/{language}/test",
            "panx_dataset/{language}-test",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Tags
    }

    fn classes(&self) -> Vec<&str> {
        TAGS.to_vec()
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let mut sentences = Vec::new();
        for file in files {
            let is_raw = !file.has_ending(".tsv") || is_raw(file);
            sentences.extend(if is_raw {
                let words = raw(file)?.into_iter();
                words.map(|sentence| sentence.into_iter().map(|(_, tag)| tag).collect()).collect()
            } else {
                read_sentences(file.source, TAGS)?
            });
        }
        let classes = TAGS.iter().map(ToString::to_string).collect();
        Ok(References { source: files[0].source.name.clone(), classes, gold: Gold::Tags(sentences) })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[
                "train-{language}.tsv",
                "{language}/train",
                "{language}-train",
                "panx_dataset/{language}/train",
                "panx_dataset/{language}-train",
            ],
            Part::Validation => &[
                "dev-{language}.tsv",
                "{language}/dev",
                "{language}-dev",
                "panx_dataset/{language}/dev",
                "panx_dataset/{language}-dev",
            ],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        if file.has_ending(".tsv") && !is_raw(file) {
            return sentences_of_words(file, TAGS, str::to_owned).map(Some);
        }
        let sentence = |sentence: Vec<(String, String)>| {
            let (words, tags) = sentence.into_iter().unzip();
            SentenceExample { words, tags: Some(tags) }
        };
        Ok(Some(Examples::Sentences(raw(file)?.into_iter().map(sentence).collect())))
    }
}

/// Whether words have their language before them.
fn is_raw(file: &LanguageFile<'_>) -> bool {
    let mark = format!("{}:", file.language);
    let mut rows = lines(&file.source.bytes).filter(|(_, line)| line.contains(&b'\t')).take(20).peekable();
    rows.peek().is_some() && rows.all(|(_, line)| line.starts_with(mark.as_bytes()))
}

/// The words of raw files with their tags: rows with two columns whose first has a colon, behind which the word stands; every other
/// row ends a sentence.
fn raw(file: &LanguageFile<'_>) -> Result<Vec<Vec<(String, String)>>, DataError> {
    let mut problems = Problems::default();
    let (mut sentences, mut sentence) = (Vec::new(), Vec::new());
    for (number, line) in lines(&file.source.bytes) {
        let Some(line) = utf8(file.source, number, line, &mut problems) else { continue };
        let mut columns = strip(line).split('\t');
        match (columns.next(), columns.next(), columns.next()) {
            (Some(word), Some(tag), None) if word.contains(':') => match class_of(strip(tag), TAGS) {
                Ok(tag) => {
                    let word = word.split_once(':').map_or(word, |(_, word)| word);
                    sentence.push((word.to_owned(), tag));
                }
                Err(fault) => problems.push(Place::line(&file.source.name, number), fault),
            },
            (Some(_), Some(_), None) => {}
            _ => sentences.push(std::mem::take(&mut sentence)),
        }
    }
    sentences.push(sentence);
    sentences.retain(|sentence: &Vec<_>| !sentence.is_empty());
    problems.or(sentences)
}
