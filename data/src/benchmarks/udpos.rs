//! Parts of speech as XTREME has them (Universal Dependencies 2.5; Hu et al., 2020).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, SentenceExample, sentences_of_words};
use super::layouts::tags::read_sentences;
use super::references::{Gold, References};
use super::universal_dependencies::tagged_words;
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;

settings! {
    /// Parts of speech of XTREME. Read are tags alone (`test-XX.tsv`, one a line, an empty line between sentences), XTREME's
    /// prepared files where they have tags (word and tag), and the treebanks themselves (`UD_*/XX_*-ud-test.conllu`), of which
    /// words that were split are put together again, as XTREME does.
    pub struct XtremeUdpos {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

/// The parts of speech of Universal Dependencies, and the sign of a word without one.
const TAGS: &[&str] = &[
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT",
    "SCONJ", "SYM", "VERB", "X", "_",
];

impl BenchmarkFormat for XtremeUdpos {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.tsv",
            "ud-treebanks-v2.5/*/{language}_*-ud-test.conllu",
            "*/{language}_*-ud-test.conllu",
            "{language}_*-ud-test.conllu",
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
            sentences.extend(if file.has_ending(".conllu") {
                let words = tagged_words(file, TAGS)?.into_iter();
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
                "ud-treebanks-v2.5/*/{language}_*-ud-train.conllu",
                "*/{language}_*-ud-train.conllu",
                "{language}_*-ud-train.conllu",
            ],
            Part::Validation => &[
                "dev-{language}.tsv",
                "ud-treebanks-v2.5/*/{language}_*-ud-dev.conllu",
                "*/{language}_*-ud-dev.conllu",
                "{language}_*-ud-dev.conllu",
            ],
            Part::Test => self.names(),
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        if !files[0].has_ending(".conllu") {
            return sentences_of_words(&files[0], TAGS, str::to_owned).map(Some);
        }
        let mut sentences = Vec::new();
        for file in files {
            sentences.extend(tagged_words(file, TAGS)?.into_iter().map(|sentence| {
                // As XTREME does.
                let words = |word: String| word.replace('\u{200c}', "");
                let (words, tags) = sentence.into_iter().map(|(word, tag)| (words(word), tag)).unzip();
                SentenceExample { words, tags: Some(tags) }
            }));
        }
        Ok(Some(Examples::Sentences(sentences)))
    }
}
