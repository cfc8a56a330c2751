//! Binary cross-entropy on soft scores.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::arithmetic::{binary_cross_entropy, weighted_mean};
use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Binary cross-entropy on the scores of the answers in the data.
    ///
    /// Visual question answering asks of each of C answers whether it is right, with a score `y` in 0 to 1 by how many
    /// people gave it: `L = 1/B Σ_b Σ_c -[y log σ(z) + (1 - y) log(1 - σ(z))]` over B questions, logits `[batch, C]`. The
    /// sum over answers is the mean over them times C, as Oscar, LXMERT and ViLT have it.
    pub struct BinaryCrossEntropy {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "binary-cross-entropy";

impl LossTerm for BinaryCrossEntropy {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.classes == 0 || student.classes_of_tokens {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "the student has no logits of a question's answers".into(),
            });
        }
        let compute = move |inputs: &Inputs<'_>| {
            let logits = inputs.student("logits")?;
            let scores = &inputs.targets.scores;
            if logits.elem_count() != scores.len() {
                return Err(LossError::Incompatible {
                    term: NAME,
                    reason: format!("{} logits and {} scores", logits.elem_count(), scores.len()),
                });
            }
            let scores = Tensor::from_vec(scores.to_vec(), logits.shape(), device::current())?;
            let rows = binary_cross_entropy(logits, &scores)?;
            let scored = &inputs.targets.scored;
            if scored.is_empty() {
                return Ok(rows.mean_all()?);
            }
            weighted_mean(&rows, &Tensor::from_vec(scored.to_vec(), rows.shape(), device::current())?)
        };
        Ok(Term::new(NAME, self.weight, vec!["logits".into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Scores]))
    }
}
