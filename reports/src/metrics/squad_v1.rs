//! Answers as the published evaluation of `SQuAD` 1.1 scores them (Rajpurkar et al., 2016; `evaluate-v1.1.py`), which XTREME
//! takes for `XQuAD` and `TyDi` QA in every language: English articles, ASCII punctuation.

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, never, ratio,
};
use super::prediction::{Prediction, PredictionKind};
use super::squad::{overlap, tokens};

/// Share of answers that equal one of the right ones after normalisation. A question without an answer is never right, whatever is
/// answered, and an answer of which normalisation leaves nothing equals a right one of which it leaves nothing.
pub(super) static EXACT_MATCH: Metric = Metric {
    name: "squad-exact-match",
    summary: "share of answers that equal one of the right ones after normalisation (SQuAD 1.1)",
    undefined: "no question",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: always,
    is_default: never,
    contributions: |pairs, _: &ScoringContext<'_>| best_of(pairs, tokens, is_equal),
    value: Value::OfSums(ratio),
};

/// Mean F1 of the tokens of each answer and of the nearest right one. Unlike in `SQuAD` 2.0 it is 0 where neither has a token.
pub(super) static F1: Metric = Metric {
    name: "squad-f1",
    summary: "mean F1 of the tokens of an answer and of the nearest right one (SQuAD 1.1)",
    undefined: "no question",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Texts],
    suits: always,
    is_default: never,
    contributions: |pairs, _: &ScoringContext<'_>| best_of(pairs, tokens, shared),
    value: Value::OfSums(ratio),
};

/// 1 of equal lists of tokens.
pub(super) fn is_equal(answer: &[String], right: &[String]) -> f64 {
    f64::from(u8::from(answer == right))
}

/// F1 of two lists of tokens, 0 where one of the two has none.
pub(super) fn shared(answer: &[String], right: &[String]) -> f64 {
    overlap(answer, right).unwrap_or_default()
}

/// The best value over the right answers of each question; 0 of one that is not answered, or that has no right answer. Examples
/// whose reference is no list of texts contribute nothing.
pub(super) fn best_of(
    pairs: &[ScoredPair<'_>],
    tokens: impl Fn(&str) -> Vec<String>,
    value: impl Fn(&[String], &[String]) -> f64,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let Prediction::Texts(right) = &*pair.reference else { return Contribution::none() };
        let Prediction::Text(answer) = &*pair.prediction else { return Contribution::of_mean(0.0) };
        let answer = tokens(answer);
        Contribution::of_mean(right.iter().map(|right| value(&answer, &tokens(right))).fold(0.0, f64::max))
    };
    pairs.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{Prediction, ScoredPair, find};

    fn values(answer: &Prediction, right: &[&str]) -> [Option<f64>; 2] {
        let reference = Prediction::Texts(right.iter().map(|text| (*text).to_owned()).collect());
        let pairs = [ScoredPair::as_written(answer, &reference)];
        ["squad-exact-match", "squad-f1"].map(|name| find(name).unwrap().score(&pairs, 1).value())
    }

    /// Values of the published script.
    #[test]
    fn answers_are_scored_as_published() {
        let text = |text: &str| Prediction::Text(text.to_owned());
        assert_eq!(values(&text("The Normans"), &["normans", "x"]), [Some(1.0), Some(1.0)]);
        // Of neither anything is left: equal, without a token in common.
        assert_eq!(values(&text("the"), &["!"]), [Some(1.0), Some(0.0)]);
        assert_eq!(values(&text(""), &[]), [Some(0.0), Some(0.0)]);
        assert_eq!(values(&Prediction::Nothing, &["the"]), [Some(0.0), Some(0.0)]);
        assert_eq!(
            values(&text("e\u{301}"), &["\u{e9}"]),
            [Some(0.0), Some(0.0)],
            "forms are not normalised"
        );
    }
}
