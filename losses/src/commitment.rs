//! Outputs that stay near the codes that they take.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::codebook::require_codes;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Holds the outputs of an encoder near the codes that they take, which get no gradient from it.
    ///
    /// `L = 1/(N d) Σ ‖E(x) - sg[e]‖²` over the N places of a batch and the d numbers of a code e, sg being what gets no gradient: the
    /// third term of VQ-VAE with its β as the weight (van den Oord et al., 2017, equation 3). In the legacy quantizer of taming
    /// transformers β stands before the other term.
    pub struct Commitment {
        /// Factor in the sum of loss terms, β.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(0.25),
    }
}

const NAME: &str = "commitment";

impl LossTerm for Commitment {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if require_codes(NAME, student)?.is_relaxed {
            return Err(LossError::Incompatible {
                term: NAME,
                reason:
                    "the student's encoder gives logits of codes, which are near none; use `uniform-prior`"
                        .into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let (outputs, codes) = (inputs.student("latents")?, inputs.student("quantized")?.detach());
            Ok((outputs - codes)?.sqr()?.mean_all()?)
        };
        let taps = ["latents", "quantized"].map(str::to_owned).to_vec();
        Ok(Term::new(NAME, self.weight, taps, Vec::new(), Box::new(compute)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codebook::tests::value;

    #[test]
    fn outputs_are_drawn_to_their_codes_and_codes_to_nothing() {
        let taps = [
            ("latents", vec![1.0f32, 0.0, 3.0, 2.0], vec![1usize, 2, 2]),
            ("quantized", vec![0.0f32, 0.0, 1.0, 2.0], vec![1, 2, 2]),
        ];
        let (found, gradients) = value(&Commitment { weight: Weight::from(0.25) }, &taps, &[]).unwrap();
        // (1 + 0 + 4 + 0) / 4, and 2 (E - e) / 4.
        assert!((found - 1.25).abs() < 1e-6);
        assert_eq!(gradients[0].as_deref(), Some(&[0.5, 0.0, 1.0, 0.0][..]));
        assert_eq!(gradients[1], None);
    }
}
