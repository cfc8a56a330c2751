use std::borrow::Cow;
use std::collections::BTreeMap;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::prediction::{Prediction, PredictionKind};

/// Share of examples whose class, or whose choice, is right; of scored answers the best one is.
pub(super) static METRIC: Metric = Metric {
    name: "accuracy",
    summary: "share of examples whose class, or whose choice, is right",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class, PredictionKind::Choice],
    references: &[PredictionKind::Class, PredictionKind::Choice, PredictionKind::Scores],
    suits: always,
    is_default: always,
    contributions: right,
    value: Value::OfSums(ratio),
};

/// Accuracy of always predicting the majority class, or the choice at the place that is right most often, whatever the model predicts: an accuracy means little where it is not
/// well above this one. Of several classes equally common the first in the alphabet is taken. An example without a known class
/// is never right.
pub(super) static MAJORITY: Metric = Metric {
    name: "accuracy-of-majority",
    summary: "accuracy of always predicting the majority class, or the choice at one place",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class, PredictionKind::Choice],
    references: &[PredictionKind::Class, PredictionKind::Choice, PredictionKind::Scores],
    suits: always,
    is_default: always,
    contributions: of_majority,
    value: Value::OfSums(ratio),
};

fn right(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let is_right = |pair: &ScoredPair<'_>| {
        named(&pair.reference).is_some_and(|class| named(&pair.prediction) == Some(class))
    };
    pairs.iter().map(|pair| Contribution::of_hit(is_right(pair))).collect()
}

fn of_majority(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let majority = most_common(pairs.iter().filter_map(|pair| named(&pair.reference)));
    let is_right = |pair: &ScoredPair<'_>| majority.is_some() && named(&pair.reference) == majority;
    pairs.iter().map(|pair| Contribution::of_hit(is_right(pair))).collect()
}

/// The class, or the place of the choice.
fn named(prediction: &Prediction) -> Option<Cow<'_, str>> {
    match prediction {
        Prediction::Choice(place) => Some(place.to_string().into()),
        other => other.class().map(Cow::Borrowed),
    }
}

/// The most common class; of several, the first in the alphabet.
pub(super) fn most_common<C: Ord>(classes: impl Iterator<Item = C>) -> Option<C> {
    let mut counts: BTreeMap<C, usize> = BTreeMap::new();
    for class in classes {
        *counts.entry(class).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::prediction::examples::classes;
    use super::super::score_all;

    #[test]
    fn an_example_without_a_known_class_is_never_right() {
        let predictions = classes(&["no", "no", "no", "yes", "yes", "no"]);
        let unknown = vec![Prediction::Nothing, Prediction::scores([]), Prediction::Nothing];
        let references = [unknown, classes(&["yes", "no", "no"])].concat();
        let names = ["accuracy", "accuracy-of-majority"];
        let scores = score_all(&names, &predictions, &references, 1).unwrap();
        assert!(scores.values().all(|scores| (scores.value().unwrap() - 2.0 / 6.0).abs() < 1e-12));
        let neither = score_all(&names, &[Prediction::Nothing], &[Prediction::Nothing], 1).unwrap();
        assert!(neither.values().all(|scores| scores.value() == Some(0.0)));
    }

    #[test]
    fn choice_is_right_by_its_place_and_the_majority_is_the_most_common_place() {
        let places =
            |places: &[usize]| places.iter().map(|&place| Prediction::Choice(place)).collect::<Vec<_>>();
        let references = [places(&[1, 1, 0, 11, 1]), vec![Prediction::Nothing]].concat();
        let names = ["accuracy", "accuracy-of-majority", "agreement"];
        let predictions = places(&[1, 0, 0, 1, 2, 0]);
        let scores = score_all(&names, &predictions, &references, 1).unwrap();
        let values: Vec<f64> = scores.values().map(|scores| scores.value().unwrap()).collect();
        assert_eq!(values, [2.0 / 6.0, 3.0 / 6.0, 2.0 / 6.0]);
    }

    #[test]
    fn of_scored_answers_the_first_of_the_best_is_right() {
        let scores = Prediction::scores([("a", 0.3), ("b", 0.6), ("c", 0.6)]);
        let value = |class: &str| {
            score_all(&["accuracy"], &classes(&[class]), std::slice::from_ref(&scores), 1).unwrap()[0].value()
        };
        assert_eq!((value("b"), value("c")), (Some(1.0), Some(0.0)));
    }
}
