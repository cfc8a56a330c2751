use super::{Against, Contribution, Direction, Metric, Pair, Value};
use indexmap::IndexSet;

/// F1 of the positive class of two: `2 TP / (2 TP + FP + FN)`. The positive class is `1` where a reference is called
/// so, and else the last in the alphabet (`yes`, `positive`).
pub(super) static BINARY: Metric = Metric {
    name: "f1",
    summary: "F1 of the positive class: the class 1, or else the last in the alphabet",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: binary,
    value: Value::Of(micro_value),
};

/// F1 over all classes together: with one class an example it is the accuracy.
pub(super) static MICRO: Metric = Metric {
    name: "f1-micro",
    summary: "F1 of all classes counted together",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: by_class,
    value: Value::Of(micro_value),
};

/// The mean of the F1 of each class that is a reference or an output.
pub(super) static MACRO: Metric = Metric {
    name: "f1-macro",
    summary: "mean of the F1 of each class",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: by_class,
    value: Value::Of(macro_value),
};

/// Of each class three sums: true positives, false positives, false negatives.
const SUMS: usize = 3;

fn binary(pairs: &[Pair<'_>], _seed: u64) -> Vec<Contribution> {
    let references = || pairs.iter().map(|pair| pair.reference.as_ref());
    let positive =
        references().find(|class| *class == "1").or_else(|| references().max()).unwrap_or_default();
    pairs
        .iter()
        .map(|pair| match (pair.hypothesis == positive, pair.reference == positive) {
            (true, true) => Contribution::of_sums([(0, 1.0)]),
            (true, false) => Contribution::of_sums([(1, 1.0)]),
            (false, true) => Contribution::of_sums([(2, 1.0)]),
            (false, false) => Contribution::nothing(),
        })
        .collect()
}

fn by_class(pairs: &[Pair<'_>], _seed: u64) -> Vec<Contribution> {
    let classes: IndexSet<&str> =
        pairs.iter().flat_map(|pair| [pair.reference.as_ref(), pair.hypothesis.as_ref()]).collect();
    let sum = |class: &str, kind: usize| SUMS * classes.get_index_of(class).unwrap_or_default() + kind;
    pairs
        .iter()
        .map(|pair| {
            if pair.hypothesis == pair.reference {
                Contribution::of_sums([(sum(&pair.reference, 0), 1.0)])
            } else {
                Contribution::of_sums([(sum(&pair.hypothesis, 1), 1.0), (sum(&pair.reference, 2), 1.0)])
            }
        })
        .collect()
}

/// F1 of true positives, false positives and false negatives; none of a class that does not occur.
pub(super) fn f1(true_positives: f64, false_positives: f64, false_negatives: f64) -> Option<f64> {
    let denominator = 2.0 * true_positives + false_positives + false_negatives;
    (denominator > 0.0).then(|| 2.0 * true_positives / denominator)
}

fn classes(sums: &[f64]) -> impl Iterator<Item = [f64; SUMS]> {
    // Sums that no example adds to are left out at the end.
    sums.chunks(SUMS).map(|class| [0, 1, 2].map(|index| class.get(index).copied().unwrap_or_default()))
}

fn micro_value(sums: &[f64]) -> Option<f64> {
    let mut totals = [0.0; SUMS];
    for class in classes(sums) {
        for (total, number) in totals.iter_mut().zip(class) {
            *total += number;
        }
    }
    f1(totals[0], totals[1], totals[2])
}

fn macro_value(sums: &[f64]) -> Option<f64> {
    let values: Vec<f64> =
        classes(sums).filter_map(|[hits, wrong, missed]| f1(hits, wrong, missed)).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
