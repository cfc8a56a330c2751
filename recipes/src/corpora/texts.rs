//! Texts of several corpora, with their labels.

use std::collections::HashSet;

use alambic_data::parallel::{Translation, key};
use alambic_data::texts::subsample;
use alambic_data::{Labels, Split, Text};
use alambic_settings::At;
use indexmap::IndexSet;

use super::collection::Corpora;
use crate::error::RunError;

impl Corpora {
    /// The labels of several corpora of texts, which have to agree; corpora whose tags are not read take those of the others.
    pub(crate) fn labels(&self, names: &[At<String>]) -> Result<&Labels, RunError> {
        let mut all: Option<&Labels> = None;
        for (name, corpus) in names.iter().zip(self.datasets::<Text>(names)?) {
            let labels = &corpus.details.labels;
            if all.is_some_and(|all| !all.agree_with(labels)) {
                return Err(RunError::Recipe(format!(
                    "corpus `{}` has other labels than the corpora named before it",
                    name.value
                )));
            }
            all = all.filter(|all| !all.are_open()).or(Some(labels));
        }
        all.ok_or_else(|| RunError::Recipe("no corpus is named".into()))
    }

    /// The texts of one split of several corpora, one after another.
    pub(crate) fn texts(&self, names: &[At<String>], split: Split) -> Result<Vec<&Text>, RunError> {
        self.labels(names)?;
        self.texts_of_any_labels(names, split)
    }

    /// The texts of one split of several corpora, whatever labels they have.
    pub(crate) fn texts_of_any_labels(
        &self,
        names: &[At<String>],
        split: Split,
    ) -> Result<Vec<&Text>, RunError> {
        let corpora = self.datasets::<Text>(names)?;
        Ok(corpora.into_iter().flat_map(|corpus| corpus.splits.get(split)).collect())
    }

    /// A share of the same with labels that agree.
    pub(crate) fn texts_of_share(
        &self,
        names: &[At<String>],
        split: Split,
        fraction: f64,
    ) -> Result<Vec<&Text>, RunError> {
        Ok(subsample(self.texts(names, split)?, fraction))
    }

    /// The texts in the training splits of several corpora of texts, each text of a pair by itself, but for what any corpus
    /// keeps for validation or the test.
    pub(crate) fn monolingual(
        &self,
        names: &[At<String>],
        language: &str,
    ) -> Result<impl Iterator<Item = &str>, RunError> {
        let mut held_out: HashSet<String> = HashSet::new();
        if !names.is_empty() {
            held_out.extend(self.held_out_keys());
            for corpus in self.all::<Translation>() {
                let sentences = corpus.splits.validation.iter().chain(&corpus.splits.test);
                held_out.extend(
                    sentences.filter_map(|sentence| sentence.texts.get(language)).map(|text| key(text)),
                );
            }
        }
        let mut all: IndexSet<&str> = IndexSet::new();
        for corpus in self.datasets::<Text>(names)? {
            for text in &corpus.splits.train {
                all.extend(text.texts().filter(|text| !held_out.contains(&key(text))));
            }
        }
        Ok(all.into_iter())
    }

    /// Every text of the validation and test splits, which no training may read.
    pub(crate) fn held_out_texts(&self) -> impl Iterator<Item = &Text> {
        self.all::<Text>().flat_map(|corpus| corpus.splits.validation.iter().chain(&corpus.splits.test))
    }

    /// Letters and digits of the same, of each text of a pair by itself.
    pub(crate) fn held_out_keys(&self) -> impl Iterator<Item = String> {
        self.held_out_texts().flat_map(Text::texts).map(key)
    }
}
