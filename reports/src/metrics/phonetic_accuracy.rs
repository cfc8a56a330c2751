use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, of_texts, ratio};
use super::phonetic::phonetic_code;
use super::prediction::PredictionKind;

/// Share of texts that sound like their reference: equal [`phonetic_code`]s.
pub(super) static METRIC: Metric = Metric {
    name: "phonetic-accuracy",
    summary: "share of outputs whose script-neutral phonetic code equals the reference's",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Text],
    suits: always,
    is_default: always,
    contributions: |pairs, _| {
        of_texts(pairs, |text, reference| {
            Contribution::of_hit(phonetic_code(text) == phonetic_code(reference))
        })
    },
    value: Value::OfSums(ratio),
};
