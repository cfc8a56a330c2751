//! Distributions over codes that stay near the even one.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::D;

use crate::codebook::require_codes;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Holds the distribution of each place over a codebook near the even one.
    ///
    /// `L = 1/N Σ KL(q ‖ u) = 1/N Σ (log K + Σ_k q_k log q_k)` over the N places of a batch, q being the softmax of the encoder's K
    /// logits: the second term of a discrete VAE's bound (Ramesh et al., 2021, section 2.1), as a mean over places. DALL·E raises its
    /// weight up to 6.6, over a sum of pixels; DALLE-pytorch has it at 0.
    pub struct UniformPrior {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(5e-4),
    }
}

const NAME: &str = "uniform-prior";

impl LossTerm for UniformPrior {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if !require_codes(NAME, student)?.is_relaxed {
            return Err(LossError::Incompatible {
                term: NAME,
                reason:
                    "the student's encoder gives vectors, and no distribution over codes; use `commitment`"
                        .into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let logits = inputs.student("latents")?;
            let codes = logits.dim(D::Minus1)?;
            let shifted = logits.broadcast_sub(&logits.detach().max_keepdim(D::Minus1)?)?;
            let sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
            let logs = shifted.broadcast_sub(&sum)?;
            let entropies = (logs.exp()? * logs)?.sum(D::Minus1)?;
            Ok((entropies.mean_all()? + (codes as f64).ln())?)
        };
        Ok(Term::new(NAME, self.weight, vec!["latents".into()], Vec::new(), Box::new(compute)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codebook::tests::{CODES, value};

    #[test]
    fn divergence_from_the_even_distribution_is_that_counted_by_hand() {
        // One place is even; the other has e : 1 : 1 : 1.
        let taps = [("latents", vec![3.0f32, 3.0, 3.0, 3.0, 1.0, 0.0, 0.0, 0.0], vec![1usize, 2, 4])];
        let (found, gradients) = value(&UniformPrior { weight: Weight::from(5e-4) }, &taps, &[]).unwrap();
        let e = std::f64::consts::E;
        let shares = [e / (e + 3.0), 1.0 / (e + 3.0)];
        let entropy = shares[0] * shares[0].ln() + 3.0 * shares[1] * shares[1].ln();
        assert!((f64::from(found) - f64::midpoint(4f64.ln(), entropy)).abs() < 1e-6, "{found}");
        let gradient = gradients[0].as_ref().unwrap();
        assert!(gradient[..4].iter().all(|own| own.abs() < 1e-6) && gradient[4] > 0.0 && gradient[5] < 0.0);
        let outline = Outline { codes: Some(CODES), ..Outline::default() };
        assert!(UniformPrior { weight: Weight::from(5e-4) }.bind(&outline, None).is_err());
    }

    #[test]
    fn logits_that_are_far_apart_give_numbers() {
        let taps = [("latents", vec![1000.0f32, 0.0, -1000.0, 5.0], vec![1usize, 1, 4])];
        let (found, gradients) = value(&UniformPrior { weight: Weight::from(5e-4) }, &taps, &[]).unwrap();
        assert!((found - 4f32.ln()).abs() < 1e-6);
        assert!(gradients[0].as_ref().unwrap().iter().all(|own| own.is_finite()));
    }
}
