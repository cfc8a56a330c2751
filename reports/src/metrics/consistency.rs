use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, TaskDescription, Value,
    ratio,
};
use super::prediction::PredictionKind;

/// Share of the sentences all of whose examples are right, each sentence counting once (Suhr et al., 2019, for NLVR2).
pub(super) static METRIC: Metric = Metric {
    name: "consistency",
    summary: "share of the sentences of which every example is right",
    undefined: "no sentence",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class, PredictionKind::Scores],
    suits: is_grouped,
    is_default: is_grouped,
    contributions: consistent,
    value: Value::OfSums(ratio),
};

fn is_grouped(task: &TaskDescription<'_>) -> bool {
    task.is_grouped
}

/// What a group contributes stands at its first example. Without groups each example is its own.
fn consistent(pairs: &[ScoredPair<'_>], context: &ScoringContext<'_>) -> Vec<Contribution> {
    let group = |example: usize| context.groups.get(example).copied();
    let mut all_right: std::collections::HashMap<usize, bool> = std::collections::HashMap::new();
    let is_right = |pair: &ScoredPair<'_>| {
        pair.reference.class().is_some_and(|class| pair.prediction.class() == Some(class))
    };
    for (example, pair) in pairs.iter().enumerate() {
        if let Some(group) = group(example) {
            *all_right.entry(group).or_insert(true) &= is_right(pair);
        }
    }
    let own = |(example, pair): (usize, &ScoredPair<'_>)| match group(example) {
        None => Contribution::of_hit(is_right(pair)),
        Some(group) => all_right.remove(&group).map_or_else(Contribution::none, Contribution::of_hit),
    };
    pairs.iter().enumerate().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::classes;
    use super::super::{ScoringContext, find, score_all};

    #[test]
    fn sentence_is_consistent_where_all_of_its_examples_are_right() {
        let references = classes(&["True", "False", "True", "True", "False"]);
        let predictions = classes(&["True", "False", "False", "True", "False"]);
        let context = ScoringContext { groups: &[4, 7, 4, 7, 9], ..ScoringContext::default() };
        let scores = score_all(&["consistency", "accuracy"], &predictions, &references, context).unwrap();
        assert_eq!(scores["consistency"].value(), Some(2.0 / 3.0));
        assert_eq!(scores["accuracy"].value(), Some(0.8));
        let alone = score_all(&["consistency"], &predictions, &references, 1).unwrap();
        assert_eq!(alone[0].value(), Some(0.8));
        assert!(!find("consistency").unwrap().suits(&super::PredictionKind::Class.into()));
    }
}
