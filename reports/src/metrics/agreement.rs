use super::{Against, Direction, Metric, Value, ratio, word_accuracy};

/// The share of outputs that equal the other model's output after NFC: how faithful a student is, whether its
/// teacher is right or wrong.
pub(super) static METRIC: Metric = Metric {
    name: "agreement",
    summary: "share of outputs that equal the teacher's",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::Model,
    contributions: word_accuracy::equal,
    value: Value::Of(ratio),
};
