use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, of_texts, ratio};
use super::prediction::PredictionKind;

/// Character error rate, the mean over words of `edits / max(1, length of the reference)`, both counted in Unicode scalar
/// values after NFC, edits as Levenshtein distance. An empty reference counts each character put out as one error.
pub(super) static METRIC: Metric = Metric {
    name: "cer",
    summary: "character error rate: mean over words of edits divided by the reference's length",
    undefined: "no example",
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
            Contribution::of_mean(edits / reference.chars().count().max(1) as f64)
        })
    },
    value: Value::OfSums(ratio),
};
