//! Questions about passages of text, whose answers are spans of the passage.

use std::borrow::Cow;
use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::error::DataError;
use crate::language_code::languages;
use crate::source::Extent;
use crate::split::{HoldOut, OverlapKeys, SplitOptions, remove_held_keys, remove_shared_keys, test_keys};
use crate::stable_hash::{self, join_fingerprints, unit_interval};
use crate::statistics::ReadStatistics;

/// An answer: a span of a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSpan {
    /// The text, as it stands in the passage.
    pub text: String,
    /// The byte of the passage at which it begins.
    pub start: usize,
}

/// A question about a passage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassageQuestion {
    /// Its id in the file.
    pub id: String,
    /// The question.
    pub question: String,
    /// The passage, which questions share.
    pub passage: std::sync::Arc<str>,
    /// The answers that are right, of which each may be predicted; none where the passage has no answer.
    pub answers: Vec<AnswerSpan>,
    /// Whether anything is known of its answer.
    pub is_labelled: bool,
    /// Code of its language, where it is known.
    pub language: Option<String>,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

impl PassageQuestion {
    /// Whether it is in a share of all, by the hash of its question and passage. Smaller shares lie within larger ones.
    #[must_use]
    pub fn is_in_subsample(&self, fraction: f64) -> bool {
        fraction >= 1.0 || unit_interval(&["passages", &self.question, &self.passage]) < fraction
    }
}

/// Details of a dataset of questions about passages: their languages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PassageDetails {
    /// Codes of the languages of its questions, in the order in which they first come; none where they are not known.
    pub languages: Vec<String>,
}

/// Questions about one passage are in one split.
impl OverlapKeys for PassageQuestion {
    const WHAT: &'static str = "questions about passages";

    fn overlap_keys(&self) -> Vec<u128> {
        vec![stable_hash::key(&["passage", &self.passage])]
    }
}

/// Questions go by their passage, and no two splits share one.
impl SplitExample for PassageQuestion {
    type Details = PassageDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, _: &'e PassageDetails) -> Cow<'e, str> {
        Cow::Borrowed(&self.passage)
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &PassageDetails) -> &[String] {
        &details.languages
    }

    fn test_keys(dataset: &Dataset<Self>) -> HashSet<u128> {
        test_keys(&dataset.splits)
    }

    fn remove_keys(dataset: &mut Dataset<Self>, held: &HashSet<u128>) {
        remove_held_keys(dataset, held);
    }
}

/// Builder of a dataset of questions about passages, which counts what it drops.
#[derive(Debug, Default)]
pub(crate) struct PassagesBuilder {
    questions: IndexSet<Key>,
    examples: Vec<PassageQuestion>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    /// Statistics of reading so far.
    pub(crate) statistics: ReadStatistics,
}

/// What makes a question the same as another: its text, its passage, its language and its split.
type Key = (String, std::sync::Arc<str>, Option<String>, Option<String>);

impl PassagesBuilder {
    /// Notes a file that is read.
    pub(crate) fn add_source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Counts something dropped.
    pub(crate) fn drop(&mut self, reason: &str) {
        *self.statistics.dropped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Takes a question, unless it or its passage is empty, or it repeats an earlier one.
    pub(crate) fn push(&mut self, example: PassageQuestion) {
        self.statistics.rows += 1;
        if example.question.trim().is_empty() || example.passage.trim().is_empty() {
            return self.drop("questions without a text or a passage");
        }
        let PassageQuestion { question, passage, language, split, .. } = &example;
        let key = (question.clone(), passage.clone(), language.clone(), split.clone());
        if !self.questions.insert(key) {
            return self.drop("questions that repeat an earlier one");
        }
        self.examples.push(example);
    }

    /// Builds the dataset. It is an error if nothing of a whole corpus is left.
    pub(crate) fn build(self, extent: Extent) -> Result<Dataset<PassageQuestion>, DataError> {
        let source = self.sources.join(", ");
        if self.examples.is_empty() && extent == Extent::Whole {
            return Err(self.statistics.nothing_kept(&source));
        }
        let languages = languages(&source, self.examples.iter().map(|example| example.language.as_deref()))?;
        let statistics = ReadStatistics { source, kept: self.examples.len(), ..self.statistics };
        let details = PassageDetails { languages };
        Ok(Dataset::new(self.examples, details, statistics, join_fingerprints(&self.fingerprints)))
    }
}
