use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The share of outputs that equal their reference after NFC.
pub(super) static METRIC: Metric = Metric {
    name: "word-accuracy",
    summary: "share of outputs that equal the reference",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: equal,
    value: Value::Of(ratio),
};

pub(super) fn equal(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    pairs.iter().map(|pair| Contribution::hit(pair.hypothesis == pair.reference)).collect()
}
