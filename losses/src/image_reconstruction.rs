//! Images that are made again.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

choices! {
    /// What a difference of two colours counts.
    pub enum Difference {
        /// Its size.
        Absolute = "absolute",
        /// Its square.
        Squared = "squared",
    }
}

settings! {
    /// How far an image that is made of codes is from the image that they were made of.
    ///
    /// `L = 1/N Σ |x̂ - x|`, or `1/N Σ (x̂ - x)²`, over the N numbers of all pixels and colours of a batch, each from -1 to 1: the first
    /// term of VQ-VAE (van den Oord et al., 2017, equation 3, there squared), as absolute differences in VQGAN (Esser et al., 2021),
    /// whose perceptual and adversarial terms are left out here.
    pub struct ImageReconstruction {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What a difference counts.
        pub difference: Difference = Difference::Absolute,
    }
}

const NAME: &str = "image-reconstruction";

impl LossTerm for ImageReconstruction {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.reconstruction.is_none() {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student makes no images; an `image-tokenizer` does, and an `ernie-vilg` with a `reconstructor`"
                    .into(),
            });
        }
        let difference = self.difference;
        let compute = move |inputs: &Inputs<'_>| {
            let made = inputs.student("reconstruction")?;
            let pixels = &inputs.targets.pixels;
            if made.elem_count() != pixels.len() {
                return Err(LossError::Incompatible {
                    term: NAME,
                    reason: format!(
                        "{} numbers of pixels are made, and the images have {}",
                        made.elem_count(),
                        pixels.len()
                    ),
                });
            }
            let pixels = Tensor::from_vec(pixels.to_vec(), made.shape(), device::current())?;
            let apart = (made - pixels)?;
            Ok(match difference {
                Difference::Absolute => apart.abs()?.mean_all()?,
                Difference::Squared => apart.sqr()?.mean_all()?,
            })
        };
        let term = Term::new(NAME, self.weight, vec!["reconstruction".into()], Vec::new(), Box::new(compute));
        Ok(term.with_targets(&[TargetKind::Images]))
    }
}

#[cfg(test)]
mod tests {
    use alambic_models::Outline;

    use super::*;
    use crate::codebook::tests::value;

    #[test]
    fn differences_of_pixels_are_those_counted_by_hand() {
        let term = |difference| ImageReconstruction { weight: Weight::from(1.0), difference };
        let taps = [("reconstruction", vec![0.5f32, -0.5, 1.0, 0.0], vec![1usize, 1, 2, 2])];
        let pixels = [1.0f32, -0.5, 0.0, 1.0];
        // 0.5 + 0 + 1 + 1, and 0.25 + 0 + 1 + 1, over four.
        for (difference, expected) in [(Difference::Absolute, 0.625), (Difference::Squared, 0.5625)] {
            let found = value(&term(difference), &taps, &pixels).unwrap();
            assert!((found.0 - expected).abs() < 1e-6, "{found:?}");
        }
        assert!(value(&term(Difference::Absolute), &taps, &pixels[..3]).is_err());
        assert!(term(Difference::Absolute).bind(&Outline::default(), None).is_err());
    }
}
