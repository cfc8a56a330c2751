//! Queries and the passages that are searched, with judgements of relevance and a teacher's scores.

use std::borrow::Cow;
use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::Extent;
use crate::split::{HoldOut, OverlapKeys, SplitOptions, remove_held_keys, remove_shared_keys, test_keys};
use crate::stable_hash::{self, join_fingerprints, unit_interval};
use crate::statistics::ReadStatistics;

/// A passage that is searched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passage {
    /// Its id in the files.
    pub id: String,
    /// Its title; empty where it has none.
    pub title: String,
    /// Its text.
    pub text: String,
}

impl Passage {
    /// The text that models and BM25 read: the title, a blank and the text, as BEIR joins them.
    #[must_use]
    pub fn full_text(&self) -> Cow<'_, str> {
        match (self.title.is_empty(), self.text.is_empty()) {
            (true, _) => Cow::Borrowed(&self.text),
            (_, true) => Cow::Borrowed(&self.title),
            _ => Cow::Owned(format!("{} {}", self.title, self.text)),
        }
    }
}

/// A passage that is listed with a query.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedPassage {
    /// Its place among the passages of the dataset.
    pub passage: usize,
    /// Its grade of relevance, above 0 where it is relevant; none where nobody has judged it.
    pub relevance: Option<f32>,
    /// A teacher's score of query and passage, where one is recorded.
    pub score: Option<f32>,
}

impl ListedPassage {
    /// Whether it is judged relevant.
    #[must_use]
    pub fn is_relevant(&self) -> bool {
        self.relevance.is_some_and(|grade| grade > 0.0)
    }
}

/// A query with the passages that are listed with it.
#[derive(Debug, Clone, PartialEq)]
pub struct SearchQuery {
    /// Its id in the files.
    pub id: String,
    /// The query.
    pub text: String,
    /// Judged or scored passages, each once.
    pub passages: Vec<ListedPassage>,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

impl SearchQuery {
    /// Whether it is in a share of all, by the hash of its text. Smaller shares lie within larger ones.
    #[must_use]
    pub fn is_in_subsample(&self, fraction: f64) -> bool {
        fraction >= 1.0 || unit_interval(&["search", &self.text]) < fraction
    }

    /// Whether a passage is judged relevant.
    #[must_use]
    pub fn has_positive(&self) -> bool {
        self.passages.iter().any(ListedPassage::is_relevant)
    }
}

/// Details of a dataset of queries: the passages that all of them search, and the language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SearchDetails {
    /// The passages, in the order of the files.
    pub passages: Vec<Passage>,
    /// Code of the language, where it is known.
    pub languages: Vec<String>,
}

/// Equal queries are in one split.
impl OverlapKeys for SearchQuery {
    const WHAT: &'static str = "queries";

    fn overlap_keys(&self) -> Vec<u128> {
        vec![stable_hash::key(&["query", &self.text])]
    }
}

/// Queries go by their text. Passages belong to no split: all of them are searched by the queries of any.
impl SplitExample for SearchQuery {
    type Details = SearchDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, _: &'e SearchDetails) -> Cow<'e, str> {
        Cow::Borrowed(&self.text)
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &SearchDetails) -> &[String] {
        &details.languages
    }

    fn test_keys(dataset: &Dataset<Self>) -> HashSet<u128> {
        test_keys(&dataset.splits)
    }

    fn remove_keys(dataset: &mut Dataset<Self>, held: &HashSet<u128>) {
        remove_held_keys(dataset, held);
    }
}

/// A query as files have it, by its id and split, with what is listed by the places of passages.
#[derive(Debug)]
struct Judged {
    place: Place,
    passages: IndexMap<usize, (Option<f32>, Option<f32>)>,
}

/// Builder of a dataset of queries, which collects faults of the files and counts what it drops.
#[derive(Debug, Default)]
pub(crate) struct SearchBuilder {
    passages: IndexMap<String, Passage>,
    /// Ids of passages without a text, which are dropped with their judgements.
    empty: HashSet<String>,
    queries: IndexMap<String, String>,
    judged: IndexMap<(String, Option<String>), Judged>,
    sources: IndexSet<String>,
    fingerprints: Vec<String>,
    /// Whether queries that nothing is listed with are kept.
    keeps_unjudged: bool,
    /// Whether heads alone are read, in which what other files name may be missing.
    is_head: bool,
    problems: Problems,
    /// Statistics of reading so far.
    pub(crate) statistics: ReadStatistics,
}

impl SearchBuilder {
    /// A builder of what files of this extent hold.
    pub(crate) fn new(extent: Extent) -> Self {
        Self { is_head: extent == Extent::Head, ..Self::default() }
    }

    /// The builder that keeps queries with which no passage is listed, if it is to.
    pub(crate) fn keeping_unjudged(mut self, keeps: bool) -> Self {
        self.keeps_unjudged = keeps;
        self
    }

    /// Notes a file that is read.
    pub(crate) fn add_source(&mut self, name: &str, fingerprint: String) {
        self.sources.insert(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, place: Place, fault: Fault) {
        self.problems.push(place, fault);
    }

    fn drop(&mut self, reason: &str) {
        *self.statistics.dropped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Takes a passage; one whose id is known already is a fault.
    pub(crate) fn add_passage(&mut self, passage: Passage, place: Place) {
        self.statistics.rows += 1;
        if self.passages.contains_key(&passage.id) || self.empty.contains(&passage.id) {
            return self.fault(place, Fault::DuplicateId(passage.id));
        }
        if passage.title.is_empty() && passage.text.is_empty() {
            self.empty.insert(passage.id);
            return self.drop("passages without a text");
        }
        self.passages.insert(passage.id.clone(), passage);
    }

    /// The place of a passage that is known by its text alone.
    pub(crate) fn passage_of_text(&mut self, text: &str) -> String {
        let id = text.to_owned();
        let passage = || Passage { id: String::new(), title: String::new(), text: text.to_owned() };
        self.passages.entry(id.clone()).or_insert_with(passage);
        id
    }

    /// Takes a query; one whose id is known already is a fault.
    pub(crate) fn add_query(&mut self, id: &str, text: &str, place: Place) {
        self.statistics.rows += 1;
        if self.queries.contains_key(id) {
            return self.fault(place, Fault::DuplicateId(id.to_owned()));
        }
        if text.is_empty() {
            return self.fault(place, Fault::EmptyField("text"));
        }
        self.queries.insert(id.to_owned(), text.to_owned());
    }

    /// Takes a query that is known by its text alone.
    pub(crate) fn query_of_text(&mut self, text: &str) {
        self.statistics.rows += 1;
        self.queries.entry(text.to_owned()).or_insert_with(|| text.to_owned());
    }

    /// Lists a passage with a query, by their ids, in a split.
    pub(crate) fn list(
        &mut self,
        (query, passage): (&str, &str),
        split: Option<&str>,
        (relevance, score): (Option<f32>, Option<f32>),
        place: Place,
    ) {
        if !self.queries.contains_key(query) {
            if !self.is_head {
                self.fault(place, Fault::UnknownQuery(query.to_owned()));
            }
            return;
        }
        let Some(index) = self.passages.get_index_of(passage) else {
            if self.empty.contains(passage) {
                self.drop("judgements of passages without a text");
            } else if !self.is_head {
                self.fault(place, Fault::UnknownPassage(passage.to_owned()));
            }
            return;
        };
        let key = (query.to_owned(), split.map(str::to_owned));
        let judged = self
            .judged
            .entry(key)
            .or_insert_with(|| Judged { place: place.clone(), passages: IndexMap::new() });
        let known = judged.passages.entry(index).or_insert((None, None));
        match (known.0, relevance) {
            (Some(one), Some(other)) if one != other => {
                let fault = Fault::TwoJudgements { query: query.to_owned(), passage: passage.to_owned() };
                return self.fault(place, fault);
            }
            (None, _) => known.0 = relevance,
            _ => {}
        }
        known.1 = known.1.or(score);
    }

    /// Notes a teacher's score for a query in whatever splits it is.
    pub(crate) fn score(&mut self, (query, passage): (&str, &str), score: f32, place: &Place) {
        let of_query = self.judged.keys().filter(|(own, _)| own == query);
        let splits: Vec<Option<String>> = of_query.map(|(_, split)| split.clone()).collect();
        let splits = if splits.is_empty() { vec![None] } else { splits };
        for split in splits {
            self.list((query, passage), split.as_deref(), (None, Some(score)), place.clone());
        }
    }

    /// Builds the dataset.
    ///
    /// # Errors
    /// Every fault that was noted, a query of which nothing says that a passage is relevant, or that nothing of a whole corpus is
    /// left.
    pub(crate) fn build(
        mut self,
        language: Option<&str>,
        extent: Extent,
    ) -> Result<Dataset<SearchQuery>, DataError> {
        let mut examples = Vec::with_capacity(self.judged.len());
        for ((id, split), judged) in std::mem::take(&mut self.judged) {
            let passages: Vec<ListedPassage> = judged
                .passages
                .into_iter()
                .map(|(passage, (relevance, score))| ListedPassage { passage, relevance, score })
                .collect();
            let text = self.queries.get(&id).cloned().unwrap_or_default();
            let query = SearchQuery { id, text, passages, split };
            // A list of scores needs no judgement.
            let is_scored = query.passages.iter().any(|listed| listed.score.is_some());
            if !query.has_positive() && !is_scored && !self.is_head {
                self.fault(judged.place, Fault::NoPositive(query.id));
                continue;
            }
            examples.push(query);
        }
        let listed: HashSet<String> = examples.iter().map(|query| query.id.clone()).collect();
        let (queries, keeps) = (std::mem::take(&mut self.queries), self.keeps_unjudged && !self.is_head);
        let others = queries.into_iter().filter(|(id, _)| !listed.contains(id));
        let unjudged = if keeps {
            let query = |(id, text)| SearchQuery { id, text, passages: Vec::new(), split: None };
            examples.extend(others.map(query));
            0
        } else {
            others.count()
        };
        let Self { passages, sources, fingerprints, statistics, problems, .. } = self;
        problems.or(())?;
        let source = sources.into_iter().collect::<Vec<_>>().join(", ");
        let mut statistics = ReadStatistics { source, kept: examples.len(), ..statistics };
        if unjudged > 0 && extent == Extent::Whole {
            statistics.dropped.insert("queries without a judgement".into(), unjudged);
        }
        if examples.is_empty() && extent == Extent::Whole {
            return Err(statistics.nothing_kept(&statistics.source));
        }
        let numbered = |(number, (_, passage)): (usize, (String, Passage))| {
            let id = if passage.id.is_empty() { (number + 1).to_string() } else { passage.id };
            Passage { id, ..passage }
        };
        let details = SearchDetails {
            passages: passages.into_iter().enumerate().map(numbered).collect(),
            languages: language.map(str::to_owned).into_iter().collect(),
        };
        Ok(Dataset::new(examples, details, statistics, join_fingerprints(&fingerprints)))
    }
}
