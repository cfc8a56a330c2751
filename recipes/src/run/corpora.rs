//! The corpora of a recipe, read and parted.

use std::collections::HashSet;

use alambic_data::corpora::ReadCorpus;
use alambic_data::split::{HoldOut, SplitReport, Splits, split};
use alambic_data::texts::{TextSplits, share, split_texts};
use alambic_data::{Content, Direction, Entry, Extent, Labels, Reading, Split, Text, direction, embedded};
use alambic_settings::At;
use indexmap::IndexMap;

use super::RunError;
use crate::schema::{DataOptions, TextData};

/// What a corpus holds, in its parts.
#[derive(Debug)]
pub(crate) enum Parts {
    /// Names or words in these languages.
    Words { languages: Vec<String>, splits: Splits },
    /// Texts with these labels.
    Texts { labels: Labels, splits: TextSplits },
}

/// One corpus in its parts.
#[derive(Debug)]
pub(crate) struct Corpus {
    pub(crate) parts: Parts,
    pub(crate) reading: Reading,
    pub(crate) fingerprint: String,
}

/// All corpora of a recipe.
#[derive(Debug, Default)]
pub(crate) struct Corpora(IndexMap<String, Corpus>);

impl Corpus {
    /// Reads and parts a corpus. What is held out is kept out of all training.
    pub(crate) fn read(options: &DataOptions, held_out: &HoldOut) -> Result<Self, RunError> {
        Ok(match options.corpus.read(Extent::Whole)? {
            Content::Lexicon(lexicon) => {
                let splits = split(&lexicon, &options.split, Some(held_out))?;
                Self {
                    parts: Parts::Words { languages: lexicon.languages, splits },
                    reading: lexicon.reading,
                    fingerprint: lexicon.fingerprint,
                }
            }
            Content::Texts(collection) => {
                let splits = split_texts(&collection, &options.split)?;
                Self {
                    parts: Parts::Texts { labels: collection.labels, splits },
                    reading: collection.reading,
                    fingerprint: collection.fingerprint,
                }
            }
        })
    }

    /// Sizes of the parts and what was removed.
    pub(crate) fn report(&self) -> &SplitReport {
        match &self.parts {
            Parts::Words { splits, .. } => &splits.report,
            Parts::Texts { splits, .. } => &splits.report,
        }
    }

    /// Its languages; none for texts.
    pub(crate) fn languages(&self) -> &[String] {
        match &self.parts {
            Parts::Words { languages, .. } => languages,
            Parts::Texts { .. } => &[],
        }
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

    pub(crate) fn get(&self, name: &str) -> Result<&Corpus, RunError> {
        self.0.get(name).ok_or_else(|| RunError::Recipe(format!("there is no corpus `{name}` under `data`")))
    }

    /// The entries of one part of several corpora, one after another.
    pub(crate) fn entries(&self, names: &[At<String>], part: Split) -> Result<Vec<Entry>, RunError> {
        let mut entries = Vec::new();
        for name in names {
            let Parts::Words { splits, .. } = &self.get(name)?.parts else {
                return Err(RunError::Recipe(format!("corpus `{}` holds texts, not words", name.value)));
            };
            entries.extend_from_slice(match part {
                Split::Train => &splits.train,
                Split::Validation => &splits.validation,
                Split::Test => &splits.test,
            });
        }
        Ok(entries)
    }

    /// Whether the first of these corpora holds texts.
    pub(crate) fn are_texts(&self, names: &[At<String>]) -> bool {
        names
            .first()
            .and_then(|name| self.0.get(&name.value))
            .is_some_and(|corpus| matches!(corpus.parts, Parts::Texts { .. }))
    }

    /// What the labels of several corpora of texts are, which have to agree.
    pub(crate) fn labels(&self, names: &[At<String>]) -> Result<&Labels, RunError> {
        let mut all: Option<&Labels> = None;
        for name in names {
            let Parts::Texts { labels, .. } = &self.get(name)?.parts else {
                return Err(RunError::Recipe(format!("corpus `{}` holds words, not texts", name.value)));
            };
            if all.is_some_and(|all| all != labels) {
                return Err(RunError::Recipe(format!(
                    "corpus `{}` has other labels than the corpora named before it",
                    name.value
                )));
            }
            all = Some(labels);
        }
        all.ok_or_else(|| RunError::Recipe("no corpus is named".into()))
    }

    /// The texts of one part of several corpora, one after another.
    pub(crate) fn texts(&self, names: &[At<String>], part: Split) -> Result<Vec<Text>, RunError> {
        self.labels(names)?;
        let mut texts = Vec::new();
        for name in names {
            if let Parts::Texts { splits, .. } = &self.get(name)?.parts {
                texts.extend_from_slice(splits.part(part));
            }
        }
        Ok(texts)
    }

    /// The texts that a stage's data ask for.
    pub(crate) fn selected_texts(&self, options: &TextData, part: Split) -> Result<Vec<Text>, RunError> {
        Ok(share(&self.texts(&options.data, part)?, options.fraction))
    }

    /// Every text of the validation and test parts: what no training may read.
    pub(crate) fn held_out_texts(&self) -> impl Iterator<Item = &Text> {
        self.0.values().flat_map(|corpus| {
            let parts: [&[Text]; 2] = match &corpus.parts {
                Parts::Texts { splits, .. } => [&splits.validation, &splits.test],
                Parts::Words { .. } => [&[], &[]],
            };
            parts.into_iter().flatten()
        })
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
            for language in self.get(name)?.languages() {
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
        let mut forms = HashSet::new();
        for corpus in self.0.values() {
            if let Parts::Words { splits, .. } = &corpus.parts {
                for entry in &splits.test {
                    forms.extend(entry.forms.iter().map(|(code, form)| (code.as_str(), form.as_str())));
                }
            }
        }
        forms
    }
}
