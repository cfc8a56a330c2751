use super::accuracy::commonest;
use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The share of tokens whose tag is right, over all tokens of all examples. Outputs and references are the tags of an
/// example, parted by spaces; a reference's tag without a counterpart is wrong.
pub(super) static METRIC: Metric = Metric {
    name: "token-accuracy",
    summary: "share of tokens whose tag is right",
    undefined: "no word",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: right,
    value: Value::Of(ratio),
};

/// The token accuracy of saying the commonest tag each time, whatever the model says: where most words are in no span, it
/// is high.
pub(super) static MAJORITY: Metric = Metric {
    name: "token-accuracy-of-majority",
    summary: "token accuracy of always saying the commonest tag",
    undefined: "no word",
    direction: Direction::Higher,
    share: true,
    against: Against::References,
    contributions: majority,
    value: Value::Of(ratio),
};

fn right(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    let count = |pair: &Pair<'_>| {
        let (found, there) = (pair.hypothesis.split_whitespace(), pair.reference.split_whitespace());
        let right = found.zip(there.clone()).filter(|(found, there)| found == there).count();
        Contribution::of_ratio(right as f64, there.count() as f64)
    };
    pairs.iter().map(count).collect()
}

fn majority(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    let commonest = commonest(pairs.iter().flat_map(|pair| pair.reference.split_whitespace()));
    let count = |pair: &Pair<'_>| {
        let tags = pair.reference.split_whitespace();
        let right = tags.clone().filter(|tag| commonest == Some(tag)).count();
        Contribution::of_ratio(right as f64, tags.count() as f64)
    };
    pairs.iter().map(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_and_not_examples() {
        let pairs = [Pair::new("O B-LOC", "O O"), Pair::new("O O O O", "O O B-LOC I-LOC O O")];
        let value = |metric: &'static Metric| metric.score(&pairs, 1).value().unwrap();
        assert!((value(&METRIC) - 3.0 / 8.0).abs() < 1e-12);
        assert!((value(&MAJORITY) - 6.0 / 8.0).abs() < 1e-12);
    }
}
