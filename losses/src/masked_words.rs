//! Masked words of texts about images.

use alambic_models::{Outline, PREDICTION_LOGITS};
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Cross-entropy on the masked words of texts about images, beside other tasks of pre-training.
    ///
    /// `L = -1/M Σ_m log p(w_m)` over the M masked tokens of a batch, with logits `[M, vocabulary]`; 0 where none is masked.
    /// This is masked cross-modality language modelling of LXMERT (Tan and Bansal, 2019, 3.1.1), as `LxmertForPreTraining` of
    /// transformers has it. Models whose only head is that over the vocabulary are trained by `cross-entropy`.
    pub struct MaskedWords {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "masked-words";

impl LossTerm for MaskedWords {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.words == 0 {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over words beside that over answers; where it is the only one, use \
                         `cross-entropy`"
                    .into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let settings = ops::CrossEntropy {
                targets: inputs.targets.classes.clone(),
                weights: inputs.targets.labelled.clone(),
                smoothing: 0.0,
            };
            Ok(ops::cross_entropy(inputs.student(PREDICTION_LOGITS)?, settings)?)
        };
        Ok(Term::new(NAME, self.weight, vec![PREDICTION_LOGITS.into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::MaskedWords]))
    }
}
