//! Questions with choices, of which one is right: multiple choice.

use std::borrow::Cow;
use std::collections::HashSet;

use indexmap::{IndexMap, IndexSet};

use crate::dataset::{Dataset, SplitExample, Splits};
use crate::error::DataError;
use crate::source::Extent;
use crate::split::{HoldOut, OverlapKeys, SplitOptions, remove_held_keys, remove_shared_keys, test_keys};
use crate::stable_hash::{self, join_fingerprints, unit_interval};
use crate::statistics::ReadStatistics;
use crate::texts::{Label, Text};

/// A question with its choices.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceQuestion {
    /// What the question is about, by which it is split: COPA's premise, the first column of a prompt.
    pub premise: String,
    /// What a model reads of each choice: the prompt as the first text of a pair, and the choice as the second.
    pub pairs: Vec<Text>,
    /// The place of the right choice, counted from 0; none where it is not known.
    pub label: Option<usize>,
    /// The kind of the question, such as `cause` and `effect`, where the corpus says it.
    pub kind: Option<String>,
    /// The value of the corpus's split.
    pub split: Option<String>,
}

impl ChoiceQuestion {
    /// A question of a premise, with a prompt and a choice each, as a model reads them. `line` is its line, or row, in its file.
    pub(crate) fn new(premise: &str, pairs: impl IntoIterator<Item = (String, String)>, line: usize) -> Self {
        let pair = |(prompt, choice)| Text {
            first: prompt,
            second: Some(choice),
            negatives: Vec::new(),
            label: Label::None,
            language: None,
            id: None,
            split: None,
            line,
            mixer: None,
        };
        let pairs = pairs.into_iter().map(pair).collect();
        Self { premise: premise.to_owned(), pairs, label: None, kind: None, split: None }
    }

    /// The prompt, as a model reads it with the first choice.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.pairs.first().map_or("", |pair| &pair.first)
    }

    /// The choices, as a model reads them.
    pub fn choices(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().filter_map(|pair| pair.second.as_deref())
    }

    /// Whether it is in a share of all, by the hash of its premise. Smaller shares lie within larger ones.
    #[must_use]
    pub fn is_in_subsample(&self, fraction: f64) -> bool {
        fraction >= 1.0 || unit_interval(&["choices", &self.premise]) < fraction
    }
}

/// Details of a dataset of questions with choices: its language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChoiceDetails {
    /// Code of the language, where it is known.
    pub languages: Vec<String>,
}

/// Questions about one premise are in one split.
impl OverlapKeys for ChoiceQuestion {
    const WHAT: &'static str = "questions with choices";

    fn overlap_keys(&self) -> Vec<u128> {
        vec![stable_hash::key(&["premise", &self.premise])]
    }
}

/// Questions go by their premise, and no two splits share one.
impl SplitExample for ChoiceQuestion {
    type Details = ChoiceDetails;

    fn split_value(&self) -> Option<&str> {
        self.split.as_deref()
    }

    fn split_key<'e>(&'e self, _: &'e ChoiceDetails) -> Cow<'e, str> {
        Cow::Borrowed(&self.premise)
    }

    fn remove_overlap(
        splits: &mut Splits<Self>,
        options: &SplitOptions,
        _: &HoldOut,
    ) -> IndexMap<String, usize> {
        remove_shared_keys(splits, options.overlap)
    }

    fn languages(details: &ChoiceDetails) -> &[String] {
        &details.languages
    }

    fn test_keys(dataset: &Dataset<Self>) -> HashSet<u128> {
        test_keys(&dataset.splits)
    }

    fn remove_keys(dataset: &mut Dataset<Self>, held: &HashSet<u128>) {
        remove_held_keys(dataset, held);
    }
}

/// Builder of a dataset of questions with choices, which counts what it drops.
#[derive(Debug, Default)]
pub(crate) struct ChoicesBuilder {
    seen: IndexSet<Key>,
    questions: Vec<ChoiceQuestion>,
    sources: Vec<String>,
    fingerprints: Vec<String>,
    /// Statistics of reading so far.
    pub(crate) statistics: ReadStatistics,
}

/// What makes a question the same as another: its texts, its label and its split.
type Key = (Vec<(String, Option<String>)>, Option<usize>, Option<String>);

impl ChoicesBuilder {
    /// Notes a file that is read.
    pub(crate) fn add_source(&mut self, name: &str, fingerprint: String) {
        self.sources.push(name.to_owned());
        self.fingerprints.push(fingerprint);
    }

    /// Counts a question that is dropped.
    pub(crate) fn drop(&mut self, reason: &str) {
        self.statistics.rows += 1;
        *self.statistics.dropped.entry(reason.to_owned()).or_default() += 1;
    }

    /// Takes a question, unless it repeats an earlier one.
    pub(crate) fn push(&mut self, question: ChoiceQuestion) {
        let texts = question.pairs.iter().map(|pair| (pair.first.clone(), pair.second.clone())).collect();
        if !self.seen.insert((texts, question.label, question.split.clone())) {
            return self.drop("questions that repeat an earlier one");
        }
        self.statistics.rows += 1;
        self.questions.push(question);
    }

    /// Builds the dataset. It is an error if nothing of a whole corpus is left.
    pub(crate) fn build(
        mut self,
        language: Option<&str>,
        extent: Extent,
    ) -> Result<Dataset<ChoiceQuestion>, DataError> {
        let source = self.sources.join(", ");
        if self.questions.is_empty() && extent == Extent::Whole {
            return Err(self.statistics.nothing_kept(&source));
        }
        let unlabelled = self.questions.iter().filter(|question| question.label.is_none()).count();
        if unlabelled > 0 {
            let all = self.questions.len();
            self.statistics.notes.push(format!("{source}: {unlabelled} of {all} questions have no label"));
        }
        let statistics = ReadStatistics { source, kept: self.questions.len(), ..self.statistics };
        let details = ChoiceDetails { languages: language.map(str::to_owned).into_iter().collect() };
        Ok(Dataset::new(self.questions, details, statistics, join_fingerprints(&self.fingerprints)))
    }
}
