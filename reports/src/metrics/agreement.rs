use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, ratio};
use super::prediction::PredictionKind;

/// Share of predictions that equal the other model's after NFC: how faithful a student is, whether its teacher is right or
/// wrong.
pub(super) static METRIC: Metric = Metric {
    name: "agreement",
    summary: "share of outputs that equal the teacher's",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Model,
    accepts: PredictionKind::ALL,
    references: PredictionKind::ALL,
    suits: always,
    is_default: always,
    contributions: |pairs, _| {
        pairs.iter().map(|pair| Contribution::of_hit(pair.prediction == pair.reference)).collect()
    },
    value: Value::OfSums(ratio),
};
