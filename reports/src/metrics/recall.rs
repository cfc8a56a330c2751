use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};

/// The share of queries of whose right results one is the first that was found.
pub(super) static AT_1: Metric =
    recall("recall-at-1", "share of queries that find a right result first", |pairs, _| within(pairs, 1));

/// The same among the first five.
pub(super) static AT_5: Metric =
    recall("recall-at-5", "share of queries that find a right result among the first five", |pairs, _| {
        within(pairs, 5)
    });

/// The same among the first ten.
pub(super) static AT_10: Metric =
    recall("recall-at-10", "share of queries that find a right result among the first ten", |pairs, _| {
        within(pairs, 10)
    });

/// The share of queries for which the other model finds the same result first.
pub(super) static AGREEMENT: Metric = Metric {
    against: Against::Model,
    ..recall("agreement-of-first", "share of queries that find what the teacher's find first", |pairs, _| {
        let first = |text: &str| text.split_whitespace().next().map(str::to_owned);
        pairs
            .iter()
            .map(|pair| Contribution::hit(first(&pair.hypothesis) == first(&pair.reference)))
            .collect()
    })
};

const fn recall(
    name: &'static str,
    summary: &'static str,
    contributions: fn(&[Pair<'_>], &Context<'_>) -> Vec<Contribution>,
) -> Metric {
    Metric {
        name,
        summary,
        undefined: "no query that anything is right of",
        direction: Direction::Higher,
        share: true,
        against: Against::References,
        contributions,
        value: Value::Of(ratio),
    }
}

/// Whether one of the first `most` names in a ranking, which blanks part, is among the right ones.
fn within(pairs: &[Pair<'_>], most: usize) -> Vec<Contribution> {
    let hit = |pair: &Pair<'_>| {
        // What nothing is right of is no query.
        if pair.reference.is_empty() {
            return Contribution::nothing();
        }
        let mut found = pair.hypothesis.split_whitespace().take(most);
        Contribution::hit(found.any(|name| pair.reference.split_whitespace().any(|right| right == name)))
    };
    pairs.iter().map(hit).collect()
}

#[cfg(test)]
mod tests {
    use crate::metrics::score_all;

    #[test]
    fn a_right_result_counts_as_far_as_one_looks() {
        let (found, right) = (["3 1 2", "1 2 3 4 5 6", "7 8", "10"], ["3 9", "6", "9", "1"]);
        let names = ["recall-at-1", "recall-at-5", "recall-at-10"];
        let scores = score_all(&names, &found, &right, 1).unwrap();
        let values: Vec<f64> = names.iter().map(|name| scores[*name].value().unwrap()).collect();
        assert_eq!(values, [0.25, 0.25, 0.5]);
        let scores = score_all(&["agreement-of-first"], &found, &["3", "2 1", "7 3", "10 1"], 1).unwrap();
        assert_eq!(scores["agreement-of-first"].value(), Some(0.75));
    }
}
