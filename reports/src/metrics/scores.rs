use indexmap::IndexMap;

use super::metric::{Contribution, Metric, ScoredPair, ScoringContext, Value};
use crate::error::{ReportError, Result};

/// One model's contributions to one metric: one for each example, for each seed that it was trained with.
#[derive(Debug, Clone)]
pub struct Scores {
    metric: &'static Metric,
    /// Seed by seed, over the same examples.
    seeds: Vec<Vec<Contribution>>,
    /// The examples of each group; none where each is by itself.
    groups: Vec<Vec<usize>>,
}

/// What an example adds to a metric in one training, number by number, as it is stored.
pub(crate) struct ScoreRow {
    pub(crate) example: usize,
    /// The group of the example; none where each is by itself.
    pub(crate) group: Option<usize>,
    /// A number and the sum that it goes to; none for an example that adds nothing.
    pub(crate) number: Option<(usize, f64)>,
}

/// Scores that are read again, row by row.
#[derive(Default)]
pub(crate) struct StoredScores {
    contributions: Vec<Contribution>,
    groups: IndexMap<usize, Vec<usize>>,
}

impl StoredScores {
    /// Adds a row; false if it is not of the last example or of the next one.
    pub(crate) fn add(&mut self, example: usize, group: Option<usize>, number: Option<(usize, f64)>) -> bool {
        if example > self.contributions.len() || example + 1 < self.contributions.len() {
            return false;
        }
        if example == self.contributions.len() {
            self.contributions.push(Contribution(Vec::new()));
            if let Some(group) = group {
                self.groups.entry(group).or_default().push(example);
            }
        }
        self.contributions[example].0.extend(number);
        true
    }

    /// The scores of a metric in one training.
    pub(crate) fn into_scores(self, metric: &'static Metric) -> Scores {
        let groups = self.groups.into_values().collect();
        Scores { metric, seeds: vec![self.contributions], groups }
    }
}

/// A metric over part of the examples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SliceValue {
    /// How many examples the slice holds.
    pub examples: usize,
    /// The value, none where the examples say nothing.
    pub value: Option<f64>,
}

impl Metric {
    /// Scores each pair. Those of kinds that it does not accept contribute nothing.
    #[must_use]
    pub fn score<'c>(
        &'static self,
        pairs: &[ScoredPair<'_>],
        context: impl Into<ScoringContext<'c>>,
    ) -> Scores {
        let context = context.into();
        let mut groups: IndexMap<usize, Vec<usize>> = IndexMap::new();
        for (example, group) in context.groups.iter().take(pairs.len()).enumerate() {
            groups.entry(*group).or_default().push(example);
        }
        let seeds = vec![(self.contributions)(pairs, &context)];
        Scores { metric: self, seeds, groups: groups.into_values().collect() }
    }
}

impl Scores {
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
    pub(crate) fn value_over(&self, examples: &[usize]) -> Option<f64> {
        let mut sums = Vec::new();
        let mut total = 0.0;
        for contributions in &self.seeds {
            total += match self.metric.value {
                Value::OfContributions(value) => {
                    value(&examples.iter().map(|&example| &contributions[example]).collect::<Vec<_>>())?
                }
                Value::OfSums(value) => {
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

    /// What each example adds, in their order; of several seeds that of the first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = ScoreRow> {
        let mut groups = vec![None; self.examples()];
        for (group, examples) in self.groups.iter().enumerate() {
            for &example in examples {
                groups[example] = Some(group);
            }
        }
        let contributions = self.seeds.first().into_iter().flatten();
        contributions.zip(groups).enumerate().flat_map(|(example, (own, group))| {
            let numbers = own.0.iter().copied().map(Some).chain(own.0.is_empty().then_some(None));
            numbers.map(move |number| ScoreRow { example, group, number })
        })
    }

    /// The examples that the bootstrap draws together; none where it draws them one by one.
    pub(super) fn groups(&self) -> &[Vec<usize>] {
        &self.groups
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
            check_same_examples(first, scores)?;
        }
        let all = seeds.iter().flat_map(|scores| scores.seeds.iter().cloned()).collect();
        Ok(Scores { metric: first.metric, seeds: all, groups: first.groups.clone() })
    }
}

/// Refuses scores that do not belong to the same metric and as many examples.
pub(super) fn check_same_examples(first: &Scores, second: &Scores) -> Result<()> {
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
    use super::super::prediction::examples::texts;
    use super::super::score_all;

    #[test]
    fn slices_keep_their_first_order_and_their_counts() {
        let scores =
            &score_all(&["word-accuracy"], &texts(&["a", "b", "c"]), &texts(&["a", "x", "c"]), 1).unwrap()[0];
        let slices = scores.by_slice(&["ta", "hi", "ta"]).unwrap();
        assert_eq!(slices.keys().collect::<Vec<_>>(), ["ta", "hi"]);
        assert_eq!((slices["ta"].examples, slices["ta"].value), (2, Some(1.0)));
        assert_eq!((slices["hi"].examples, slices["hi"].value), (1, Some(0.0)));
        assert!(scores.by_slice(&["ta"]).is_err());
    }

    #[test]
    fn a_mean_over_seeds_is_the_mean_of_their_values() {
        let references = texts(&["ab", "d"]);
        let one = score_all(&["cer-total"], &texts(&["ab", "c"]), &references, 1).unwrap();
        let two = score_all(&["cer-total"], &texts(&["xy", "d"]), &references, 1).unwrap();
        let mean = super::Scores::mean_over_seeds(&[one[0].clone(), two[0].clone()]).unwrap();
        assert!((mean.value().unwrap() - 0.5).abs() < 1e-12);
        assert!(super::Scores::mean_over_seeds(&[]).is_err());
    }
}
