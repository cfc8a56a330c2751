use super::{Against, Contribution, Direction, Metric, Pair, ratio, word_accuracy};

/// The share of examples whose class is right.
pub(super) static METRIC: Metric = Metric {
    name: "accuracy",
    summary: "share of examples whose class is right",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: word_accuracy::equal,
    value: ratio,
};

/// The accuracy of saying the commonest class each time, whatever the model says: an accuracy means little where it is
/// not well above this one. Of several classes equally common the first in the alphabet is taken.
pub(super) static MAJORITY: Metric = Metric {
    name: "accuracy-of-majority",
    summary: "accuracy of always saying the commonest class",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: majority,
    value: ratio,
};

fn majority(pairs: &[Pair<'_>], _seed: u64) -> Vec<Contribution> {
    let mut counts: std::collections::BTreeMap<&str, usize> = std::collections::BTreeMap::new();
    for pair in pairs {
        *counts.entry(&pair.reference).or_default() += 1;
    }
    let most = counts.values().max().copied().unwrap_or_default();
    let commonest = counts.iter().find(|(_, count)| **count == most).map(|(class, _)| (*class).to_owned());
    pairs
        .iter()
        .map(|pair| Contribution::hit(commonest.as_deref() == Some(pair.reference.as_ref())))
        .collect()
}
