use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, edit_distance, ratio};

/// Character error rate over a whole set: all edits divided by the length of all references, in Unicode scalar
/// values after NFC. Long words weigh more than in the mean over words.
pub(super) static METRIC: Metric = Metric {
    name: "cer-total",
    summary: "character error rate: all edits divided by the length of all references",
    undefined: "references without a letter",
    direction: Direction::Lower,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(ratio),
};

fn contributions(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    pairs
        .iter()
        .map(|pair| {
            let edits = edit_distance(&pair.hypothesis, &pair.reference) as f64;
            Contribution::of_ratio(edits, pair.reference.chars().count() as f64)
        })
        .collect()
}
