use super::{Against, Context, Contribution, Direction, Metric, Pair, Value};
use indexmap::IndexSet;

/// F1 of the positive class of two: `2 TP / (2 TP + FP + FN)`. The positive class is `1` where a class is called so, and else
/// the last in the alphabet (`yes`, `positive`), of all classes of the task, whether or not an example has it. Where nothing
/// is of that class, and no answer either, there is no value.
pub(super) static BINARY: Metric = Metric {
    name: "f1",
    summary: "F1 of the positive class: the class 1, or else the last in the alphabet",
    undefined: "no example and no answer of the positive class",
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
    undefined: "no example",
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
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: by_class,
    value: Value::Of(macro_value),
};

/// Of each class three sums: true positives, false positives, false negatives.
const SUMS: usize = 3;

fn binary(pairs: &[Pair<'_>], context: &Context<'_>) -> Vec<Contribution> {
    let positive = if context.classes.is_empty() {
        positive(pairs.iter().flat_map(|pair| [pair.reference.as_ref(), pair.hypothesis.as_ref()]))
    } else {
        positive(context.classes.iter().map(String::as_str))
    };
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

/// The positive one of two classes.
fn positive<'c>(classes: impl Iterator<Item = &'c str>) -> &'c str {
    let classes: IndexSet<&str> = classes.collect();
    classes.get("1").or_else(|| classes.iter().max()).copied().unwrap_or_default()
}

fn by_class(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::score_all;

    fn value(name: &str, outputs: &[&str], references: &[&str], classes: &[&str]) -> Option<f64> {
        let classes: Vec<String> = classes.iter().map(|class| (*class).to_owned()).collect();
        let context = Context { classes: &classes, seed: 1 };
        score_all(&[name], outputs, references, context).unwrap()[0].value()
    }

    /// Values of scikit-learn 1.9, `f1_score(references, outputs, pos_label="yes", zero_division=nan)`.
    #[test]
    fn the_positive_class_is_that_of_the_task_and_not_of_the_part() {
        let classes = ["no", "yes"];
        assert_eq!(value("f1", &["no", "no"], &["no", "no"], &classes), None);
        assert_eq!(value("f1", &["yes", "no"], &["no", "no"], &classes), Some(0.0));
        assert_eq!(value("f1", &["no", "no"], &["yes", "no"], &classes), Some(0.0));
        assert_eq!(value("f1", &["yes", "no", "yes"], &["yes", "yes", "no"], &classes), Some(0.5));
        assert_eq!(value("f1", &["0", "0"], &["0", "0"], &["0", "1"]), None);
        assert_eq!(value("f1", &["0", "x"], &["0", "0"], &["1", "x"]), None);
        assert_eq!(value("f1", &[], &[], &classes), None);
    }

    /// Values of scikit-learn 1.9, `f1_score(references, outputs, average="macro")` and `average="micro"`.
    #[test]
    fn means_over_classes_are_those_of_scikit_learn() {
        let (outputs, references) = (["a", "b", "b", "d", "a"], ["a", "b", "c", "a", "a"]);
        let macro_value = value("f1-macro", &outputs, &references, &["a", "b", "c", "d", "e"]).unwrap();
        assert!((macro_value - 0.366_666_666_666_666_64).abs() < 1e-12, "{macro_value}");
        assert_eq!(value("f1-micro", &outputs, &references, &[]), Some(0.6));
        assert_eq!(value("f1-macro", &["a", "a"], &["a", "a"], &["a", "b"]), Some(1.0));
        assert_eq!(value("f1-macro", &[], &[], &["a", "b"]), None);
    }
}
