use super::accuracy::most_common;
use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::prediction::PredictionKind;

/// Share of tokens whose tag is right, over all tokens of all examples. A tag of the reference without a counterpart is wrong.
pub(super) static METRIC: Metric = Metric {
    name: "token-accuracy",
    summary: "share of tokens whose tag is right",
    undefined: "no word",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Tags],
    references: &[PredictionKind::Tags],
    suits: always,
    is_default: always,
    contributions: right,
    value: Value::OfSums(ratio),
};

/// Token accuracy of always predicting the most common tag, whatever the model predicts: where most words are in no span, it is
/// high.
pub(super) static MAJORITY: Metric = Metric {
    name: "token-accuracy-of-majority",
    summary: "token accuracy of always predicting the most common tag",
    undefined: "no word",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Tags],
    references: &[PredictionKind::Tags],
    suits: always,
    is_default: always,
    contributions: of_majority,
    value: Value::OfSums(ratio),
};

fn right(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let (found, there) = (pair.prediction.tags(), pair.reference.tags());
        let right = found.iter().zip(there).filter(|(found, there)| found == there).count();
        Contribution::of_ratio(right as f64, there.len() as f64)
    };
    pairs.iter().map(own).collect()
}

fn of_majority(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let majority = most_common(pairs.iter().flat_map(|pair| pair.reference.tags()).map(String::as_str));
    let own = |pair: &ScoredPair<'_>| {
        let tags = pair.reference.tags();
        let right = tags.iter().filter(|tag| majority == Some(tag.as_str())).count();
        Contribution::of_ratio(right as f64, tags.len() as f64)
    };
    pairs.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::tags;
    use super::super::score_all;

    #[test]
    fn tokens_are_counted_and_not_examples() {
        let (predictions, references) =
            (tags(&["O B-LOC", "O O O O"]), tags(&["O O", "O O B-LOC I-LOC O O"]));
        let names = ["token-accuracy", "token-accuracy-of-majority"];
        let scores = score_all(&names, &predictions, &references, 1).unwrap();
        assert_eq!((scores[0].value(), scores[1].value()), (Some(3.0 / 8.0), Some(6.0 / 8.0)));
    }
}
