use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, never, ratio};
use super::prediction::PredictionKind;
use super::writing::of_scenes;

/// Share of captions of made-up scenes in which all that is recognized is so: every object is in the scene, as often as a sentence
/// names it, and every relation holds. "A circle" is true of many scenes, which is why `caption-objects` stands beside it; a caption in
/// which no object is recognized is not true.
pub(super) static METRIC: Metric = Metric {
    name: "caption-truth",
    summary: "share of captions of made-up scenes whose objects and relations are all in the scene",
    undefined: "no example of a scene",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Scene],
    suits: always,
    is_default: never,
    contributions: |pairs, _| {
        of_scenes(pairs, |caption, contents| Contribution::of_hit(contents.is_described_by(caption)))
    },
    value: Value::OfSums(ratio),
};
