//! Queries and the passages that they search, of several corpora.

use std::borrow::Cow;

use alambic_data::{Bm25, Dataset, ListedPassage, Passage, SearchQuery};
use alambic_reports::metrics::Prediction;
use alambic_settings::At;
use indexmap::IndexSet;

use super::options::SearchOptions;
use crate::corpora::Corpora;
use crate::error::RunError;

/// Results that are kept of a query: what metrics look at.
pub(super) const RESULTS: usize = 100;

/// One corpus of passages, as its queries search it.
pub(super) struct Collection<'c> {
    pub(super) name: String,
    pub(super) dataset: &'c Dataset<SearchQuery>,
    /// The text of each passage.
    pub(super) texts: Vec<Cow<'c, str>>,
    pub(super) index: Bm25,
}

impl<'c> Collection<'c> {
    /// The passages of corpora, each by itself.
    pub(super) fn read(
        corpora: &'c Corpora,
        names: &[At<String>],
        options: &SearchOptions,
    ) -> Result<Vec<Self>, RunError> {
        let read = |(name, dataset): (&At<String>, &'c Dataset<SearchQuery>)| {
            let texts: Vec<Cow<'c, str>> = dataset.details.passages.iter().map(Passage::full_text).collect();
            let index = Bm25::new(&texts, options.k1, options.b);
            Self { name: name.value.clone(), dataset, texts, index }
        };
        Ok(names.iter().zip(corpora.datasets::<SearchQuery>(names)?).map(read).collect())
    }

    /// The language, or the name where none is known.
    pub(super) fn slice(&self) -> &str {
        self.dataset.details.languages.first().unwrap_or(&self.name)
    }
}

/// A query with the number of the collection that it searches.
#[derive(Clone, Copy)]
pub(super) struct Asked<'c> {
    pub(super) collection: usize,
    pub(super) query: &'c SearchQuery,
}

impl Asked<'_> {
    /// What is right: the grades of passages.
    pub(super) fn reference(&self) -> Prediction {
        let graded = self.query.passages.iter();
        let grade = |listed: &ListedPassage| Some((listed.passage, f64::from(listed.relevance?)));
        Prediction::Relevance(graded.filter_map(grade).collect())
    }

    /// The passages that BM25 finds first, the best first.
    pub(super) fn found(&self, collections: &[Collection<'_>], count: usize) -> Vec<usize> {
        collections[self.collection].index.search(&self.query.text, count)
    }

    /// The same with the judged passages behind them.
    pub(super) fn found_or_judged(&self, collections: &[Collection<'_>], count: usize) -> Vec<usize> {
        let mut places: IndexSet<usize> = self.found(collections, count).into_iter().collect();
        places.extend(self.query.passages.iter().map(|listed| listed.passage));
        places.into_iter().collect()
    }
}

/// Candidates from the highest score to the lowest; equal ones stay in their order. Those whose score is not known are left out.
pub(super) fn ranked(candidates: &[usize], scores: &[f32]) -> Prediction {
    let mut order: Vec<usize> = (0..candidates.len()).filter(|&place| !scores[place].is_nan()).collect();
    order.sort_by(|&one, &other| scores[other].total_cmp(&scores[one]));
    order.truncate(RESULTS);
    Prediction::Ranking(order.into_iter().map(|place| candidates[place]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_ranked_by_score_and_then_by_their_order() {
        let found = ranked(&[7, 3, 9, 4], &[0.5, 2.0, f32::NAN, 0.5]);
        assert_eq!(found, Prediction::Ranking(vec![3, 7, 4]));
    }
}
