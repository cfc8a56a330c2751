//! Bootstrap over examples (Efron 1979): how far a value would move had other examples been drawn.
//!
//! Percentile intervals at 95 % from [`RESAMPLES`] resamples, seeded, so that a report can be made again to the
//! digit. For two models scored on the same examples each resample draws the same examples for both (paired
//! bootstrap, Koehn 2004), which takes out what is hard for either. Where examples come in groups, whole groups are drawn (cluster
//! bootstrap, Davison and Hinkley 1997, 3.8): examples of one sentence are not independent.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::scores::{Scores, check_same_examples};
use crate::error::Result;

/// The seed of every bootstrap of a report, so that it can be made again to the digit.
pub const BOOTSTRAP_SEED: u64 = 1;

/// How many resamples an interval is taken from.
pub const RESAMPLES: usize = 1000;

/// The difference of two models on one metric over the same examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// Value of the first model less value of the second, in the metric's own unit.
    pub difference: f64,
    /// 95 % interval of the difference.
    pub interval: [f64; 2],
    /// How many examples both were scored on.
    pub examples: usize,
}

impl Scores {
    /// The 95 % percentile bootstrap interval over examples, see [`interval`].
    #[must_use]
    pub fn interval(&self, seed: u64) -> Option<[f64; 2]> {
        interval(self, seed)
    }
}

/// The 95 % percentile interval of the value of some scores; none where the value has none.
#[must_use]
pub fn interval(scores: &Scores, seed: u64) -> Option<[f64; 2]> {
    scores.value()?;
    percentiles(resample_scores(scores, seed, |drawn| scores.value_over(drawn)))
}

/// Compares two models scored on the same examples with the same metric; none where one of them has no value.
///
/// # Errors
/// [`crate::ReportError::Comparison`] for different metrics, [`crate::ReportError::Length`] for different numbers of
/// examples.
pub fn paired_difference(first: &Scores, second: &Scores, seed: u64) -> Result<Option<PairedDifference>> {
    check_same_examples(first, second)?;
    let (Some(one), Some(other)) = (first.value(), second.value()) else { return Ok(None) };
    let differences = resample_scores(first, seed, |drawn| {
        let value = |scores: &Scores| scores.value_over(drawn);
        Some(value(first)? - value(second)?)
    });
    let examples = first.examples();
    Ok(percentiles(differences).map(|interval| PairedDifference {
        difference: one - other,
        interval,
        examples,
    }))
}

/// The statistic of each resample of some scores' examples, or of their groups, without those in which it has no value.
fn resample_scores<T>(scores: &Scores, seed: u64, statistic: impl Fn(&[usize]) -> Option<T>) -> Vec<T> {
    match scores.groups() {
        [] => resample(scores.examples(), seed, statistic),
        groups => resample(groups.len(), seed, |drawn| {
            let examples: Vec<usize> =
                drawn.iter().flat_map(|&group| groups[group].iter().copied()).collect();
            statistic(&examples)
        }),
    }
}

/// The statistic of each resample, without those in which it has no value.
pub(crate) fn resample<T>(examples: usize, seed: u64, statistic: impl Fn(&[usize]) -> Option<T>) -> Vec<T> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn = vec![0; examples];
    (0..RESAMPLES)
        .filter_map(|_| {
            for index in &mut drawn {
                *index = random.random_range(0..examples);
            }
            statistic(&drawn)
        })
        .collect()
}

/// The smallest share of resamples that must have a value: an interval of the few that do would be one of chosen examples.
const MIN_DEFINED: f64 = 0.95;

/// The 2.5th and the 97.5th percentile; none where too many resamples had no value.
pub(crate) fn percentiles(mut values: Vec<f64>) -> Option<[f64; 2]> {
    if (values.len() as f64) < MIN_DEFINED * RESAMPLES as f64 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at =
        |share: f64| values.get((share * (values.len().checked_sub(1)?) as f64).round() as usize).copied();
    Some([at(0.025)?, at(0.975)?])
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::{classes, texts};
    use super::super::{ScoringContext, score_all};
    use super::*;

    fn accuracy(hits: impl Iterator<Item = bool>) -> Scores {
        let predictions: Vec<&str> = hits.map(|hit| if hit { "a" } else { "b" }).collect();
        let references = texts(&vec!["a"; predictions.len()]);
        score_all(&["word-accuracy"], &texts(&predictions), &references, 1)
            .unwrap()
            .swap_remove("word-accuracy")
            .unwrap()
    }

    #[test]
    fn interval_is_as_wide_as_the_binomial() {
        // 500 of 1,000: standard error 0.0158, so the interval is about 0.469 to 0.531.
        let scores = accuracy((0..1000).map(|i| i % 2 == 0));
        let [low, high] = scores.interval(7).unwrap();
        assert!((low - 0.469).abs() < 0.006 && (high - 0.531).abs() < 0.006, "{low} {high}");
        assert_eq!(scores.interval(7), scores.interval(7));
        assert_ne!(scores.interval(7), scores.interval(8));
    }

    #[test]
    fn pairing_narrows_the_interval_of_a_difference() {
        // The second model fails wherever the first does, and on every 20th example besides.
        let first = accuracy((0..1000).map(|i| i % 2 == 0));
        let second = accuracy((0..1000).map(|i| i % 2 == 0 && i % 20 != 0));
        let paired = paired_difference(&first, &second, 7).unwrap().unwrap();
        assert!((paired.difference - 0.05).abs() < 1e-12);
        assert!(paired.interval[0] > 0.03 && paired.interval[1] < 0.07, "{paired:?}");
    }

    #[test]
    fn groups_are_drawn_as_a_whole() {
        // 1,000 examples in 100 groups, all of a group right or wrong: as wide as of 100 examples.
        let predictions: Vec<&str> = (0..1000).map(|i| if i / 10 % 2 == 0 { "a" } else { "b" }).collect();
        let groups: Vec<usize> = (0..1000).map(|i| i / 10).collect();
        let context = ScoringContext { groups: &groups, ..ScoringContext::default() };
        let references = texts(&["a"; 1000]);
        let scores = score_all(&["word-accuracy"], &texts(&predictions), &references, context).unwrap();
        let [low, high] = scores[0].interval(7).unwrap();
        assert!((low - 0.40).abs() < 0.02 && (high - 0.60).abs() < 0.02, "{low} {high}");
        let other = score_all(&["word-accuracy"], &texts(&["b"; 1000]), &references, context).unwrap();
        let paired = paired_difference(&scores[0], &other[0], 7).unwrap().unwrap();
        assert_eq!((paired.interval, paired.examples), ([low, high], 1000));
    }

    #[test]
    fn a_value_that_most_resamples_do_not_have_gets_no_interval() {
        // One of three examples is of the positive class: most resamples of one model's answers have none of it.
        let known = ["no".to_owned(), "yes".to_owned()];
        let context = ScoringContext { classes: &known, seed: 1, ..ScoringContext::default() };
        let same = classes(&["yes", "no", "no"]);
        let scores = score_all(&["f1"], &same, &same, context).unwrap();
        assert_eq!((scores[0].value(), scores[0].interval(7)), (Some(1.0), None));
    }

    #[test]
    fn nothing_to_draw_from_gives_no_interval() {
        assert_eq!(interval(&accuracy([].into_iter()), 1), None);
        let none = || accuracy([].into_iter());
        assert_eq!(paired_difference(&none(), &none(), 1).unwrap(), None);
        assert!(paired_difference(&accuracy([true].into_iter()), &accuracy([].into_iter()), 1).is_err());
    }
}
