use super::metric::{Direction, Metric, ReferenceSource, Value, always, ratio};
use super::prediction::PredictionKind;
use super::squad::{best_of, overlap};

/// Mean F1 of the tokens of each answer and of the right one that is nearest to it, as the published evaluation of `SQuAD` 2.0
/// defines it: tokens are those of `exact-match`, each counting as often as both have it. Where one of the two has none, the
/// value is 1 if both have none, and else 0.
pub(super) static METRIC: Metric = Metric {
    name: "token-f1",
    summary: "mean F1 of the tokens of an answer and of the nearest right one (SQuAD)",
    undefined: "no example with known answers",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: always,
    is_default: always,
    contributions: |pairs, _| best_of(pairs, value),
    value: Value::OfSums(ratio),
};

/// F1 of two lists of tokens.
fn value(answer: &[String], right: &[String]) -> f64 {
    overlap(answer, right).unwrap_or_else(|| f64::from(u8::from(answer == right)))
}

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::score_all;

    fn value(prediction: &str, right: &[&str]) -> f64 {
        let prediction = Prediction::Text(prediction.to_owned());
        let reference = Prediction::Texts(right.iter().map(|text| (*text).to_owned()).collect());
        score_all(&["token-f1"], &[prediction], &[reference], 1).unwrap()[0].value().unwrap()
    }

    /// Values of `compute_f1` of `SQuAD` 2.0's published script, the best over the right answers.
    #[test]
    fn token_f1_is_that_of_the_published_script() {
        for (prediction, right, expected) in [
            ("The Normans", &["normans", "the Norman people"][..], 1.0),
            ("the Norman conquest of England", &["Norman conquest", "England in 1066"], 2.0 / 3.0),
            ("to be or not to be", &["to be to be to be"], 2.0 / 3.0),
            ("be be", &["to be or not to be"], 0.5),
            ("in the year 1066, in October", &["1066", "October 1066"], 0.571_428_571_428_571_5),
            ("", &[], 1.0),
            ("the", &[], 1.0),
            ("1066", &[], 0.0),
            ("", &["1066"], 0.0),
            ("Paris", &["London", "Rome"], 0.0),
        ] {
            let found = value(prediction, right);
            assert!((found - expected).abs() < 1e-12, "{prediction:?} {right:?}: {found}");
        }
    }
}
