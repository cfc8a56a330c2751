use indexmap::IndexSet;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never,
};
use super::prediction::PredictionKind;

/// F1 of the positive class of two: `2 TP / (2 TP + FP + FN)`. The positive class is `1` where a class is called so, and else
/// the last in the alphabet (`yes`, `positive`), of all classes of the task, whether or not an example has it. Where nothing is
/// of that class, and no prediction either, there is no value.
pub(super) static BINARY: Metric = Metric {
    name: "f1",
    summary: "F1 of the positive class: the class 1, or else the last in the alphabet",
    undefined: "no example and no answer of the positive class",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class],
    suits: |task| task.classes.len() == 2,
    is_default: always,
    contributions: binary,
    value: Value::OfSums(micro_value),
};

/// F1 over all classes together: with one class an example it is the accuracy.
pub(super) static MICRO: Metric = Metric {
    name: "f1-micro",
    summary: "F1 of all classes counted together",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class],
    suits: always,
    is_default: never,
    contributions: by_class,
    value: Value::OfSums(micro_value),
};

/// Mean of the F1 of each class that is a reference or a prediction. Of two classes the F1 of the positive one is usual.
pub(super) static MACRO: Metric = Metric {
    name: "f1-macro",
    summary: "mean of the F1 of each class",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class],
    suits: always,
    is_default: |task| task.classes.len() != 2,
    contributions: by_class,
    value: Value::OfSums(macro_value),
};

/// Of each class three sums: true positives, false positives, false negatives.
const SUMS: usize = 3;

fn binary(pairs: &[ScoredPair<'_>], context: &ScoringContext<'_>) -> Vec<Contribution> {
    let positive = if context.classes.is_empty() {
        positive(pairs.iter().flat_map(classes_of))
    } else {
        positive(context.classes.iter().map(String::as_str))
    };
    let own = |pair: &ScoredPair<'_>| {
        let [reference, predicted] = classes_of(pair);
        match (predicted == positive, reference == positive) {
            (true, true) => Contribution::of_sums([(0, 1.0)]),
            (true, false) => Contribution::of_sums([(1, 1.0)]),
            (false, true) => Contribution::of_sums([(2, 1.0)]),
            (false, false) => Contribution::none(),
        }
    };
    pairs.iter().map(own).collect()
}

/// The class of the reference and the one that was predicted; the empty one where there is none.
pub(super) fn classes_of<'p>(pair: &'p ScoredPair<'_>) -> [&'p str; 2] {
    [&pair.reference, &pair.prediction].map(|side| side.class().unwrap_or_default())
}

/// The positive one of two classes.
fn positive<'c>(classes: impl Iterator<Item = &'c str>) -> &'c str {
    let classes: IndexSet<&str> = classes.collect();
    classes.get("1").or_else(|| classes.iter().max()).copied().unwrap_or_default()
}

fn by_class(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let classes: IndexSet<&str> = pairs.iter().flat_map(classes_of).collect();
    let sum = |class: &str, kind: usize| SUMS * classes.get_index_of(class).unwrap_or_default() + kind;
    let own = |pair: &ScoredPair<'_>| {
        let [reference, predicted] = classes_of(pair);
        if predicted == reference {
            Contribution::of_sums([(sum(reference, 0), 1.0)])
        } else {
            Contribution::of_sums([(sum(predicted, 1), 1.0), (sum(reference, 2), 1.0)])
        }
    };
    pairs.iter().map(own).collect()
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
    use super::super::prediction::examples::classes;
    use super::super::{ScoringContext, score_all};

    fn value(name: &str, outputs: &[&str], references: &[&str], known: &[&str]) -> Option<f64> {
        let known: Vec<String> = known.iter().map(|class| (*class).to_owned()).collect();
        let context = ScoringContext { classes: &known, seed: 1, ..ScoringContext::default() };
        score_all(&[name], &classes(outputs), &classes(references), context).unwrap()[0].value()
    }

    /// Values of scikit-learn 1.9, `f1_score(references, outputs, pos_label="yes", zero_division=nan)`.
    #[test]
    fn the_positive_class_is_that_of_the_task_and_not_of_the_part() {
        let known = ["no", "yes"];
        assert_eq!(value("f1", &["no", "no"], &["no", "no"], &known), None);
        assert_eq!(value("f1", &["yes", "no"], &["no", "no"], &known), Some(0.0));
        assert_eq!(value("f1", &["no", "no"], &["yes", "no"], &known), Some(0.0));
        assert_eq!(value("f1", &["yes", "no", "yes"], &["yes", "yes", "no"], &known), Some(0.5));
        assert_eq!(value("f1", &["0", "0"], &["0", "0"], &["0", "1"]), None);
        assert_eq!(value("f1", &["0", "x"], &["0", "0"], &["1", "x"]), None);
        assert_eq!(value("f1", &[], &[], &known), None);
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
