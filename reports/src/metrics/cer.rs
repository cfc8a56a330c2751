use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, edit_distance, ratio};

/// Character error rate, the mean over words of `edits / max(1, length of the reference)`, both counted in
/// Unicode scalar values after NFC. An empty reference counts each character put out as one error.
pub(super) static METRIC: Metric = Metric {
    name: "cer",
    summary: "character error rate: mean over words of edits divided by the reference's length",
    undefined: "no example",
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
            Contribution::of_one(edits / pair.reference.chars().count().max(1) as f64)
        })
        .collect()
}
