//! Metrics over pairs of strings: one file each, one line each in [`METRICS`].
//!
//! A metric gives each example a [`Contribution`], a few numbers; its value over any set of examples is a function
//! of their sums. A mean over words sums hits and ones, a ratio of totals sums errors and lengths, a correlation sums
//! products and squares, an F1 counts by class. Kept per example, contributions give the value of every slice, a
//! bootstrap interval ([`Scores::interval`]) and a paired comparison of two models ([`paired_difference`]).

mod accuracy;
mod agreement;
pub mod bootstrap;
mod cer;
mod cer_total;
mod correlation;
mod f1;
mod matthews;
pub mod phonetic;
mod phonetic_accuracy;
mod phonetic_accuracy_shuffled;
mod recall;
mod scores;
mod span_f1;
mod tag_scheme;
mod token_accuracy;
mod vqa_accuracy;
mod word_accuracy;

use crate::error::{ReportError, Result};
use alambic_files::text::quoted;
pub use bootstrap::{PairedDifference, paired_difference};
use indexmap::IndexMap;
pub use scores::{Scores, SliceValue};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
pub use tag_scheme::TagScheme;
use unicode_normalization::{UnicodeNormalization, is_nfc};
pub use vqa_accuracy::scored;

/// All metrics, in the order in which they are listed and reported.
pub static METRICS: &[&Metric] = &[
    &cer::METRIC,
    &cer_total::METRIC,
    &word_accuracy::METRIC,
    &phonetic_accuracy::METRIC,
    &phonetic_accuracy_shuffled::METRIC,
    &accuracy::METRIC,
    &accuracy::MAJORITY,
    &vqa_accuracy::METRIC,
    &recall::AT_1,
    &recall::AT_5,
    &recall::AT_10,
    &f1::BINARY,
    &f1::MICRO,
    &f1::MACRO,
    &matthews::METRIC,
    &correlation::PEARSON,
    &correlation::SPEARMAN,
    &span_f1::METRIC,
    &token_accuracy::METRIC,
    &token_accuracy::MAJORITY,
    &agreement::METRIC,
    &recall::AGREEMENT,
];

/// Which way a metric improves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Less is better: an error rate.
    Lower,
    /// More is better: an accuracy.
    Higher,
}

/// What a metric's references are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// Known right answers.
    References,
    /// The outputs of another model, usually the teacher: fidelity.
    Model,
}

/// One metric: what it is called, which way it improves and how an example contributes.
#[derive(Debug)]
pub struct Metric {
    /// The name in recipes and in `metrics.json`, in kebab-case.
    pub name: &'static str,
    /// One line on what it measures.
    pub summary: &'static str,
    /// What examples and answers are like of which it has no value, in a few words.
    pub undefined: &'static str,
    /// Which way it improves.
    pub direction: Direction,
    /// Whether it is a share or a rate, shown in per cent; else a coefficient.
    pub share: bool,
    /// What its references are.
    pub against: Against,
    contributions: fn(&[Pair<'_>], &Context<'_>) -> Vec<Contribution>,
    /// The value; none where the examples say nothing.
    value: Value,
}

/// What a metric knows besides the examples that it is taken over.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// All classes or tags of the task, those that no example here has included; empty where they are not known, or answers
    /// are no classes.
    pub classes: &'a [String],
    /// What drives the metrics that shuffle.
    pub seed: u64,
}

impl From<u64> for Context<'_> {
    /// A seed, and no classes.
    fn from(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }
}

/// How the value of a metric comes of what its examples contribute.
#[derive(Debug, Clone, Copy)]
enum Value {
    /// From the sums.
    Of(fn(&[f64]) -> Option<f64>),
    /// From the contributions one by one: which rank a number has depends on the others.
    OfEach(fn(&[&Contribution]) -> Option<f64>),
}

/// What one example adds to a metric: numbers by the sum that they go to. What is left out is zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Contribution(Vec<(usize, f64)>);

impl Contribution {
    /// To a ratio of sums: errors made, and what they are counted over.
    pub(crate) fn of_ratio(numerator: f64, denominator: f64) -> Self {
        Self(vec![(0, numerator), (1, denominator)])
    }

    /// To a mean over examples.
    pub(crate) fn of_one(value: f64) -> Self {
        Self::of_ratio(value, 1.0)
    }

    /// A hit or a miss of an accuracy.
    pub(crate) fn hit(hit: bool) -> Self {
        Self::of_one(f64::from(u8::from(hit)))
    }

    /// Nothing.
    pub(crate) fn nothing() -> Self {
        Self(Vec::new())
    }

    /// Numbers, each with the sum that it goes to.
    pub(crate) fn of_sums(numbers: impl IntoIterator<Item = (usize, f64)>) -> Self {
        Self(numbers.into_iter().collect())
    }
}

/// The value of a ratio of sums.
pub(crate) fn ratio(sums: &[f64]) -> Option<f64> {
    match sums {
        [numerator, denominator] if *denominator > 0.0 => Some(numerator / denominator),
        _ => None,
    }
}

/// An output and what it is compared with, both in Unicode NFC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair<'a> {
    /// The output of the model.
    pub hypothesis: Cow<'a, str>,
    /// The right answer, or the other model's output.
    pub reference: Cow<'a, str>,
}

impl<'a> Pair<'a> {
    /// A pair, normalised to NFC so that one letter is counted once however it was typed.
    #[must_use]
    pub fn new(hypothesis: &'a str, reference: &'a str) -> Self {
        Self { hypothesis: normalised(hypothesis), reference: normalised(reference) }
    }
}

impl Metric {
    /// Scores each pair.
    #[must_use]
    pub fn score<'c>(&'static self, pairs: &[Pair<'_>], context: impl Into<Context<'c>>) -> Scores {
        Scores::new(self, (self.contributions)(pairs, &context.into()))
    }
}

/// Whether a figure says nothing of a model's worth, and only what it is to be held against: the same for shuffled pairs,
/// or of a model that always says the commonest class.
#[must_use]
pub fn is_yardstick(name: &str) -> bool {
    ["-shuffled", "-of-majority"].iter().any(|end| name.ends_with(end))
}

/// The metric of this name, or an error with the closest name.
///
/// # Errors
/// [`ReportError::UnknownMetric`] when there is none.
pub fn find(name: &str) -> Result<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name).copied().ok_or_else(|| {
        let closest = METRICS
            .iter()
            .map(|metric| (strsim::jaro_winkler(name, metric.name), metric.name))
            .max_by(|a, b| a.0.total_cmp(&b.0))
            .filter(|(similarity, _)| *similarity > 0.8);
        ReportError::UnknownMetric {
            name: quoted(name),
            suggestion: closest.map(|(_, name)| name.to_string()),
            known: METRICS.iter().map(|metric| metric.name).collect::<Vec<_>>().join(", "),
        }
    })
}

/// Scores one model's outputs with several metrics: name to per-example scores, in the order of `names`.
///
/// # Errors
/// [`ReportError::UnknownMetric`], or [`ReportError::Length`] when the two lists differ in length.
pub fn score_all<'c, H: AsRef<str>, R: AsRef<str>>(
    names: &[&str],
    hypotheses: &[H],
    references: &[R],
    context: impl Into<Context<'c>>,
) -> Result<IndexMap<String, Scores>> {
    if hypotheses.len() != references.len() {
        return Err(ReportError::Length {
            what: "outputs to score".to_string(),
            expected: references.len(),
            found: hypotheses.len(),
        });
    }
    let pairs: Vec<Pair<'_>> = hypotheses
        .iter()
        .zip(references)
        .map(|(hypothesis, reference)| Pair::new(hypothesis.as_ref(), reference.as_ref()))
        .collect();
    let context = context.into();
    names.iter().map(|name| Ok(((*name).to_string(), find(name)?.score(&pairs, context)))).collect()
}

/// Levenshtein distance in Unicode scalar values.
pub(crate) fn edit_distance(a: &str, b: &str) -> usize {
    strsim::levenshtein(a, b)
}

fn normalised(text: &str) -> Cow<'_, str> {
    if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str, pairs: &[(&str, &str)]) -> f64 {
        let pairs: Vec<_> = pairs.iter().map(|(h, r)| Pair::new(h, r)).collect();
        find(name).unwrap().score(&pairs, 1).value().unwrap()
    }

    #[test]
    fn character_error_rates_differ_in_what_they_average() {
        // One edit in four characters, none in two: mean of 1/4 and 0, or one edit in six.
        let pairs = [("dilli", "delli"), ("ab", "ab")];
        assert!((value("cer", &pairs) - 0.1).abs() < 1e-12);
        assert!((value("cer-total", &pairs) - 1.0 / 7.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_reference_counts_each_superfluous_character() {
        assert_eq!(value("cer", &[("abc", "")]), 3.0);
        assert_eq!(value("cer", &[("", "")]), 0.0);
        assert_eq!(value("cer-total", &[("abc", ""), ("x", "xy")]), 2.0);
    }

    #[test]
    fn forms_of_one_letter_are_equal_after_normalisation() {
        // U+0958 decomposes to U+0915 U+093C in NFC, a composition exclusion.
        assert_eq!(value("word-accuracy", &[("\u{958}", "\u{915}\u{93c}")]), 1.0);
        assert_eq!(value("cer", &[("e\u{301}", "\u{e9}")]), 0.0);
        assert_eq!(value("agreement", &[("a", "a"), ("a", "b")]), 0.5);
    }

    #[test]
    fn shuffled_phonetic_accuracy_pairs_no_word_with_itself() {
        let words = ["दिल्ली", "मुंबई", "चेन्नई", "कोलकाता", "बेंगलुरु"];
        let pairs: Vec<_> = words.iter().map(|word| (*word, *word)).collect();
        assert_eq!(value("phonetic-accuracy", &pairs), 1.0);
        for seed in 0..50 {
            let pairs: Vec<_> = words.iter().map(|word| Pair::new(word, word)).collect();
            let shuffled = find("phonetic-accuracy-shuffled").unwrap().score(&pairs, seed);
            assert_eq!(shuffled.value(), Some(0.0));
        }
        let one = find("phonetic-accuracy-shuffled").unwrap().score(&[Pair::new("a", "a")], 1);
        assert_eq!(one.value(), None);
    }

    #[test]
    fn an_unknown_metric_is_answered_with_the_closest() {
        let error = find("phonetic-acuracy").unwrap_err().to_string();
        assert!(error.contains("did you mean `phonetic-accuracy`?"), "{error}");
        assert!(!find("zzz").unwrap_err().to_string().contains("did you mean"));
    }

    #[test]
    fn lists_of_different_length_are_refused() {
        let error = score_all(&["cer"], &["a"], &["a", "b"], 1).unwrap_err().to_string();
        assert!(error.contains("1 values for 2 examples"), "{error}");
    }
}
