use std::collections::BTreeMap;

use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio, word_accuracy};

/// The share of examples whose class is right.
pub(super) static METRIC: Metric = Metric {
    name: "accuracy",
    summary: "share of examples whose class is right",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: word_accuracy::equal,
    value: Value::Of(ratio),
};

/// The accuracy of saying the commonest class each time, whatever the model says: an accuracy means little where it is
/// not well above this one. Of several classes equally common the first in the alphabet is taken. What has no known class
/// is never right.
pub(super) static MAJORITY: Metric = Metric {
    name: "accuracy-of-majority",
    summary: "accuracy of always saying the commonest class",
    undefined: "no example",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: majority,
    value: Value::Of(ratio),
};

fn majority(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    let known = pairs.iter().map(|pair| pair.reference.as_ref()).filter(|reference| !reference.is_empty());
    let commonest = commonest(known);
    pairs.iter().map(|pair| Contribution::hit(commonest == Some(pair.reference.as_ref()))).collect()
}

/// The class that comes oftenest; of several, the first in the alphabet.
pub(super) fn commonest<'c>(classes: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for class in classes {
        *counts.entry(class).or_default() += 1;
    }
    let most = counts.values().max().copied()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_known_class_is_never_right() {
        let pairs = [("no", ""), ("no", ""), ("no", ""), ("yes", "yes"), ("yes", "no"), ("no", "no")]
            .map(|(output, reference)| Pair::new(output, reference));
        let value = |metric: &'static Metric| metric.score(&pairs, 1).value().unwrap();
        assert!((value(&METRIC) - 2.0 / 6.0).abs() < 1e-12);
        assert!((value(&MAJORITY) - 2.0 / 6.0).abs() < 1e-12);
    }
}
