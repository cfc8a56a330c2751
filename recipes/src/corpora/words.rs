//! Words and sentences of several corpora, by language and direction.

use std::collections::HashSet;

use alambic_data::parallel::Translation;
use alambic_data::{Content, ContentKind, Direction, Entry, Split, direction};
use alambic_settings::At;

use super::collection::Corpora;
use crate::error::RunError;

impl Corpora {
    /// The entries of one split of several corpora of words or sentences, one after another.
    pub(crate) fn entries(&self, names: &[At<String>], split: Split) -> Result<Vec<Entry>, RunError> {
        let mut entries = Vec::new();
        for name in names {
            match self.get(name)? {
                Content::Parallel(corpus) => entries.extend(corpus.splits.get(split).iter().map(Entry::from)),
                _ => entries.extend(self.dataset::<Entry>(name)?.splits.get(split).iter().cloned()),
            }
        }
        Ok(entries)
    }

    /// Whether a corpus among these holds sentences.
    pub(crate) fn have_sentences(&self, names: &[At<String>]) -> bool {
        let kinds = names.iter().filter_map(|name| self.find(name)).map(Content::kind);
        kinds.into_iter().any(|kind| kind == ContentKind::Parallel)
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

    /// Every form of the test splits, by language: what no training may read.
    pub(crate) fn test_forms(&self) -> HashSet<(&str, &str)> {
        let mut forms = HashSet::new();
        let words = self.all::<Entry>().flat_map(|corpus| &corpus.splits.test).map(|entry| &entry.forms);
        let sentences = self.all::<Translation>().flat_map(|corpus| &corpus.splits.test);
        for texts in words.chain(sentences.map(|sentence| &sentence.texts)) {
            forms.extend(texts.iter().map(|(code, form)| (code.as_str(), form.as_str())));
        }
        forms
    }
}
