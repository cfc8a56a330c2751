use super::{Against, Context, Contribution, Direction, Metric, Pair, Value};
use indexmap::IndexSet;

/// Matthews correlation of outputs and references over any number of classes (Gorodkin, 2004), GLUE's measure for
/// `CoLA`: with c right of n examples, `p_k` outputs and `t_k` references of class k,
/// `(c n - Σ p_k t_k) / sqrt((n² - Σ p_k²)(n² - Σ t_k²))`; 0 where all outputs or all references are one class.
pub(super) static METRIC: Metric = Metric {
    name: "matthews",
    summary: "Matthews correlation of outputs and references",
    undefined: "no example",
    direction: Direction::Higher,
    share: false,
    against: Against::References,
    contributions,
    value: Value::Of(value),
};

/// Sums: examples, right ones, and for each class outputs and references.
fn contributions(pairs: &[Pair<'_>], _: &Context<'_>) -> Vec<Contribution> {
    let classes: IndexSet<&str> =
        pairs.iter().flat_map(|pair| [pair.reference.as_ref(), pair.hypothesis.as_ref()]).collect();
    let index = |class: &str| 2 + 2 * classes.get_index_of(class).unwrap_or_default();
    pairs
        .iter()
        .map(|pair| {
            let right = f64::from(u8::from(pair.hypothesis == pair.reference));
            Contribution::of_sums([
                (0, 1.0),
                (1, right),
                (index(&pair.hypothesis), 1.0),
                (index(&pair.reference) + 1, 1.0),
            ])
        })
        .collect()
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
    use super::*;

    /// Values of scikit-learn 1.9, `matthews_corrcoef`, which has 0 where answers or references are all of one class.
    #[test]
    fn matthews_correlations_are_those_of_scikit_learn() {
        let value = |outputs: &[&str], references: &[&str]| {
            let pairs: Vec<Pair<'_>> = outputs
                .iter()
                .zip(references)
                .map(|(output, reference)| Pair::new(output, reference))
                .collect();
            METRIC.score(&pairs, 1).value()
        };
        let several = value(&["a", "b", "b", "d", "a"], &["a", "b", "c", "a", "a"]).unwrap();
        assert!((several - 0.467_707_173_346_742_67).abs() < 1e-12, "{several}");
        assert_eq!(value(&["a", "a"], &["a", "b"]), Some(0.0));
        assert_eq!(value(&["a", "a"], &["a", "a"]), Some(0.0));
        assert_eq!(value(&[], &[]), None);
    }
}
