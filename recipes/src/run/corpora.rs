//! The corpora of a recipe, read and parted.

use std::collections::HashSet;

use alambic_data::corpora::ReadCorpus;
use alambic_data::split::{HoldOut, Splits, split};
use alambic_data::{Direction, Entry, Extent, Reading, Split, direction, embedded};
use alambic_settings::At;
use indexmap::IndexMap;

use super::RunError;
use crate::schema::DataOptions;

/// One corpus in its parts.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) languages: Vec<String>,
    pub(crate) parts: Splits,
    pub(crate) reading: Reading,
    pub(crate) fingerprint: String,
}

/// All corpora of a recipe.
#[derive(Debug, Default)]
pub(crate) struct Corpora(IndexMap<String, Corpus>);

impl Corpus {
    /// Reads and parts a corpus. What is held out is kept out of all training.
    pub(crate) fn read(options: &DataOptions, held_out: &HoldOut) -> Result<Self, RunError> {
        let lexicon = options.corpus.read(Extent::Whole)?;
        let parts = split(&lexicon, &options.split, Some(held_out))?;
        Ok(Self {
            languages: lexicon.languages,
            parts,
            reading: lexicon.reading,
            fingerprint: lexicon.fingerprint,
        })
    }
}

impl FromIterator<(String, Corpus)> for Corpora {
    fn from_iter<I: IntoIterator<Item = (String, Corpus)>>(corpora: I) -> Self {
        Self(corpora.into_iter().collect())
    }
}

impl Corpora {
    /// Reads and parts every corpus. The embedded names' test part is kept out of all training.
    pub(crate) fn read(options: &IndexMap<String, DataOptions>) -> Result<Self, RunError> {
        let held_out: HoldOut = embedded::held_out()?;
        options.iter().map(|(name, options)| Ok((name.clone(), Corpus::read(options, &held_out)?))).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &Corpus)> {
        self.0.iter().map(|(name, corpus)| (name.as_str(), corpus))
    }

    fn get(&self, name: &str) -> Result<&Corpus, RunError> {
        self.0.get(name).ok_or_else(|| RunError::Recipe(format!("there is no corpus `{name}` under `data`")))
    }

    /// The entries of one part of several corpora, one after another.
    pub(crate) fn entries(&self, names: &[At<String>], part: Split) -> Result<Vec<Entry>, RunError> {
        let mut entries = Vec::new();
        for name in names {
            let parts = &self.get(name)?.parts;
            entries.extend_from_slice(match part {
                Split::Train => &parts.train,
                Split::Validation => &parts.validation,
                Split::Test => &parts.test,
            });
        }
        Ok(entries)
    }

    /// The directions that patterns stand for over the languages of several corpora.
    pub(crate) fn directions(
        &self,
        names: &[At<String>],
        patterns: &[At<String>],
        except: &[At<String>],
    ) -> Result<Vec<Direction>, RunError> {
        let mut languages: Vec<String> = Vec::new();
        for name in names {
            for language in &self.get(name)?.languages {
                if !languages.contains(language) {
                    languages.push(language.clone());
                }
            }
        }
        let texts = |patterns: &[At<String>]| patterns.iter().map(|at| at.value.clone()).collect::<Vec<_>>();
        let excepted = direction::parse(&texts(except), &languages)?;
        let mut directions = direction::parse(&texts(patterns), &languages)?;
        directions.retain(|direction| !excepted.contains(direction));
        Ok(directions)
    }

    /// Every form of the test parts, by language: what no training may read.
    pub(crate) fn test_forms(&self) -> HashSet<(&str, &str)> {
        self.0
            .values()
            .flat_map(|corpus| &corpus.parts.test)
            .flat_map(|entry| entry.forms.iter().map(|(language, form)| (language.as_str(), form.as_str())))
            .collect()
    }
}
