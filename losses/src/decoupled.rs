//! Decoupled knowledge distillation.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::candle::{D, DType, Tensor};
use alambic_tensor::device;

use crate::arithmetic::{kullback_leibler, log_softmax, weighted_mean};
use crate::logits::{rows, same_classes};
use crate::{Inputs, LossError, LossTerm, TargetKind, Temperature, Term, Weight};

settings! {
    /// The teacher's logits, the target class apart from the others.
    ///
    /// Decoupled knowledge distillation (Zhao et al., 2022, equations 5 to 8): with `p = softmax(z / T)` over C classes
    /// and the label t, `L = T² (α TCKD + β NCKD)`, where TCKD is the KL divergence of `{p_t, 1 - p_t}`, teacher's from
    /// student's, and NCKD that of the distributions over the other classes, both averaged over texts. The paper adds
    /// the cross-entropy with the labels, the term `cross-entropy`, and raises the weight over the first 20 of 240 epochs:
    /// `weight = { linear = { start = 0.0, end = 1.0, until = 0.083 } }`. Logits are `[batch, C]`, and every text needs a
    /// label.
    pub struct Decoupled {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Weight α of the target class.
        #[range(0.0..)]
        pub target: f64 = 1.0,
        /// Weight β of the other classes.
        #[range(0.0..)]
        pub others: f64 = 8.0,
        /// Both logits are divided by it.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(4.0),
    }
}

const NAME: &str = "decoupled";
/// What keeps the target class out of a softmax over the others.
const LEFT_OUT: f64 = 10_000.0;

impl LossTerm for Decoupled {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        same_classes(NAME, student, teacher)?;
        if student.classes < 2 {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: "there is one class; a regression has no other classes".into(),
            });
        }
        let options = self.clone();
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs);
        let taps = vec!["logits".to_owned()];
        Ok(Term::new(NAME, self.weight, taps.clone(), taps, Box::new(compute))
            .scheduling("temperature", self.temperature)
            .with_targets(&[TargetKind::Classes]))
    }

    fn reads_only_logits(&self) -> bool {
        true
    }
}

impl Decoupled {
    fn compute(&self, inputs: &Inputs<'_>) -> Result<Tensor, LossError> {
        let (student, teacher, weights) = rows(inputs)?;
        let (count, classes) = student.dims2()?;
        let labels = &inputs.targets.classes;
        let labelled = inputs.targets.labelled.iter().all(|&counts| counts > 0.0);
        if labels.len() != count || !labelled || labels.iter().any(|&label| label as usize >= classes) {
            return Err(LossError::Incompatible {
                term: NAME,
                reason: format!(
                    "{count} rows of {classes} classes need as many labels, each one of the classes"
                ),
            });
        }
        let mut target = vec![0.0f32; count * classes];
        for (row, &label) in labels.iter().enumerate() {
            target[row * classes + label as usize] = 1.0;
        }
        let target = Tensor::from_vec(target, (count, classes), device::current())?.to_dtype(DType::F32)?;
        let temperature = self.temperature.at(inputs.progress);
        let (student, teacher) = ((student / temperature)?, (teacher / temperature)?);
        // log p_t and log (1 - p_t), each from sums of exponentials: no small difference of large numbers.
        let two_way = |scores: &Tensor| -> Result<Tensor, LossError> {
            let logs = log_softmax(scores)?;
            let own = (&logs * &target)?.sum_keepdim(D::Minus1)?;
            let others = (logs - (&target * LEFT_OUT)?)?;
            let largest = others.detach().max_keepdim(D::Minus1)?;
            let others = (others.broadcast_sub(&largest)?.exp()?.sum_keepdim(D::Minus1)?.log()? + largest)?;
            Ok(Tensor::cat(&[own, others], 1)?)
        };
        let without_target = |scores: &Tensor| -> Result<Tensor, LossError> {
            log_softmax(&(scores - (&target * LEFT_OUT)?)?)
        };
        let of_target = kullback_leibler(&two_way(&teacher)?, &two_way(&student)?)?;
        let of_others = kullback_leibler(&without_target(&teacher)?, &without_target(&student)?)?;
        let both = ((of_target * self.target)? + (of_others * self.others)?)?;
        Ok((weighted_mean(&both, &weights)? * temperature.powi(2))?)
    }
}
