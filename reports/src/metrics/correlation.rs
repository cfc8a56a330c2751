use super::{Against, Contribution, Direction, Metric, Pair, Value};

/// Pearson's correlation of numbers.
pub(super) static PEARSON: Metric = Metric {
    name: "pearson",
    summary: "Pearson's correlation of predicted and true numbers",
    direction: Direction::Higher,
    share: false,
    against: Against::References,
    contributions: |pairs, _| known(pairs, |outputs, references| moments(&outputs, &references)),
    value: Value::Of(value),
};

/// Spearman's rank correlation: Pearson's over ranks, equal numbers sharing the mean of theirs. Ranks are those among the
/// examples that are looked at: all, those of a slice, or those of a resample.
pub(super) static SPEARMAN: Metric = Metric {
    name: "spearman",
    summary: "Spearman's rank correlation of predicted and true numbers",
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
    let mut sums = [0.0; 6];
    for contribution in moments(&ranks(&outputs), &ranks(&references)) {
        for (sum, number) in contribution.0 {
            sums[sum] += number;
        }
    }
    value(&sums)
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
    (spread > 0.0).then(|| (xy - x * y / count) / spread)
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
}
