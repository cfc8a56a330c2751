//! BUCC 2018 as XTREME has it (Zweigenbaum et al., 2018).

use alambic_settings::settings;

use super::files::LanguageFile;
use super::inputs::{Examples, Part, sentences_with_ids};
use super::layouts::pairs::read_pairs;
use super::references::{Gold, References};
use super::{BenchmarkFiles, BenchmarkFormat, Layout};
use crate::error::DataError;

settings! {
    /// BUCC 2018: sentences of two large texts that are translations of each other. Read are pairs of ids, the other language's
    /// first, separated by a tab: `test-XX.tsv`, or the raw `XX-en.training.gold`, on which XTREME tests.
    pub struct XtremeBucc {
        /// Where its files are.
        #[flatten]
        pub files: BenchmarkFiles
    }
}

impl BenchmarkFormat for XtremeBucc {
    fn files(&self) -> &BenchmarkFiles {
        &self.files
    }

    fn names(&self) -> &'static [&'static str] {
        &[
            "test-{language}.tsv",
            "{language}-en.test.gold",
            "{language}-en.training.gold",
            "{language}-en/{language}-en.training.gold",
            "bucc2018/{language}-en/{language}-en.training.gold",
        ]
    }

    fn layout(&self) -> Layout {
        Layout::Pairs
    }

    fn read(&self, files: &[LanguageFile<'_>]) -> Result<References, DataError> {
        let pairs = files.iter().map(|file| read_pairs(file.source)).collect::<Result<Vec<_>, _>>()?;
        let gold = Gold::Pairs(pairs.into_iter().flatten().map(|(_, pair)| pair).collect());
        Ok(References { source: files[0].source.name.clone(), classes: Vec::new(), gold })
    }

    fn input_names(&self, part: Part) -> &'static [&'static str] {
        match part {
            Part::Train => &[],
            Part::Validation => &[
                "{language}-en.dev.{language}",
                "{language}-en.sample.{language}",
                "{language}-en/{language}-en.sample.{language}",
                "bucc2018/{language}-en/{language}-en.sample.{language}",
            ],
            Part::Test => &[
                "{language}-en.test.{language}",
                "{language}-en.training.{language}",
                "{language}-en/{language}-en.training.{language}",
                "bucc2018/{language}-en/{language}-en.training.{language}",
            ],
        }
    }

    fn examples(&self, files: &[LanguageFile<'_>], _: Part) -> Result<Option<Examples>, DataError> {
        let file = &files[0];
        sentences_with_ids(file, &file.name_ending_in("en")).map(Some)
    }

    fn validation_references(&self) -> &'static [&'static str] {
        &[
            "{language}-en.dev.gold",
            "{language}-en.sample.gold",
            "{language}-en/{language}-en.sample.gold",
            "bucc2018/{language}-en/{language}-en.sample.gold",
        ]
    }
}
