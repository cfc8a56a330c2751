use super::{Against, Contribution, Direction, Metric, Pair, Value};
use indexmap::IndexSet;

/// Matthews correlation of outputs and references over any number of classes (Gorodkin, 2004), GLUE's measure for
/// `CoLA`: with c right of n examples, `p_k` outputs and `t_k` references of class k,
/// `(c n - Σ p_k t_k) / sqrt((n² - Σ p_k²)(n² - Σ t_k²))`; 0 where all outputs or all references are one class.
pub(super) static METRIC: Metric = Metric {
    name: "matthews",
    summary: "Matthews correlation of outputs and references",
    direction: Direction::Higher,
    share: false,
    against: Against::References,
    contributions,
    value: Value::Of(value),
};

/// Sums: examples, right ones, and for each class outputs and references.
fn contributions(pairs: &[Pair<'_>], _seed: u64) -> Vec<Contribution> {
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
