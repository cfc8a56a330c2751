//! Probability of a predicted class.

/// The softmax of the largest of some logits; none without any.
pub(crate) fn of_largest(logits: &[f32]) -> Option<f64> {
    let largest = logits.iter().copied().reduce(f32::max)?;
    let sum: f64 = logits.iter().map(|logit| f64::from(logit - largest).exp()).sum();
    Some(1.0 / sum)
}

#[cfg(test)]
mod tests {
    use super::of_largest;

    #[test]
    fn probability_of_the_largest_logit_is_its_softmax() {
        let share = of_largest(&[0.0, 3.0_f32.ln()]).unwrap();
        assert!((share - 0.75).abs() < 1e-6);
        assert_eq!(of_largest(&[7.0]), Some(1.0));
        assert_eq!(of_largest(&[]), None);
    }
}
