//! Probability of a prediction.

/// The softmax of the largest of some logits; none without any.
pub(crate) fn of_largest(logits: &[f32]) -> Option<f64> {
    let largest = logits.iter().copied().reduce(f32::max)?;
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    Some(1.0 / sum)
}

/// The geometric mean of probabilities, such as those of the tokens of one output; none without any.
pub(crate) fn geometric_mean(probabilities: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) =
        probabilities.fold((0.0, 0_u32), |(sum, count), probability| (sum + probability.ln(), count + 1));
    (count > 0).then(|| (sum / f64::from(count)).exp())
}

#[cfg(test)]
mod tests {
    use super::{geometric_mean, of_largest};

    #[test]
    fn probability_of_the_largest_logit_is_its_softmax() {
        let share = of_largest(&[0.0, 3.0_f32.ln()]).unwrap();
        assert!((share - 0.75).abs() < 1e-6);
        assert_eq!(of_largest(&[7.0]), Some(1.0));
        assert_eq!(of_largest(&[]), None);
    }

    #[test]
    fn geometric_mean_weighs_every_token_alike() {
        let mean = geometric_mean([0.5, 0.125].into_iter()).unwrap();
        assert!((mean - 0.25).abs() < 1e-12);
        assert_eq!(geometric_mean(std::iter::empty()), None);
    }
}
