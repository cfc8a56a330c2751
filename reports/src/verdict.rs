//! Comparison of student and baseline, and its verdict.

use crate::error::Result;
use crate::metrics::{BOOTSTRAP_SEED, Direction, Scores, find, paired_difference};
use crate::numbers;
use serde::{Deserialize, Serialize};

/// Verdict of a comparison of student and baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// The whole interval of the improvement lies above 0.
    #[serde(rename = "better")]
    Better,
    /// The interval does not reach above 0.
    #[serde(rename = "not better")]
    NotBetter,
    /// The interval reaches to both sides of 0: the spread does not allow a word.
    #[serde(rename = "inconclusive")]
    Inconclusive,
}

impl Verdict {
    /// The word as it stands in `metrics.json`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::NotBetter => "not better",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What the spread of a comparison was taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Several trainings of each model: Welch's interval of the difference of their means.
    Seeds,
    /// One training: the paired bootstrap over examples.
    Examples,
}

/// A verdict with its metric, difference and interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BaselineComparison {
    /// The word.
    pub verdict: Verdict,
    /// The metric compared on.
    pub metric: String,
    /// By how much the student is better, in the metric's unit: negative when it is worse, whatever the metric's
    /// direction.
    pub improvement: f64,
    /// The 95 % interval of the improvement.
    pub interval: [f64; 2],
    /// What the interval was taken from.
    pub basis: Basis,
    /// How many trainings of the student and of the baseline.
    pub seeds: [usize; 2],
    /// Over how many examples.
    pub examples: usize,
}

/// Compares student and baseline on one metric, each with one set of scores for each seed, all over the same
/// examples.
///
/// With two seeds or more on both sides the spread is that over seeds: Welch's 95 % interval of the difference
/// of means, examples taken as given. With one seed on a side, or where all seeds of a side came to the same value and so
/// have no spread, it is the paired bootstrap over examples, which says nothing of what another seed would have given;
/// the report says so.
///
/// There is no verdict where a model has no value, as a correlation of answers that are all the same has none.
///
/// # Errors
/// [`crate::ReportError::Comparison`] for a side without scores, [`crate::ReportError::Length`] for different examples.
pub fn compare_with_baseline(student: &[Scores], baseline: &[Scores]) -> Result<Option<BaselineComparison>> {
    let student_mean = Scores::mean_over_seeds(student)?;
    let baseline_mean = Scores::mean_over_seeds(baseline)?;
    let metric = student_mean.metric();
    // Also checks that both sides belong together.
    let Some(paired) = paired_difference(&student_mean, &baseline_mean, BOOTSTRAP_SEED)? else {
        return Ok(None);
    };
    let several = student.len() > 1 && baseline.len() > 1;
    let over_seeds = match (values(student), values(baseline)) {
        (Some(student), Some(baseline)) if several => welch(&student, &baseline),
        _ => None,
    };
    let (basis, difference, interval) = match over_seeds {
        Some([difference, low, high]) => (Basis::Seeds, difference, [low, high]),
        None => (Basis::Examples, paired.difference, paired.interval),
    };
    let (improvement, interval) = match metric.direction {
        Direction::Higher => (difference, interval),
        Direction::Lower => (-difference, [-interval[1], -interval[0]]),
    };
    let verdict = if interval[0] > 0.0 {
        Verdict::Better
    } else if interval[1] <= 0.0 {
        Verdict::NotBetter
    } else {
        Verdict::Inconclusive
    };
    Ok(Some(BaselineComparison {
        verdict,
        metric: metric.name.to_string(),
        improvement,
        interval,
        basis,
        seeds: [student.len(), baseline.len()],
        examples: paired.examples,
    }))
}

impl BaselineComparison {
    /// The verdict in plain words, with its interval, examples and seeds. `many` names the examples, as in
    /// `words`.
    #[must_use]
    pub fn in_words(&self, many: &str) -> String {
        let opening = match self.verdict {
            Verdict::Better => "The student is better than the baseline",
            Verdict::NotBetter => "The student is not better than the baseline",
            Verdict::Inconclusive => "Whether the student is better than the baseline is not decided",
        };
        let lower = find(&self.metric).is_ok_and(|metric| metric.direction == Direction::Lower);
        let change = match (self.improvement >= 0.0, lower) {
            (true, true) | (false, false) => "lower",
            (true, false) | (false, true) => "higher",
        };
        let change = if numbers::is_zero(&self.metric, self.improvement) {
            "equal".to_owned()
        } else {
            format!("{} {change}", numbers::points(&self.metric, self.improvement.abs()))
        };
        let sign = if self.improvement >= 0.0 { 1.0 } else { -1.0 };
        let mut ends = self.interval.map(|end| sign * end);
        ends.sort_by(f64::total_cmp);
        let interval = numbers::points_interval(&self.metric, ends);
        let basis = match self.basis {
            Basis::Seeds => "over seeds",
            Basis::Examples => "by paired bootstrap",
        };
        let [student, baseline] = self.seeds;
        let seeds = if student == baseline {
            numbers::counted(student, "seed", "seeds")
        } else {
            let student = numbers::counted(student, "seed", "seeds");
            format!("{student} of the student and {baseline} of the baseline")
        };
        let caution = match self.basis {
            Basis::Examples => " What another seed would have given is not known.",
            Basis::Seeds => "",
        };
        format!(
            "{opening}: its {} is {change} (95 % interval {interval} {basis}; {} {many}, {seeds}).{caution}",
            numbers::metric_title(&self.metric),
            numbers::thousands(self.examples as u64),
        )
    }
}

impl BaselineComparison {
    /// The smallest difference that the comparison can show, half the width of its interval, in one sentence; none where its interval has no width. `many` names the examples.
    #[must_use]
    pub fn resolution_in_words(&self, many: &str) -> Option<String> {
        let half = (self.interval[1] - self.interval[0]) / 2.0;
        (half > 0.0 && !numbers::is_zero(&self.metric, half)).then(|| {
            format!(
                "{} {many}: differences of {} under {} cannot be seen.",
                numbers::thousands(self.examples as u64),
                numbers::metric_title(&self.metric),
                numbers::points(&self.metric, half)
            )
        })
    }
}

/// The value of each seed; none where one has none.
fn values(seeds: &[Scores]) -> Option<Vec<f64>> {
    seeds.iter().map(Scores::value).collect()
}

/// Difference of means and its 95 % interval by Welch's t with the Welch–Satterthwaite degrees of freedom; none where
/// neither side varies.
fn welch(first: &[f64], second: &[f64]) -> Option<[f64; 3]> {
    let (mean_a, error_a) = mean_and_squared_error(first);
    let (mean_b, error_b) = mean_and_squared_error(second);
    let difference = mean_a - mean_b;
    let total = error_a + error_b;
    if total == 0.0 {
        return None;
    }
    let freedom = total * total
        / (error_a * error_a / (first.len() - 1) as f64 + error_b * error_b / (second.len() - 1) as f64);
    let margin = student_t(freedom) * total.sqrt();
    Some([difference, difference - margin, difference + margin])
}

/// Mean, and the square of its standard error. At least two values.
fn mean_and_squared_error(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    (mean, variance / count)
}

/// The 97.5 % quantile of Student's t, degrees of freedom rounded down, which widens the interval.
fn student_t(freedom: f64) -> f64 {
    const QUANTILES: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    let index = (freedom.floor().max(1.0) as usize - 1).min(QUANTILES.len() - 1);
    QUANTILES[index]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::examples::{numbers, texts};
    use crate::metrics::score_all;

    /// `wrong` of 200 outputs are off by one character of four.
    fn scores(wrong: usize) -> Scores {
        let outputs: Vec<_> = (0..200).map(|i| if i < wrong { "abcx" } else { "abcd" }).collect();
        score_all(&["cer"], &texts(&outputs), &texts(&["abcd"; 200]), 1).unwrap().swap_remove("cer").unwrap()
    }

    #[test]
    fn seeds_that_all_came_to_the_same_are_compared_by_examples() {
        let comparison =
            compare_with_baseline(&[scores(20), scores(20)], &[scores(24), scores(24)]).unwrap().unwrap();
        assert_eq!((comparison.verdict, comparison.basis), (Verdict::Better, Basis::Examples));
        assert!(
            comparison.interval[0] < comparison.improvement
                && comparison.improvement < comparison.interval[1]
        );
    }

    #[test]
    fn one_seed_is_compared_by_examples() {
        let comparison = compare_with_baseline(&[scores(20)], &[scores(60)]).unwrap().unwrap();
        assert_eq!((comparison.verdict, comparison.basis), (Verdict::Better, Basis::Examples));
        assert!((comparison.improvement - 0.05).abs() < 1e-12);
        assert_eq!(
            compare_with_baseline(&[scores(60)], &[scores(20)]).unwrap().unwrap().verdict,
            Verdict::NotBetter
        );
        assert_eq!(
            compare_with_baseline(&[scores(20)], &[scores(21)]).unwrap().unwrap().verdict,
            Verdict::Inconclusive
        );
        assert_eq!(
            compare_with_baseline(&[scores(20)], &[scores(20)]).unwrap().unwrap().verdict,
            Verdict::NotBetter
        );
    }

    #[test]
    fn several_seeds_are_compared_by_their_spread() {
        let close = compare_with_baseline(
            &[scores(20), scores(22), scores(21)],
            &[scores(60), scores(61), scores(62)],
        )
        .unwrap()
        .unwrap();
        assert_eq!((close.verdict, close.basis), (Verdict::Better, Basis::Seeds));
        let wide = compare_with_baseline(
            &[scores(20), scores(90), scores(50)],
            &[scores(60), scores(61), scores(62)],
        )
        .unwrap()
        .unwrap();
        assert_eq!(wide.verdict, Verdict::Inconclusive);
        // Welch by hand: values 0.1, 0.2 and 0.3, 0.5; squared errors 0.0025 and 0.01, freedom 1.47, t 12.706.
        let [difference, low, high] = welch(&[0.1, 0.2], &[0.3, 0.5]).unwrap();
        assert!((difference + 0.25).abs() < 1e-12);
        assert!((high - low - 2.0 * 12.706 * 0.0125_f64.sqrt()).abs() < 1e-9);
        assert_eq!(welch(&[0.5, 0.5], &[0.25, 0.25]), None);
    }

    #[test]
    fn words_say_by_how_much_over_how_many() {
        let words = compare_with_baseline(&[scores(20)], &[scores(60)]).unwrap().unwrap().in_words("words");
        assert!(
            words.starts_with("The student is better than the baseline: its CER is 5.0 points lower"),
            "{words}"
        );
        assert!(words.contains("200 words, 1 seed"), "{words}");
        let worse = compare_with_baseline(&[scores(60)], &[scores(20)]).unwrap().unwrap().in_words("words");
        assert!(worse.contains("its CER is 5.0 points higher"), "{worse}");
        let unequal = compare_with_baseline(&[scores(20), scores(30)], &[scores(60)])
            .unwrap()
            .unwrap()
            .in_words("words");
        assert!(unequal.contains("2 seeds of the student and 1 of the baseline"), "{unequal}");
    }

    #[test]
    fn difference_that_rounds_to_nothing_is_equal() {
        let same = compare_with_baseline(&[scores(20)], &[scores(20)]).unwrap().unwrap();
        assert!(same.in_words("words").contains("its CER is equal (95 %"), "{}", same.in_words("words"));
        assert_eq!(same.resolution_in_words("words"), None);
    }

    #[test]
    fn resolution_is_half_of_the_interval() {
        let mut comparison = compare_with_baseline(&[scores(20)], &[scores(60)]).unwrap().unwrap();
        comparison.interval = [0.01, 0.05];
        let words = comparison.resolution_in_words("words").unwrap();
        assert_eq!(words, "200 words: differences of CER under 2.0 points cannot be seen.");
    }

    #[test]
    fn sides_that_do_not_belong_together_are_refused() {
        assert!(compare_with_baseline(&[], &[scores(1)]).is_err());
        let short =
            score_all(&["cer"], &texts(&["a"]), &texts(&["b"]), 1).unwrap().swap_remove("cer").unwrap();
        assert!(compare_with_baseline(&[scores(1)], &[short]).is_err());
    }

    #[test]
    fn a_model_without_a_value_gets_no_verdict() {
        let references = numbers(&[1.0, 2.0, 3.0]);
        let correlation = |predictions: [f64; 3]| {
            score_all(&["spearman"], &numbers(&predictions), &references, 1)
                .unwrap()
                .swap_remove("spearman")
                .unwrap()
        };
        let (same, varied) = (correlation([1.0; 3]), correlation([1.0, 2.0, 3.0]));
        assert_eq!(
            compare_with_baseline(std::slice::from_ref(&same), std::slice::from_ref(&varied)).unwrap(),
            None
        );
        assert_eq!(compare_with_baseline(&[varied.clone(), same], &[varied.clone(), varied]).unwrap(), None);
    }
}
