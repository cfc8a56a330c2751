use super::f1::f1;
use super::{Against, Context, Contribution, Direction, Metric, Pair, TagScheme, Value};

/// F1 of spans, for token classification: outputs and references are the tags of an example, parted by spaces, in the
/// form `B-LOC I-LOC O`. A span counts if its kind, its beginning and its end are right. Which tags make a span depends on
/// the [`TagScheme`] of all tags of the task; under one that is not known there is no value.
pub(super) static METRIC: Metric = Metric {
    name: "span-f1",
    summary: "F1 of spans of tagged tokens, kind and both ends right",
    undefined: "no span there and none found",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(value),
};

/// Sums: spans found and right, spans found, spans there are.
fn contributions(pairs: &[Pair<'_>], context: &Context<'_>) -> Vec<Contribution> {
    let scheme = if context.classes.is_empty() {
        let tags: Vec<&str> = pairs
            .iter()
            .flat_map(|pair| [&pair.hypothesis, &pair.reference])
            .flat_map(|tags| tags.split_whitespace())
            .collect();
        TagScheme::of(&tags)
    } else {
        TagScheme::of(context.classes)
    };
    let Ok(scheme) = scheme else { return vec![Contribution::nothing(); pairs.len()] };
    pairs
        .iter()
        .map(|pair| {
            let found = scheme.spans(pair.hypothesis.split_whitespace());
            let there = scheme.spans(pair.reference.split_whitespace());
            let right = found.iter().filter(|span| there.contains(span)).count();
            let counts = [right, found.len(), there.len()];
            Contribution::of_sums(counts.into_iter().map(|count| count as f64).enumerate())
        })
        .collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[right, found, there] = sums else { return None };
    f1(right, found - right, there - right)
}
