use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, of_texts, ratio};
use super::prediction::PredictionKind;

/// Share of texts that equal their reference after NFC.
pub(super) static METRIC: Metric = Metric {
    name: "word-accuracy",
    summary: "share of outputs that equal the reference",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Text],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_texts(pairs, |text, reference| Contribution::of_hit(text == reference)),
    value: Value::OfSums(ratio),
};
