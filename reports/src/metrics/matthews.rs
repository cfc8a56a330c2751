use indexmap::IndexSet;

use super::f1::classes_of;
use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always,
};
use super::prediction::PredictionKind;

/// Matthews correlation of predictions and references over any number of classes (Gorodkin, 2004), GLUE's metric for `CoLA`:
/// with c right of n examples, `p_k` predictions and `t_k` references of class k,
/// `(c n - Σ p_k t_k) / sqrt((n² - Σ p_k²)(n² - Σ t_k²))`; 0 where all predictions or all references are one class.
pub(super) static METRIC: Metric = Metric {
    name: "matthews",
    summary: "Matthews correlation of outputs and references",
    undefined: "no example",
    direction: Direction::Higher,
    is_share: false,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class],
    suits: always,
    is_default: always,
    contributions,
    value: Value::OfSums(value),
};

/// Sums: examples, right ones, and of each class its predictions and its references.
fn contributions(pairs: &[ScoredPair<'_>], _: &ScoringContext<'_>) -> Vec<Contribution> {
    let classes: IndexSet<&str> = pairs.iter().flat_map(classes_of).collect();
    let index = |class: &str| 2 + 2 * classes.get_index_of(class).unwrap_or_default();
    let own = |pair: &ScoredPair<'_>| {
        let [reference, predicted] = classes_of(pair);
        let right = f64::from(u8::from(predicted == reference));
        Contribution::of_sums([(0, 1.0), (1, right), (index(predicted), 1.0), (index(reference) + 1, 1.0)])
    };
    pairs.iter().map(own).collect()
}

fn value(sums: &[f64]) -> Option<f64> {
    let (&examples, &right) = (sums.first()?, sums.get(1)?);
    let (mut both, mut outputs, mut references) = (0.0, 0.0, 0.0);
    for class in sums[2..].chunks(2) {
        let (output, reference) = (class[0], class.get(1).copied().unwrap_or_default());
        both += output * reference;
        outputs += output * output;
        references += reference * reference;
    }
    let spread = ((examples * examples - outputs) * (examples * examples - references)).sqrt();
    Some(if spread > 0.0 { (right * examples - both) / spread } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::super::prediction::examples::classes;
    use super::super::score_all;

    /// Values of scikit-learn 1.9, `matthews_corrcoef`, which has 0 where predictions or references are all of one class.
    #[test]
    fn matthews_correlations_are_those_of_scikit_learn() {
        let value = |predictions: &[&str], references: &[&str]| {
            score_all(&["matthews"], &classes(predictions), &classes(references), 1).unwrap()[0].value()
        };
        let several = value(&["a", "b", "b", "d", "a"], &["a", "b", "c", "a", "a"]).unwrap();
        assert!((several - 0.467_707_173_346_742_67).abs() < 1e-12, "{several}");
        assert_eq!(value(&["a", "a"], &["a", "b"]), Some(0.0));
        assert_eq!(value(&["a", "a"], &["a", "a"]), Some(0.0));
        assert_eq!(value(&[], &[]), None);
    }
}
