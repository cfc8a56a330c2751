use super::f1::f1;
use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, TaskDescription, Value,
    always,
};
use super::prediction::PredictionKind;
use super::tag_scheme::TagScheme;

/// F1 of spans, for token classification, of tags of the form `B-LOC I-LOC O`. A span counts if its kind, its beginning and its
/// end are right. Which tags make a span depends on the [`TagScheme`] of all tags of the task; under one that is not known there
/// is no value.
pub(super) static METRIC: Metric = Metric {
    name: "span-f1",
    summary: "F1 of spans of tagged tokens, kind and both ends right",
    undefined: "no span there and none found",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Tags],
    references: &[PredictionKind::Tags],
    suits: marks_spans,
    is_default: always,
    contributions,
    value: Value::OfSums(value),
};

/// Whether tags mark spans, in a known scheme.
fn marks_spans(task: &TaskDescription<'_>) -> bool {
    task.classes.iter().any(|tag| TagScheme::is_of_span(tag)) && TagScheme::of(task.classes).is_ok()
}

/// Sums: spans found and right, spans found, spans there are.
fn contributions(pairs: &[ScoredPair<'_>], context: &ScoringContext<'_>) -> Vec<Contribution> {
    let scheme = if context.classes.is_empty() {
        let sides = pairs.iter().flat_map(|pair| [&pair.prediction, &pair.reference]);
        TagScheme::of(&sides.flat_map(|side| side.tags()).collect::<Vec<_>>())
    } else {
        TagScheme::of(context.classes)
    };
    let Ok(scheme) = scheme else { return vec![Contribution::none(); pairs.len()] };
    let own = |pair: &ScoredPair<'_>| {
        let found = scheme.spans(pair.prediction.tags().iter().map(String::as_str));
        let there = scheme.spans(pair.reference.tags().iter().map(String::as_str));
        let right = found.iter().filter(|span| there.contains(span)).count();
        let counts = [right, found.len(), there.len()];
        Contribution::of_sums(counts.into_iter().map(|count| count as f64).enumerate())
    };
    pairs.iter().map(own).collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[right, found, there] = sums else { return None };
    f1(right, found - right, there - right)
}
