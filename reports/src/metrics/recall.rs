use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, Value, always, never, ratio,
};
use super::prediction::{Prediction, PredictionKind};

/// Share of queries that find a relevant result first.
pub(super) static AT_1: Metric = Metric {
    name: "recall-at-1",
    summary: "share of queries that find a right result first",
    undefined: "no query that anything is right of",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Ranking],
    suits: always,
    is_default: always,
    contributions: |pairs, _| within(pairs, 1),
    value: Value::OfSums(ratio),
};

/// Share of queries that find a relevant result among the first five.
pub(super) static AT_5: Metric = Metric {
    name: "recall-at-5",
    summary: "share of queries that find a right result among the first five",
    undefined: "no query that anything is right of",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Ranking],
    suits: always,
    is_default: always,
    contributions: |pairs, _| within(pairs, 5),
    value: Value::OfSums(ratio),
};

/// Share of queries that find a relevant result among the first ten.
pub(super) static AT_10: Metric = Metric {
    name: "recall-at-10",
    summary: "share of queries that find a right result among the first ten",
    undefined: "no query that anything is right of",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Ranking],
    suits: always,
    is_default: always,
    contributions: |pairs, _| within(pairs, 10),
    value: Value::OfSums(ratio),
};

/// Share of captions that find their image first, as IGLUE has it.
pub(super) static IMAGE_AT_1: Metric = Metric {
    name: "image-recall-at-1",
    summary: "share of captions that find their image first (IGLUE)",
    undefined: "no caption",
    suits: never,
    is_default: never,
    ..AT_1
};

/// Share of images that find one of their captions first, as IGLUE has it: the best of its captions counts.
pub(super) static CAPTION_AT_1: Metric = Metric {
    name: "caption-recall-at-1",
    summary: "share of images that find one of their captions first (IGLUE)",
    undefined: "no image",
    suits: never,
    is_default: never,
    ..AT_1
};

/// Share of queries for which the other model finds the same result first.
pub(super) static AGREEMENT: Metric = Metric {
    name: "agreement-of-first",
    summary: "share of queries that find what the teacher's find first",
    undefined: "no query that anything is right of",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Model,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Ranking],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_rankings(pairs, |found, others| Some(found.first() == others.first())),
    value: Value::OfSums(ratio),
};

/// Whether one of the first `most` places in a ranking is a relevant one. Where nothing is relevant there is no query.
fn within(pairs: &[ScoredPair<'_>], most: usize) -> Vec<Contribution> {
    of_rankings(pairs, |found, relevant| {
        (!relevant.is_empty()).then(|| found.iter().take(most).any(|place| relevant.contains(place)))
    })
}

/// Hits and misses of rankings; pairs whose reference is none contribute nothing, nor do those that count for neither.
fn of_rankings(
    pairs: &[ScoredPair<'_>],
    is_hit: impl Fn(&[usize], &[usize]) -> Option<bool>,
) -> Vec<Contribution> {
    let hit = |pair: &ScoredPair<'_>| match (&*pair.prediction, &*pair.reference) {
        (Prediction::Ranking(found), Prediction::Ranking(reference)) => is_hit(found, reference),
        (_, Prediction::Ranking(reference)) => is_hit(&[], reference),
        _ => None,
    };
    pairs.iter().map(|pair| hit(pair).map_or_else(Contribution::none, Contribution::of_hit)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::rankings;
    use super::super::score_all;

    #[test]
    fn a_relevant_result_counts_as_far_as_one_looks() {
        let found = rankings(&[&[3, 1, 2], &[1, 2, 3, 4, 5, 6], &[7, 8], &[10]]);
        let relevant = rankings(&[&[3, 9], &[6], &[9], &[1]]);
        let names = ["recall-at-1", "recall-at-5", "recall-at-10"];
        let scores = score_all(&names, &found, &relevant, 1).unwrap();
        let values: Vec<f64> = names.iter().map(|name| scores[*name].value().unwrap()).collect();
        assert_eq!(values, [0.25, 0.25, 0.5]);
        let others = rankings(&[&[3], &[2, 1], &[7, 3], &[10, 1]]);
        let scores = score_all(&["agreement-of-first"], &found, &others, 1).unwrap();
        assert_eq!(scores[0].value(), Some(0.75));
    }

    #[test]
    fn a_query_without_a_relevant_result_does_not_count() {
        let (found, relevant) = (rankings(&[&[1], &[1]]), rankings(&[&[], &[1]]));
        let scores = score_all(&["recall-at-1"], &found, &relevant, 1).unwrap();
        assert_eq!(scores[0].value(), Some(1.0));
    }
}
