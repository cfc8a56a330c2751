//! Squared error on numbers.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;

use crate::{Inputs, LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// Squared error on the numbers of the data.
    ///
    /// `L = 1/N Σ (z_i - y_i)²` over N texts, for a student whose only logit `[batch, 1]` is a prediction: STS-B's
    /// similarity, for instance. TinyBERT's prediction term for regression is this one, without the teacher.
    pub struct SquaredError {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "squared-error";

impl LossTerm for SquaredError {
    fn bind(&self, student: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
        if student.classes != 1 {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: format!("the student has {} logits, and a number needs one", student.classes),
            });
        }
        let compute = move |inputs: &Inputs<'_>| {
            let predicted = inputs.student("logits")?.flatten_all()?;
            let numbers = &inputs.targets.numbers;
            if predicted.elem_count() != numbers.len() {
                return Err(LossError::Incompatible {
                    term: NAME,
                    reason: format!("{} predictions and {} numbers", predicted.elem_count(), numbers.len()),
                });
            }
            let numbers = Tensor::from_vec(numbers.to_vec(), numbers.len(), device::current())?;
            Ok((predicted - numbers)?.sqr()?.mean_all()?)
        };
        Ok(Term::new(NAME, self.weight, vec!["logits".into()], Vec::new(), Box::new(compute))
            .with_targets(&[TargetKind::Numbers]))
    }
}
