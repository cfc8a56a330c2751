//! Words of several corpora, by language and direction.

use std::collections::HashSet;

use alambic_data::{Direction, Entry, Split, direction};
use alambic_settings::At;

use super::collection::Corpora;
use crate::error::RunError;

impl Corpora {
    /// The entries of one split of several corpora, one after another.
    pub(crate) fn entries(&self, names: &[At<String>], split: Split) -> Result<Vec<Entry>, RunError> {
        let corpora = self.datasets::<Entry>(names)?;
        Ok(corpora.into_iter().flat_map(|corpus| corpus.splits.get(split)).cloned().collect())
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
        for entry in self.all::<Entry>().flat_map(|corpus| &corpus.splits.test) {
            forms.extend(entry.forms.iter().map(|(code, form)| (code.as_str(), form.as_str())));
        }
        forms
    }
}
