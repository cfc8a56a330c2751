//! Answers to questions about images, beside other tasks.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Cross-entropy on the answers to questions about images, beside other tasks of pre-training.
    ///
    /// `L = -1/A Σ_a log p(y_a)` over the A texts of a batch that belong to their image and have a known answer, with logits
    /// `[batch, answers]`; 0 where there is none, where the authors' code has NaN. This is image question answering of LXMERT (Tan
    /// and Bansal, 2019, 3.1.3).
    pub struct Answers {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "answers";

impl LossTerm for Answers {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.classes == 0 || student.classes_of_tokens {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no head over answers: its data have no question with an answer"
                    .into(),
            });
        }
        let compute = |inputs: &Inputs<'_>| {
            let settings = ops::CrossEntropy {
                targets: inputs.targets.answers.clone(),
                weights: inputs.targets.answered.clone(),
                smoothing: 0.0,
            };
            Ok(ops::cross_entropy(inputs.student("logits")?, settings)?)
        };
        Ok(Term::new(NAME, self.weight, vec!["logits".into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Answers]))
    }
}
