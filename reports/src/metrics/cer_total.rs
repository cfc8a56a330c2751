use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, of_texts, ratio};
use super::prediction::PredictionKind;

/// Character error rate over a whole set: all edits divided by the length of all references, in Unicode scalar values after
/// NFC. Long words weigh more than in the mean over words.
pub(super) static METRIC: Metric = Metric {
    name: "cer-total",
    summary: "character error rate: all edits divided by the length of all references",
    undefined: "references without a letter",
    direction: Direction::Lower,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Text],
    suits: always,
    is_default: always,
    contributions: |pairs, _| {
        of_texts(pairs, |text, reference| {
            let edits = strsim::levenshtein(text, reference) as f64;
            Contribution::of_ratio(edits, reference.chars().count() as f64)
        })
    },
    value: Value::OfSums(ratio),
};
