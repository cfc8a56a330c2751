use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::document_frequencies::DocumentFrequencies;
use super::prediction::{Prediction, PredictionKind};

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Less is better: an error rate.
    Lower,
    /// More is better: an accuracy.
    Higher,
}

/// Where a metric's references come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceSource {
    /// The labels of the data: the metric measures quality.
    Labels,
    /// The predictions of another model, usually the teacher: the metric measures fidelity.
    Model,
}

/// One metric: its name, which way it improves, the predictions that it accepts, and what an example contributes.
#[derive(Debug)]
pub struct Metric {
    /// The name in recipes and in `metrics.json`, in kebab-case.
    pub name: &'static str,
    /// One line on what it measures.
    pub summary: &'static str,
    /// The examples and predictions of which it has no value, in a few words.
    pub undefined: &'static str,
    /// Which way it improves.
    pub direction: Direction,
    /// Whether it is a share or a rate, shown in per cent; else a coefficient.
    pub is_share: bool,
    /// Where its references come from.
    pub reference_source: ReferenceSource,
    /// Kinds of predictions that it measures.
    pub accepts: &'static [PredictionKind],
    /// Kinds of references that it compares them with.
    pub references: &'static [PredictionKind],
    /// What it needs of a task beside the kinds: how many classes there are, or what its tags mark.
    pub(super) suits: fn(&TaskDescription<'_>) -> bool,
    /// Whether a suitable task is measured by it where a recipe names no metrics.
    pub(super) is_default: fn(&TaskDescription<'_>) -> bool,
    /// What each example contributes.
    pub(super) contributions: fn(&[ScoredPair<'_>], &ScoringContext<'_>) -> Vec<Contribution>,
    /// The value; none where the examples say nothing.
    pub(super) value: Value,
}

impl Metric {
    /// Whether it measures the predictions of a task.
    #[must_use]
    pub fn suits(&self, task: &TaskDescription<'_>) -> bool {
        self.accepts.contains(&task.predictions)
            && self.references.contains(&task.references)
            && (self.suits)(task)
    }

    /// Whether the predictions of a task are measured by it where a recipe names no metrics.
    #[must_use]
    pub fn is_default_for(&self, task: &TaskDescription<'_>) -> bool {
        self.reference_source == ReferenceSource::Labels && self.suits(task) && (self.is_default)(task)
    }
}

/// For [`Metric`]s that suit every task, or are a default of every task, of the kinds that they accept.
pub(super) fn always(_: &TaskDescription<'_>) -> bool {
    true
}

/// For metrics that are taken only where a recipe names them.
pub(super) fn never(_: &TaskDescription<'_>) -> bool {
    false
}

/// What a task predicts, by which metrics are chosen.
#[derive(Debug, Clone, Copy)]
pub struct TaskDescription<'a> {
    /// The kind of its predictions.
    pub predictions: PredictionKind,
    /// The kind of its references.
    pub references: PredictionKind,
    /// Its classes or tags; empty where predictions are neither.
    pub classes: &'a [String],
    /// Whether a reference holds several answers, or one that is only partly right; see [`Prediction::is_graded`].
    pub is_graded: bool,
    /// Whether examples come in groups; see [`ScoringContext::groups`].
    pub is_grouped: bool,
    /// Whether right texts are known in other languages; see [`ScoringContext::in_other_languages`].
    pub is_multilingual: bool,
}

impl<'a> TaskDescription<'a> {
    /// A task whose references are of the same kind as its predictions.
    #[must_use]
    pub fn new(kind: PredictionKind, classes: &'a [String]) -> Self {
        Self {
            predictions: kind,
            references: kind,
            classes,
            is_graded: false,
            is_grouped: false,
            is_multilingual: false,
        }
    }

    /// The same task with references of another kind.
    #[must_use]
    pub fn with_references(self, references: PredictionKind) -> Self {
        Self { references, ..self }
    }

    /// The same task, with or without examples in groups.
    #[must_use]
    pub fn grouped(self, is_grouped: bool) -> Self {
        Self { is_grouped, ..self }
    }

    /// The same task, with or without right texts in other languages.
    #[must_use]
    pub fn multilingual(self, is_multilingual: bool) -> Self {
        Self { is_multilingual, ..self }
    }

    /// The same task, with or without references that are only partly right.
    #[must_use]
    pub fn graded(self, is_graded: bool) -> Self {
        Self { is_graded, ..self }
    }
}

impl From<PredictionKind> for TaskDescription<'_> {
    /// A task without classes whose references are of the same kind.
    fn from(kind: PredictionKind) -> Self {
        Self::new(kind, &[])
    }
}

/// What a metric knows beside the examples that it is taken over.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScoringContext<'a> {
    /// All classes or tags of the task, those that no example here has included; empty where they are not known, or
    /// predictions are neither.
    pub classes: &'a [String],
    /// The seed of the metrics that shuffle.
    pub seed: u64,
    /// Code of the language of the texts; none where it is not known or there are several. A few published metrics depend on it.
    pub language: Option<&'a str>,
    /// Code of the language of each example's text, an empty one where it is not known; empty where there is one for all, or none is
    /// known.
    pub languages: &'a [String],
    /// The group of each example, by a number: examples of a group are drawn together by the bootstrap, and are right together or
    /// not for `consistency`. Empty where each is by itself.
    pub groups: &'a [usize],
    /// What would be right of each example in another language than the one asked for; none of an example where nothing is known. Empty
    /// where there is one language.
    pub in_other_languages: &'a [Vec<String>],
    /// How many images have each n-gram in their captions, for CIDEr-D; none: as the references that are compared have them.
    pub document_frequencies: Option<&'a DocumentFrequencies>,
}

impl ScoringContext<'_> {
    /// Code of the language of an example.
    pub(super) fn language_of(&self, example: usize) -> Option<&str> {
        let own = self.languages.get(example).map(String::as_str).filter(|code| !code.is_empty());
        own.or(self.language)
    }
}

impl From<u64> for ScoringContext<'_> {
    /// A seed, and no classes.
    fn from(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// A prediction and the reference that it is compared with, both in Unicode NFC unless they are [as written](Self::as_written).
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredPair<'a> {
    /// The prediction of the model.
    pub prediction: Cow<'a, Prediction>,
    /// The label of the example, or the other model's prediction.
    pub reference: Cow<'a, Prediction>,
}

impl<'a> ScoredPair<'a> {
    /// A pair, normalised to NFC so that one letter is counted once however it was typed.
    #[must_use]
    pub fn new(prediction: &'a Prediction, reference: &'a Prediction) -> Self {
        Self { prediction: prediction.normalized(), reference: reference.normalized() }
    }

    /// A pair as it is written, for metrics that have to agree with published scripts, which normalise no forms of letters.
    #[must_use]
    pub fn as_written(prediction: &'a Prediction, reference: &'a Prediction) -> Self {
        Self { prediction: Cow::Borrowed(prediction), reference: Cow::Borrowed(reference) }
    }

    /// Both texts; none where one of the two is of another kind, or no reference is known.
    pub(super) fn texts(&self) -> Option<(&str, &str)> {
        match &*self.reference {
            Prediction::Text(reference) => Some((self.prediction.text()?, reference)),
            _ => None,
        }
    }
}

/// How the value of a metric is computed from what its examples contribute.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value {
    /// From the sums.
    OfSums(fn(&[f64]) -> Option<f64>),
    /// From the contributions one by one: which rank a number has depends on the others.
    OfContributions(fn(&[&Contribution]) -> Option<f64>),
}

/// What one example adds to a metric: numbers by the index of the sum that they go to. What is left out is zero.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Contribution(pub(super) Vec<(usize, f64)>);

impl Contribution {
    /// A part of a ratio of sums: errors made, and what they are counted over.
    pub(super) fn of_ratio(numerator: f64, denominator: f64) -> Self {
        Self(vec![(0, numerator), (1, denominator)])
    }

    /// A value of a mean over examples.
    pub(super) fn of_mean(value: f64) -> Self {
        Self::of_ratio(value, 1.0)
    }

    /// A hit or a miss of an accuracy.
    pub(super) fn of_hit(is_hit: bool) -> Self {
        Self::of_mean(f64::from(u8::from(is_hit)))
    }

    /// Nothing.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Numbers, each with the index of its sum.
    pub(super) fn of_sums(numbers: impl IntoIterator<Item = (usize, f64)>) -> Self {
        Self(numbers.into_iter().collect())
    }
}

/// The value of a ratio of sums.
pub(super) fn ratio(sums: &[f64]) -> Option<f64> {
    match sums {
        [numerator, denominator] if *denominator > 0.0 => Some(numerator / denominator),
        _ => None,
    }
}

/// The contribution of each pair of texts; pairs of other kinds contribute nothing.
pub(super) fn of_texts(
    pairs: &[ScoredPair<'_>],
    contribution: impl Fn(&str, &str) -> Contribution,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        pair.texts().map_or_else(Contribution::none, |(text, reference)| contribution(text, reference))
    };
    pairs.iter().map(own).collect()
}
