use super::metric::{Contribution, Direction, Metric, ReferenceSource, ScoredPair, Value, always};
use super::prediction::{Prediction, PredictionKind};

/// Pearson's correlation of numbers.
pub(super) static PEARSON: Metric = Metric {
    name: "pearson",
    summary: "Pearson's correlation of predicted and true numbers",
    undefined: "numbers or answers that are all the same, or fewer than two",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Number],
    references: &[PredictionKind::Number],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_numbers(pairs, moments),
    value: Value::OfContributions(of_moments),
};

/// Spearman's rank correlation: Pearson's over ranks, equal numbers sharing the mean of theirs. Ranks are those among the
/// examples that are looked at: all, those of a slice, or those of a resample.
pub(super) static SPEARMAN: Metric = Metric {
    name: "spearman",
    summary: "Spearman's rank correlation of predicted and true numbers",
    undefined: "numbers or answers that are all the same, or fewer than two",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Number],
    references: &[PredictionKind::Number],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_numbers(pairs, numbers),
    value: Value::OfContributions(of_ranks),
};

/// Both numbers of each example.
fn numbers(predicted: &[f64], references: &[f64]) -> Vec<Contribution> {
    let both = predicted.iter().zip(references);
    both.map(|(predicted, reference)| Contribution::of_sums([(0, *predicted), (1, *reference)])).collect()
}

/// Pearson's correlation of the ranks of numbers.
fn of_ranks(examples: &[&Contribution]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = examples
        .iter()
        .filter_map(|example| match example.0.as_slice() {
            [(_, predicted), (_, reference)] => Some((*predicted, *reference)),
            _ => None,
        })
        .collect();
    let (predicted, references): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let moments = moments(&ranks(&predicted), &ranks(&references));
    of_moments(&moments.iter().collect::<Vec<_>>())
}

/// Pearson's correlation of the numbers whose moments examples contribute.
fn of_moments(examples: &[&Contribution]) -> Option<f64> {
    let mut sums = [0.0; 6];
    let mut extremes = [(f64::INFINITY, f64::NEG_INFINITY); 2];
    for example in examples {
        for &(sum, number) in &example.0 {
            sums[sum] += number;
        }
        if let [_, (_, x), (_, y), ..] = example.0.as_slice() {
            for ((least, most), number) in extremes.iter_mut().zip([x, y]) {
                (*least, *most) = (least.min(*number), most.max(*number));
            }
        }
    }
    // Of numbers that are all the same, rounding leaves a spread of its own, which would be taken for theirs.
    let varies = extremes.iter().all(|(least, most)| least < most);
    if varies { value(&sums) } else { None }
}

/// What the examples with a number as reference contribute; the others contribute nothing.
fn of_numbers(
    pairs: &[ScoredPair<'_>],
    contributions: impl Fn(&[f64], &[f64]) -> Vec<Contribution>,
) -> Vec<Contribution> {
    let both = |pair: &ScoredPair<'_>| match (&*pair.prediction, &*pair.reference) {
        (Prediction::Number(predicted), Prediction::Number(reference)) => Some((*predicted, *reference)),
        // Without a prediction there is no correlation.
        (_, Prediction::Number(reference)) => Some((f64::NAN, *reference)),
        _ => None,
    };
    let known: Vec<Option<(f64, f64)>> = pairs.iter().map(both).collect();
    let (predicted, references): (Vec<f64>, Vec<f64>) = known.iter().flatten().copied().unzip();
    let mut contributions = contributions(&predicted, &references).into_iter();
    let own = |known: &Option<(f64, f64)>| known.and_then(|_| contributions.next());
    known.iter().map(own).map(|own| own.unwrap_or_else(Contribution::none)).collect()
}

/// Sums: examples, both numbers, their squares, their product. Means are taken away first, so that large numbers close
/// together lose no digits.
fn moments(predicted: &[f64], references: &[f64]) -> Vec<Contribution> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (predicted_mean, reference_mean) = (mean(predicted), mean(references));
    predicted
        .iter()
        .zip(references)
        .map(|(predicted, reference)| {
            let (x, y) = (predicted - predicted_mean, reference - reference_mean);
            Contribution::of_sums([1.0, x, y, x * x, y * y, x * y].into_iter().enumerate())
        })
        .collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[count, x, y, xx, yy, xy] = sums else { return None };
    let spread = ((xx - x * x / count) * (yy - y * y / count)).sqrt();
    // Rounding may take it a little beyond.
    (spread > 0.0).then(|| ((xy - x * y / count) / spread).clamp(-1.0, 1.0))
}

/// The rank of each value from 1, equal values sharing the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for group in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let mean = first as f64 + (group.len() + 1) as f64 / 2.0;
        for &index in group {
            ranks[index] = if values[index].is_nan() { f64::NAN } else { mean };
        }
        first += group.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::prediction::examples::numbers;
    use super::super::{Scores, score_all};
    use super::*;

    fn scores(metric: &'static Metric, predictions: &[Prediction], references: &[Prediction]) -> Scores {
        score_all(&[metric.name], predictions, references, 1).unwrap().swap_remove(metric.name).unwrap()
    }

    #[test]
    fn ranks_of_a_slice_are_those_within_it() {
        let predictions = numbers(&[&[0.1, 0.2, 0.9][..], &[0.05; 100]].concat());
        let references = numbers(&[&[1.0, 2.0, 3.0][..], &[2.5; 100]].concat());
        let slices: Vec<&str> =
            (0..predictions.len()).map(|place| if place < 3 { "one" } else { "other" }).collect();
        let found = scores(&SPEARMAN, &predictions, &references).by_slice(&slices).unwrap();
        assert!((found["one"].value.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(found["other"].value, None);
    }

    fn correlation(metric: &'static Metric, predictions: &[f64], references: &[f64]) -> Option<f64> {
        scores(metric, &numbers(predictions), &numbers(references)).value()
    }

    /// scipy 1.17 has nan in each case.
    #[test]
    fn a_correlation_of_numbers_that_are_all_the_same_has_no_value() {
        let varied = [0.1, 0.7, 0.2, 0.9, 0.4, 0.3, 0.8];
        for count in 0..varied.len() {
            let (same, varied) = (vec![1.0 / 3.0; count], &varied[..count]);
            for metric in [&PEARSON, &SPEARMAN] {
                assert_eq!(correlation(metric, &same, varied), None, "{count}");
                assert_eq!(correlation(metric, varied, &same), None, "{count}");
                assert_eq!(correlation(metric, &same, &same), None, "{count}");
            }
        }
        let references = numbers(&[1.0, 2.0, 3.0]);
        for metric in [&PEARSON, &SPEARMAN] {
            for first in [Prediction::Number(f64::NAN), Prediction::Nothing] {
                let predictions = [vec![first], numbers(&[1.0, 2.0])].concat();
                assert_eq!(scores(metric, &predictions, &references).value(), None);
            }
        }
    }

    #[test]
    fn an_example_without_a_number_contributes_nothing() {
        let predictions = numbers(&[1.0, 5.0, 2.0]);
        let references = [Prediction::Number(1.0), Prediction::Nothing, Prediction::Number(2.0)];
        assert_eq!(scores(&SPEARMAN, &predictions, &references).value(), Some(1.0));
    }

    /// Values of scipy 1.17, `pearsonr` and `spearmanr`.
    #[test]
    fn correlations_are_those_of_scipy() {
        let (predictions, references) = ([1.0, 2.0, 2.0, 4.0, -3.5], [0.5, 2.5, 2.5, 1.0, 1.0]);
        let pearson = correlation(&PEARSON, &predictions, &references).unwrap();
        let spearman = correlation(&SPEARMAN, &predictions, &references).unwrap();
        assert!((pearson - 0.263_160_907_058_140_05).abs() < 1e-12, "{pearson}");
        assert!((spearman - 0.378_516_649_305_112_64).abs() < 1e-12, "{spearman}");
        let large = [1e15, 1_000_000_000_000_001.0, 1_000_000_000_000_002.0];
        assert!((correlation(&PEARSON, &large, &[1.0, 2.0, 3.0]).unwrap() - 1.0).abs() < 1e-9);
    }
}
