use super::metric::{Direction, Metric, ReferenceSource, Value, always, ratio};
use super::prediction::PredictionKind;
use super::squad::best_of;

/// Share of answers that equal one of the right ones, as the published evaluation of `SQuAD` 2.0 defines it: lower case, without
/// punctuation and the articles a, an and the. Where the right answer is that there is none, no answer is right. Texts are in
/// NFC, where the published script takes them as they are.
pub(super) static METRIC: Metric = Metric {
    name: "exact-match",
    summary: "share of answers that equal one of the right ones after normalisation (SQuAD)",
    undefined: "no example with known answers",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: always,
    is_default: always,
    contributions: |pairs, _| best_of(pairs, |answer, right| f64::from(u8::from(answer == right))),
    value: Value::OfSums(ratio),
};

#[cfg(test)]
mod tests {
    use super::super::prediction::Prediction;
    use super::super::score_all;

    fn value(prediction: &str, right: &[&str]) -> Option<f64> {
        let prediction = Prediction::Text(prediction.to_owned());
        let reference = Prediction::Texts(right.iter().map(|text| (*text).to_owned()).collect());
        score_all(&["exact-match"], &[prediction], &[reference], 1).unwrap()[0].value()
    }

    /// Values of `compute_exact` of `SQuAD` 2.0's published script, the best over the right answers.
    #[test]
    fn exact_matches_are_those_of_the_published_script() {
        for (prediction, right, expected) in [
            ("The Normans", &["normans", "the Norman people"][..], 1.0),
            ("Norman", &["normans"], 0.0),
            ("in 1066.", &["1066", "in 1066"], 1.0),
            ("", &[], 1.0),
            ("the", &[], 1.0),
            ("1066", &[], 0.0),
            ("", &["1066"], 0.0),
            ("", &["the", "!"], 1.0),
            ("", &["the", "1066"], 0.0),
        ] {
            assert_eq!(value(prediction, right), Some(expected), "{prediction:?} {right:?}");
        }
    }

    #[test]
    fn no_prediction_is_no_answer() {
        let right = Prediction::Texts(Vec::new());
        let scores = score_all(&["exact-match"], &[Prediction::Nothing], &[right], 1).unwrap();
        assert_eq!(scores[0].value(), Some(1.0));
        let unknown = score_all(&["exact-match"], &[Prediction::Nothing], &[Prediction::Nothing], 1).unwrap();
        assert_eq!(unknown[0].value(), None);
    }
}
