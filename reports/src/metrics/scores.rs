use super::{Contribution, Metric, bootstrap};
use crate::error::{ReportError, Result};
use indexmap::IndexMap;

/// One model's contributions to one metric, one for each example.
#[derive(Debug, Clone)]
pub struct Scores {
    metric: &'static Metric,
    contributions: Vec<Contribution>,
}

/// A metric over part of the examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceValue {
    /// How many examples the slice holds.
    pub examples: usize,
    /// The value, none where the examples say nothing.
    pub value: Option<f64>,
}

impl Scores {
    pub(super) fn new(metric: &'static Metric, contributions: Vec<Contribution>) -> Self {
        Self { metric, contributions }
    }

    /// The metric that was taken.
    #[must_use]
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// What each example added, in the order of the examples.
    #[must_use]
    pub fn contributions(&self) -> &[Contribution] {
        &self.contributions
    }

    /// How many examples were scored.
    #[must_use]
    pub fn examples(&self) -> usize {
        self.contributions.len()
    }

    /// The value over all examples; none without examples, or where no example says anything.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        ratio(self.contributions.iter())
    }

    /// The 95 % percentile bootstrap interval over examples, see [`bootstrap::interval`].
    #[must_use]
    pub fn interval(&self, seed: u64) -> Option<[f64; 2]> {
        bootstrap::interval(&self.contributions, seed)
    }

    /// The value of each slice, slices in the order in which they first occur. `labels` names each example's.
    ///
    /// # Errors
    /// [`ReportError::Length`] when there is not one label for each example.
    pub fn by_slice<L: AsRef<str>>(&self, labels: &[L]) -> Result<IndexMap<String, SliceValue>> {
        if labels.len() != self.contributions.len() {
            return Err(ReportError::Length {
                what: format!("slice labels for `{}`", self.metric.name),
                expected: self.contributions.len(),
                found: labels.len(),
            });
        }
        let mut members: IndexMap<String, Vec<&Contribution>> = IndexMap::new();
        for (label, contribution) in labels.iter().zip(&self.contributions) {
            members.entry(label.as_ref().to_string()).or_default().push(contribution);
        }
        Ok(members
            .into_iter()
            .map(|(label, group)| {
                (label, SliceValue { examples: group.len(), value: ratio(group.into_iter()) })
            })
            .collect())
    }

    /// One set of scores from those of several seeds on the same examples: numerators and denominators are
    /// averaged example by example, so that the value is that of a mean model.
    ///
    /// # Errors
    /// [`ReportError::Comparison`] for no seed or for different metrics, [`ReportError::Length`] when the seeds
    /// were not scored on the same number of examples.
    pub fn mean_over_seeds(seeds: &[Scores]) -> Result<Scores> {
        let Some(first) = seeds.first() else {
            return Err(ReportError::Comparison {
                metric: "?".to_string(),
                reason: "no seed was scored".to_string(),
            });
        };
        let mut sums = vec![Contribution { numerator: 0.0, denominator: 0.0 }; first.examples()];
        for scores in seeds {
            same_examples(first, scores)?;
            for (sum, contribution) in sums.iter_mut().zip(&scores.contributions) {
                sum.numerator += contribution.numerator / seeds.len() as f64;
                sum.denominator += contribution.denominator / seeds.len() as f64;
            }
        }
        Ok(Scores::new(first.metric, sums))
    }
}

/// Refuses scores that do not belong to the same metric and as many examples.
pub(super) fn same_examples(first: &Scores, second: &Scores) -> Result<()> {
    if first.metric.name != second.metric.name {
        return Err(ReportError::Comparison {
            metric: first.metric.name.to_string(),
            reason: format!("the other scores are of `{}`", second.metric.name),
        });
    }
    if first.examples() != second.examples() {
        return Err(ReportError::Length {
            what: format!("scores of `{}` to be compared", first.metric.name),
            expected: first.examples(),
            found: second.examples(),
        });
    }
    Ok(())
}

/// Sum of numerators over sum of denominators.
pub(super) fn ratio<'a>(contributions: impl Iterator<Item = &'a Contribution>) -> Option<f64> {
    let (numerator, denominator) =
        contributions.fold((0.0, 0.0), |(numerator, denominator), contribution| {
            (numerator + contribution.numerator, denominator + contribution.denominator)
        });
    (denominator > 0.0).then(|| numerator / denominator)
}

#[cfg(test)]
mod tests {
    use crate::metrics::score_all;

    #[test]
    fn slices_keep_their_first_order_and_their_counts() {
        let scores = &score_all(&["word-accuracy"], &["a", "b", "c"], &["a", "x", "c"], 1).unwrap()[0];
        let slices = scores.by_slice(&["ta", "hi", "ta"]).unwrap();
        assert_eq!(slices.keys().collect::<Vec<_>>(), ["ta", "hi"]);
        assert_eq!((slices["ta"].examples, slices["ta"].value), (2, Some(1.0)));
        assert_eq!((slices["hi"].examples, slices["hi"].value), (1, Some(0.0)));
        assert!(scores.by_slice(&["ta"]).is_err());
    }

    #[test]
    fn a_mean_over_seeds_is_the_mean_of_their_values() {
        let one = score_all(&["cer-total"], &["ab", "c"], &["ab", "d"], 1).unwrap();
        let two = score_all(&["cer-total"], &["xy", "d"], &["ab", "d"], 1).unwrap();
        let mean = super::Scores::mean_over_seeds(&[one[0].clone(), two[0].clone()]).unwrap();
        assert!((mean.value().unwrap() - 0.5).abs() < 1e-12);
        assert!(super::Scores::mean_over_seeds(&[]).is_err());
    }
}
