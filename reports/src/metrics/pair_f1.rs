use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, never,
};
use super::prediction::{Prediction, PredictionKind};

/// F1 of a set of pairs, as XTREME scores BUCC: the pairs that are found and right, over those found and those there are. An
/// example is a pair that is found, that is there, or both; it has nothing on the other side where it is one alone. It is 0 where no
/// pair is right.
pub(super) static METRIC: Metric = Metric {
    name: "pair-f1",
    summary: "F1 of the set of pairs that are found (BUCC)",
    undefined: "no pair",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Pair],
    references: &[PredictionKind::Pair],
    suits: never,
    is_default: never,
    contributions,
    value: Value::OfSums(value),
};

/// Sums: pairs found and right, pairs found, pairs there are.
fn contributions(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let is_pair = |side: &Prediction| matches!(side, Prediction::Pair(_));
        let sides = [is_pair(&pair.prediction), is_pair(&pair.reference)];
        let is_right = sides == [true, true] && pair.prediction == pair.reference;
        let counts = [is_right, sides[0], sides[1]];
        Contribution::of_sums(counts.into_iter().map(|is| f64::from(u8::from(is))).enumerate())
    };
    pairs.iter().map(own).collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let &[right, found, there] = sums else { return None };
    Some(if right > 0.0 { 2.0 * right / (found + there) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::super::{Prediction, ScoredPair, find};

    #[test]
    fn pairs_are_counted_as_sets() {
        let pair = |first: &str, second: &str| Prediction::Pair([first.into(), second.into()]);
        let nothing = Prediction::Nothing;
        let (a, b, c) = (pair("a", "1"), pair("b", "2"), pair("b", "3"));
        let value = |pairs: &[(&Prediction, &Prediction)]| {
            let pairs: Vec<ScoredPair<'_>> =
                pairs.iter().map(|(found, there)| ScoredPair::as_written(found, there)).collect();
            find("pair-f1").unwrap().score(&pairs, 1).value()
        };
        // One right of two found and two there.
        assert_eq!(value(&[(&a, &a), (&c, &nothing), (&nothing, &b)]), Some(0.5));
        assert_eq!(value(&[(&c, &nothing), (&nothing, &b)]), Some(0.0));
        assert_eq!(value(&[]), None);
    }
}
