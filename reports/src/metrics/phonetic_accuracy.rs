use super::phonetic::phonetic_code;
use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The share of outputs that sound like their reference: equal [`phonetic_code`]s.
pub(super) static METRIC: Metric = Metric {
    name: "phonetic-accuracy",
    summary: "share of outputs whose script-neutral phonetic code equals the reference's",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(ratio),
};

fn contributions(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    pairs
        .iter()
        .map(|pair| Contribution::hit(phonetic_code(&pair.hypothesis) == phonetic_code(&pair.reference)))
        .collect()
}
