use super::metric::{Contribution, Direction, Metric, ReferenceSource, ScoredPair, Value, always, ratio};
use super::prediction::{Prediction, PredictionKind};

/// Normalised discounted cumulative gain over the first ten results.
///
/// `nDCG@10 = Σ_{i ≤ 10} g_i / log₂(i + 1) ÷ Σ_{i ≤ 10} g*_i / log₂(i + 1)`, where `g_i` is the grade of the result at rank i, 0
/// where it has none, and `g*` are all grades of the query from the highest on; a mean over queries. Grades count as they are,
/// as in `trec_eval`, and not as powers of two (Järvelin and Kekäläinen, 2002). Results are taken in the order in which a model
/// ranks them: of equal scores the passage that is first in the corpus comes first, where `trec_eval` takes the larger id.
pub(super) static NDCG_AT_10: Metric = Metric {
    name: "ndcg-at-10",
    summary: "normalised discounted cumulative gain of the first ten results, by grades of relevance",
    undefined: "no query that anything is relevant to",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Relevance],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_queries(pairs, |found, grades| ndcg(found, grades, 10)),
    value: Value::OfSums(ratio),
};

/// Mean reciprocal rank of the first relevant result, if it is among the first ten, and else 0.
pub(super) static MRR_AT_10: Metric = Metric {
    name: "mrr-at-10",
    summary: "mean reciprocal rank of the first relevant result among the first ten",
    undefined: "no query that anything is relevant to",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Relevance],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_queries(pairs, |found, grades| reciprocal_rank(found, grades, 10)),
    value: Value::OfSums(ratio),
};

/// Share of a query's relevant passages among the first hundred results, a mean over queries.
pub(super) static RECALL_AT_100: Metric = Metric {
    name: "recall-at-100",
    summary: "share of the relevant passages of a query among its first hundred results",
    undefined: "no query that anything is relevant to",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Ranking],
    references: &[PredictionKind::Relevance],
    suits: always,
    is_default: always,
    contributions: |pairs, _| of_queries(pairs, |found, grades| recall(found, grades, 100)),
    value: Value::OfSums(ratio),
};

/// The mean over queries of what rankings are worth; queries to which nothing is relevant contribute nothing.
fn of_queries(
    pairs: &[ScoredPair<'_>],
    worth: impl Fn(&[usize], &[(usize, f64)]) -> f64,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let found: &[usize] = match &*pair.prediction {
            Prediction::Ranking(found) => found,
            _ => &[],
        };
        match &*pair.reference {
            Prediction::Relevance(grades) if grades.iter().any(|(_, grade)| *grade > 0.0) => {
                Contribution::of_mean(worth(found, grades))
            }
            _ => Contribution::none(),
        }
    };
    pairs.iter().map(own).collect()
}

/// The grade of a place; 0 where it has none.
fn grade(place: usize, grades: &[(usize, f64)]) -> f64 {
    grades.iter().find(|(own, _)| *own == place).map_or(0.0, |(_, grade)| grade.max(0.0))
}

fn discounted(grades: impl Iterator<Item = f64>, most: usize) -> f64 {
    grades.take(most).enumerate().map(|(index, grade)| grade / (index as f64 + 2.0).log2()).sum()
}

fn ndcg(found: &[usize], grades: &[(usize, f64)], most: usize) -> f64 {
    let mut ideal: Vec<f64> = grades.iter().map(|(_, grade)| grade.max(0.0)).collect();
    ideal.sort_unstable_by(|one, other| other.total_cmp(one));
    discounted(found.iter().map(|place| grade(*place, grades)), most) / discounted(ideal.into_iter(), most)
}

fn reciprocal_rank(found: &[usize], grades: &[(usize, f64)], most: usize) -> f64 {
    let rank = found.iter().take(most).position(|place| grade(*place, grades) > 0.0);
    rank.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0))
}

fn recall(found: &[usize], grades: &[(usize, f64)], most: usize) -> f64 {
    let all = grades.iter().filter(|(_, grade)| *grade > 0.0).count();
    let hits = found.iter().take(most).filter(|place| grade(**place, grades) > 0.0).count();
    hits as f64 / all as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::score_all;

    #[test]
    fn grades_count_as_they_are_and_queries_without_any_not_at_all() {
        let found = [vec![7, 3, 9], vec![1], vec![4]].map(Prediction::Ranking);
        let relevance = |grades: &[(usize, f64)]| Prediction::Relevance(grades.to_vec());
        let grades =
            [relevance(&[(3, 2.0), (9, 1.0), (5, 1.0)]), relevance(&[(1, 0.0)]), relevance(&[(2, 1.0)])];
        let names = ["ndcg-at-10", "mrr-at-10", "recall-at-100"];
        let scores = score_all(&names, &found, &grades, 1).unwrap();
        let value = |name: &str| scores[name].value().unwrap();
        let (gain, ideal) = (2.0 / 3f64.log2() + 0.5, 2.0 + 1.0 / 3f64.log2() + 0.5);
        assert!((value("ndcg-at-10") - gain / ideal / 2.0).abs() < 1e-12);
        assert!((value("mrr-at-10") - 0.25).abs() < 1e-12);
        assert!((value("recall-at-100") - 1.0 / 3.0).abs() < 1e-12);
    }
}
