use super::{Against, Contribution, Direction, Metric, Pair, Value};

/// Pearson's correlation of numbers.
pub(super) static PEARSON: Metric = Metric {
    name: "pearson",
    summary: "Pearson's correlation of predicted and true numbers",
    undefined: "numbers or answers that are all the same, or fewer than two",
    direction: Direction::Higher,
    share: false,
    against: Against::References,
    contributions: |pairs, _| known(pairs, |outputs, references| moments(&outputs, &references)),
    value: Value::OfEach(of_moments),
};

/// Spearman's rank correlation: Pearson's over ranks, equal numbers sharing the mean of theirs. Ranks are those among the
/// examples that are looked at: all, those of a slice, or those of a resample.
pub(super) static SPEARMAN: Metric = Metric {
    name: "spearman",
    summary: "Spearman's rank correlation of predicted and true numbers",
    undefined: "numbers or answers that are all the same, or fewer than two",
    direction: Direction::Higher,
    share: false,
    against: Against::References,
    contributions: |pairs, _| known(pairs, |outputs, references| numbers(&outputs, &references)),
    value: Value::OfEach(of_ranks),
};

/// Both numbers of each example.
fn numbers(outputs: &[f64], references: &[f64]) -> Vec<Contribution> {
    let both = outputs.iter().zip(references);
    both.map(|(output, reference)| Contribution::of_sums([(0, *output), (1, *reference)])).collect()
}

/// Pearson's correlation of the ranks of numbers.
fn of_ranks(examples: &[&Contribution]) -> Option<f64> {
    let pairs: Vec<(f64, f64)> = examples
        .iter()
        .filter_map(|example| match example.0.as_slice() {
            [(_, output), (_, reference)] => Some((*output, *reference)),
            _ => None,
        })
        .collect();
    let (outputs, references): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
    let moments = moments(&ranks(&outputs), &ranks(&references));
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

/// What the examples with a reference contribute; the others contribute nothing.
fn known(
    pairs: &[Pair<'_>],
    contributions: impl Fn(Vec<f64>, Vec<f64>) -> Vec<Contribution>,
) -> Vec<Contribution> {
    let known: Vec<&Pair<'_>> = pairs.iter().filter(|pair| !pair.reference.is_empty()).collect();
    // What is no number has no correlation.
    let number = |text: &str| text.trim().parse().unwrap_or(f64::NAN);
    let outputs = known.iter().map(|pair| number(&pair.hypothesis)).collect();
    let references = known.iter().map(|pair| number(&pair.reference)).collect();
    let mut contributions = contributions(outputs, references).into_iter();
    let contribution = |pair: &Pair<'_>| {
        let own = if pair.reference.is_empty() { None } else { contributions.next() };
        own.unwrap_or_else(Contribution::nothing)
    };
    pairs.iter().map(contribution).collect()
}

/// Sums: examples, both numbers, their squares, their product. Means are taken away first, so that large numbers close
/// together lose no digits.
fn moments(outputs: &[f64], references: &[f64]) -> Vec<Contribution> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let (output_mean, reference_mean) = (mean(outputs), mean(references));
    outputs
        .iter()
        .zip(references)
        .map(|(output, reference)| {
            let (x, y) = (output - output_mean, reference - reference_mean);
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
    use super::*;

    #[test]
    fn ranks_of_a_slice_are_those_within_it() {
        let pairs: Vec<(String, String)> = [("0.1", "1"), ("0.2", "2"), ("0.9", "3")]
            .into_iter()
            .chain(std::iter::repeat_n(("0.05", "2.5"), 100))
            .map(|(output, reference)| (output.to_owned(), reference.to_owned()))
            .collect();
        let pairs: Vec<Pair<'_>> =
            pairs.iter().map(|(output, reference)| Pair::new(output, reference)).collect();
        let slices: Vec<&str> =
            (0..pairs.len()).map(|place| if place < 3 { "one" } else { "other" }).collect();
        let found = SPEARMAN.score(&pairs, 1).by_slice(&slices).unwrap();
        assert!((found["one"].value.unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(found["other"].value, None);
    }

    fn correlation(metric: &'static Metric, outputs: &[&str], references: &[&str]) -> Option<f64> {
        let pairs: Vec<Pair<'_>> =
            outputs.iter().zip(references).map(|(output, reference)| Pair::new(output, reference)).collect();
        metric.score(&pairs, 1).value()
    }

    /// scipy 1.17 has nan in each case.
    #[test]
    fn a_correlation_of_numbers_that_are_all_the_same_has_no_value() {
        let third = (1.0_f64 / 3.0).to_string();
        let varied = ["0.1", "0.7", "0.2", "0.9", "0.4", "0.3", "0.8"];
        for count in 0..varied.len() {
            let (same, varied) = (vec![third.as_str(); count], &varied[..count]);
            for metric in [&PEARSON, &SPEARMAN] {
                assert_eq!(correlation(metric, &same, varied), None, "{count}");
                assert_eq!(correlation(metric, varied, &same), None, "{count}");
                assert_eq!(correlation(metric, &same, &same), None, "{count}");
            }
        }
        for metric in [&PEARSON, &SPEARMAN] {
            assert_eq!(correlation(metric, &["NaN", "1", "2"], &["1", "2", "3"]), None);
            assert_eq!(correlation(metric, &["none", "1", "2"], &["1", "2", "3"]), None);
        }
    }

    /// Values of scipy 1.17, `pearsonr` and `spearmanr`.
    #[test]
    fn correlations_are_those_of_scipy() {
        let (outputs, references) = (["1", "2", "2", "4", "-3.5"], ["0.5", "2.5", "2.5", "1", "1"]);
        let pearson = correlation(&PEARSON, &outputs, &references).unwrap();
        let spearman = correlation(&SPEARMAN, &outputs, &references).unwrap();
        assert!((pearson - 0.263_160_907_058_140_05).abs() < 1e-12, "{pearson}");
        assert!((spearman - 0.378_516_649_305_112_64).abs() < 1e-12, "{spearman}");
        let large = ["1e15", "1000000000000001", "1000000000000002"];
        assert!((correlation(&PEARSON, &large, &["1", "2", "3"]).unwrap() - 1.0).abs() < 1e-9);
    }
}
