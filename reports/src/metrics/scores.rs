use super::{Contribution, Metric, Value, bootstrap};
use crate::error::{ReportError, Result};
use indexmap::IndexMap;

/// One model's contributions to one metric: one for each example, for each seed that it was trained with.
#[derive(Debug, Clone)]
pub struct Scores {
    metric: &'static Metric,
    /// Seed by seed, over the same examples.
    seeds: Vec<Vec<Contribution>>,
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
        Self { metric, seeds: vec![contributions] }
    }

    /// The metric that was taken.
    #[must_use]
    pub fn metric(&self) -> &'static Metric {
        self.metric
    }

    /// How many examples were scored.
    #[must_use]
    pub fn examples(&self) -> usize {
        self.seeds.first().map_or(0, Vec::len)
    }

    /// The value over all examples, the mean over seeds; none without examples, or where no example says anything.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value_over(&(0..self.examples()).collect::<Vec<_>>())
    }

    /// The value over some examples, by their indices; one may come several times.
    pub(super) fn value_over(&self, examples: &[usize]) -> Option<f64> {
        let mut sums = Vec::new();
        let mut total = 0.0;
        for contributions in &self.seeds {
            total += match self.metric.value {
                Value::OfEach(value) => {
                    value(&examples.iter().map(|&example| &contributions[example]).collect::<Vec<_>>())?
                }
                Value::Of(value) => {
                    sums.clear();
                    for &example in examples {
                        for &(sum, number) in &contributions[example].0 {
                            if sums.len() <= sum {
                                sums.resize(sum + 1, 0.0);
                            }
                            sums[sum] += number;
                        }
                    }
                    value(&sums)?
                }
            };
        }
        (!self.seeds.is_empty()).then(|| total / self.seeds.len() as f64)
    }

    /// The 95 % percentile bootstrap interval over examples, see [`bootstrap::interval`].
    #[must_use]
    pub fn interval(&self, seed: u64) -> Option<[f64; 2]> {
        bootstrap::interval(self, seed)
    }

    /// The value of each slice, slices in the order in which they first occur. `labels` names each example's.
    ///
    /// # Errors
    /// [`ReportError::Length`] when there is not one label for each example.
    pub fn by_slice<L: AsRef<str>>(&self, labels: &[L]) -> Result<IndexMap<String, SliceValue>> {
        if labels.len() != self.examples() {
            return Err(ReportError::Length {
                what: format!("slice labels for `{}`", self.metric.name),
                expected: self.examples(),
                found: labels.len(),
            });
        }
        let mut members: IndexMap<String, Vec<usize>> = IndexMap::new();
        for (example, label) in labels.iter().enumerate() {
            members.entry(label.as_ref().to_string()).or_default().push(example);
        }
        Ok(members
            .into_iter()
            .map(|(label, group)| {
                let value = self.value_over(&group);
                (label, SliceValue { examples: group.len(), value })
            })
            .collect())
    }

    /// One set of scores from those of several seeds on the same examples, whose value is the mean of theirs.
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
        for scores in seeds {
            same_examples(first, scores)?;
        }
        let all = seeds.iter().flat_map(|scores| scores.seeds.iter().cloned()).collect();
        Ok(Scores { metric: first.metric, seeds: all })
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
