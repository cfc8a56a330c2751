//! Codes that are drawn to the outputs that take them.

use alambic_models::{ImageCodes, Outline};
use alambic_settings::settings;

use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// Draws the codes of a codebook to the outputs of the encoder that take them, which get no gradient from it.
    ///
    /// `L = 1/(N d) Σ ‖sg[E(x)] - e‖²` over the N places of a batch and the d numbers of a code e, sg being what gets no gradient: the
    /// second term of VQ-VAE (van den Oord et al., 2017, equation 3). It is for `codebook = "gradient"`; codes that are running means
    /// need none.
    pub struct CodebookLoss {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "codebook";

/// The codes of a student.
pub(crate) fn require_codes(term: &'static str, student: &Outline) -> Result<ImageCodes, LossError> {
    student.codes.ok_or_else(|| LossError::Incompatible {
        term,
        reason: "the student has no codebook; an `image-tokenizer` has one".into(),
    })
}

impl LossTerm for CodebookLoss {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        let codes = require_codes(NAME, student)?;
        let fault = match (codes.is_relaxed, codes.by_gradient) {
            (true, _) => {
                Some("the student's encoder gives logits of codes, which are no vectors to draw them to")
            }
            (false, false) => Some(
                "the student's codes are running means, which no gradient moves; leave it out, or set the model's \
                 `codebook = \"gradient\"`",
            ),
            (false, true) => None,
        };
        if let Some(reason) = fault {
            return Err(LossError::Incompatible { term: NAME, reason: reason.into() });
        }
        let compute = |inputs: &Inputs<'_>| {
            let (outputs, codes) = (inputs.student("latents")?.detach(), inputs.student("quantized")?);
            Ok((outputs - codes)?.sqr()?.mean_all()?)
        };
        let taps = ["latents", "quantized"].map(str::to_owned).to_vec();
        Ok(Term::new(NAME, self.weight, taps, Vec::new(), Box::new(compute)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use alambic_models::{TapSelection, Trace};
    use alambic_tensor::candle::{Device, Tensor, Var};
    use alambic_tensor::gradients::backward;
    use alambic_tensor::parameters::Weights;

    use super::*;
    use crate::Targets;

    /// Codes of a student of two numbers each, learned by gradients.
    pub(crate) const CODES: ImageCodes =
        ImageCodes { codes: 4, width: 2, latent_width: 2, is_relaxed: false, by_gradient: true };

    /// A value, and the gradient of each tap.
    pub(crate) type Valued = (f32, Vec<Option<Vec<f32>>>);

    /// Value of a term over such taps and pixels, and the gradient of each tap.
    pub(crate) fn value(
        term: &dyn LossTerm,
        taps: &[(&str, Vec<f32>, Vec<usize>)],
        pixels: &[f32],
    ) -> Result<Valued, LossError> {
        let width = taps[0].2.last().copied().unwrap_or_default();
        let is_relaxed = taps.len() == 1 && taps[0].0 == "latents";
        let codes = ImageCodes { is_relaxed, latent_width: width, ..CODES };
        let outline =
            Outline { codes: Some(codes), reconstruction: Some(pixels.len()), ..Outline::default() };
        let term = term.bind(&outline, None)?;
        let mut trace = Trace::new(TapSelection::All);
        let mut variables = Vec::new();
        for (name, values, shape) in taps {
            let tensor = Tensor::from_vec(values.clone(), shape.as_slice(), &Device::Cpu)?;
            let variable = Var::from_tensor(&tensor)?;
            trace.record(name, variable.as_tensor());
            variables.push(variable);
        }
        let targets = Targets { pixels: Arc::new(pixels.to_vec()), ..Targets::default() };
        let loss = term.loss(&Inputs {
            student: &trace,
            teacher: None,
            targets: &targets,
            projections: &Weights::new(),
            ranks: None,
            progress: 1.0,
            step: None,
        })?;
        let store = backward(&loss)?;
        let gradient = |variable: &Var| -> Result<Option<Vec<f32>>, LossError> {
            let found = store.get(variable.as_tensor());
            Ok(found.map(|own| own.flatten_all()?.to_vec1()).transpose()?)
        };
        let gradients = variables.iter().map(gradient).collect::<Result<_, _>>()?;
        Ok((loss.to_scalar()?, gradients))
    }

    #[test]
    fn codes_are_drawn_to_their_outputs_and_outputs_to_nothing() {
        let taps = [
            ("latents", vec![1.0f32, 0.0, 3.0, 2.0], vec![1usize, 2, 2]),
            ("quantized", vec![0.0f32, 0.0, 1.0, 2.0], vec![1, 2, 2]),
        ];
        let (found, gradients) = value(&CodebookLoss { weight: Weight::from(1.0) }, &taps, &[]).unwrap();
        assert!((found - 1.25).abs() < 1e-6);
        assert_eq!(gradients[0], None);
        assert_eq!(gradients[1].as_deref(), Some(&[-0.5, 0.0, -1.0, 0.0][..]));
    }

    #[test]
    fn codes_that_no_gradient_moves_are_refused() {
        for codes in [
            None,
            Some(ImageCodes { by_gradient: false, ..CODES }),
            Some(ImageCodes { is_relaxed: true, ..CODES }),
        ] {
            let outline = Outline { codes, ..Outline::default() };
            assert!(CodebookLoss { weight: Weight::from(1.0) }.bind(&outline, None).is_err());
        }
    }
}
