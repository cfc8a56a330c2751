//! Lists of passages that queries are trained on.

use std::collections::HashSet;

use alambic_data::Split;
use alambic_tensor::Streams;
use rand::seq::SliceRandom;

use super::collection::{Asked, Collection};
use super::options::{SearchData, SearchOptions};
use super::scorer::List;
use crate::corpora::Corpora;
use crate::error::RunError;

/// A passage that a query can be trained on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    /// Its place in the collection.
    pub(super) passage: usize,
    /// Its grade of relevance; 0 where nobody has judged it.
    pub(super) relevance: f32,
    /// The score that the corpus holds; NaN where it has none.
    pub(super) score: f32,
    /// The teacher's score; NaN where there is none.
    pub(super) teacher: f32,
}

impl Candidate {
    fn is_relevant(&self) -> bool {
        self.relevance > 0.0
    }
}

/// A query with all passages that it can be trained on.
pub(super) struct Pool<'c> {
    pub(super) asked: Asked<'c>,
    pub(super) candidates: Vec<Candidate>,
}

impl<'c> Pool<'c> {
    /// What the corpus lists with a query, and so many passages that BM25 finds first among those that it does not list.
    pub(super) fn new(asked: Asked<'c>, collections: &[Collection<'_>], options: &SearchOptions) -> Self {
        let listed = &asked.query.passages;
        let mut candidates: Vec<Candidate> = listed
            .iter()
            .map(|listed| Candidate {
                passage: listed.passage,
                relevance: listed.relevance.unwrap_or_default(),
                score: listed.score.unwrap_or(f32::NAN),
                teacher: f32::NAN,
            })
            .collect();
        if options.mined_negatives > 0 {
            let known: HashSet<usize> = listed.iter().map(|listed| listed.passage).collect();
            let found = asked.found(collections, options.mined_negatives + known.len());
            let mined = found.into_iter().filter(|passage| !known.contains(passage));
            candidates.extend(mined.take(options.mined_negatives).map(|passage| Candidate {
                passage,
                relevance: 0.0,
                score: f32::NAN,
                teacher: f32::NAN,
            }));
        }
        Self { asked, candidates }
    }

    /// Whether there is something to be told apart: a relevant passage and another one, or two scores.
    pub(super) fn is_usable(&self) -> bool {
        self.candidates.len() > 1
    }

    /// Whether it says anything of itself: that a passage is relevant, or what score one has.
    pub(super) fn is_labelled(&self) -> bool {
        self.candidates.iter().any(|candidate| candidate.is_relevant() || !candidate.score.is_nan())
    }

    /// The query with all of its passages, as a teacher scores them.
    pub(super) fn whole_list<'t>(&'t self, collections: &'t [Collection<'_>]) -> List<'t> {
        let texts = &collections[self.asked.collection].texts;
        let text = |candidate: &Candidate| -> &'t str { &texts[candidate.passage] };
        List { query: &self.asked.query.text, passages: self.candidates.iter().map(text).collect() }
    }

    /// The list of an epoch: relevant passages, which take turns, and others, which are drawn. Where nothing is known to be relevant,
    /// what the teacher scores highest stands in its place, so that each list has something to be told apart.
    pub(super) fn list(
        &self,
        epoch: u64,
        number: usize,
        options: &SearchOptions,
        streams: Streams,
    ) -> Vec<Candidate> {
        let (mut relevant, mut others): (Vec<&Candidate>, Vec<&Candidate>) =
            self.candidates.iter().partition(|candidate| candidate.is_relevant());
        if relevant.is_empty() && others.iter().all(|candidate| !candidate.teacher.is_nan()) {
            others.sort_by(|one, other| other.teacher.total_cmp(&one.teacher));
            relevant = others.drain(..options.positives.min(others.len())).collect();
        }
        let wanted = options.positives.min(relevant.len());
        let mut list: Vec<Candidate> =
            (0..wanted).map(|place| *relevant[(epoch as usize * wanted + place) % relevant.len()]).collect();
        // A list of scores alone has no relevant passage, and others in its place.
        let room = options.positives + options.negatives - list.len();
        if others.len() > room {
            others.shuffle(&mut streams.pairing(epoch, number as u64));
        }
        list.extend(others.into_iter().take(room));
        list
    }
}

impl SearchData {
    /// The queries of a split, with the number of the collection that each searches; collections are those of all tables in turn.
    pub(super) fn asked<'c>(&self, corpora: &'c Corpora, split: Split) -> Result<Vec<Asked<'c>>, RunError> {
        let mut asked = Vec::new();
        let mut collection = 0;
        for options in self.search.iter() {
            for dataset in corpora.datasets::<alambic_data::SearchQuery>(&options.data)? {
                let own = dataset.splits.get(split).iter();
                let own = own.filter(|query| query.is_in_subsample(options.fraction));
                asked.extend(own.map(|query| Asked { collection, query }));
                collection += 1;
            }
        }
        Ok(asked)
    }

    /// The collections of all tables.
    pub(super) fn collections<'c>(&self, corpora: &'c Corpora) -> Result<Vec<Collection<'c>>, RunError> {
        let read = |options: &SearchOptions| Collection::read(corpora, &options.data, options);
        Ok(self.search.iter().map(read).collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::SearchQuery;

    use super::super::options::{EncoderType, Similarity};
    use super::*;

    const NEGATIVES: usize = 2;

    fn pool(query: &SearchQuery, candidates: [(f32, f32); 5]) -> Pool<'_> {
        let candidate =
            |(passage, (relevance, teacher))| Candidate { passage, relevance, score: f32::NAN, teacher };
        let candidates = candidates.into_iter().enumerate().map(candidate).collect();
        Pool { asked: Asked { collection: 0, query }, candidates }
    }

    #[test]
    fn what_the_teacher_scores_highest_stands_for_what_nobody_judged() {
        let query = SearchQuery { id: "q".into(), text: "q".into(), passages: Vec::new(), split: None };
        let options = SearchOptions {
            data: Vec::new(),
            encoder: EncoderType::BiEncoder,
            similarity: Similarity::Cosine,
            scale: None,
            positives: 1,
            negatives: NEGATIVES,
            mined_negatives: 0,
            k1: 1.2,
            b: 0.75,
            rerank: 1,
            validation_rerank: 1,
            fraction: 1.0,
            max_length: 8,
        };
        let of = |pool: &Pool<'_>, epoch| -> Vec<usize> {
            pool.list(epoch, 0, &options, Streams::new(1)).iter().map(|own| own.passage).collect()
        };
        let unjudged = pool(&query, [(0.0, 0.1), (0.0, 0.9), (0.0, 0.3), (0.0, 0.2), (0.0, -1.0)]);
        let unknown = pool(&query, [(0.0, f32::NAN); 5]);
        let judged = pool(&query, [(0.0, 0.1), (0.0, 0.9), (1.0, 0.3), (0.0, 0.2), (0.0, -1.0)]);
        let lists = |pool| (0..20).map(|epoch| of(pool, epoch)).collect::<Vec<_>>();
        assert!(lists(&unjudged).iter().all(|list| list.len() == 1 + NEGATIVES && list[0] == 1));
        assert!(lists(&judged).iter().all(|list| list.len() == 1 + NEGATIVES && list[0] == 2));
        let drawn: HashSet<usize> = lists(&unknown).into_iter().flatten().collect();
        assert_eq!(drawn.len(), 5);
        assert!(judged.is_labelled() && !unjudged.is_labelled());
    }
}
