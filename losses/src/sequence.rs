//! Sequence-level distillation.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::cross_entropy::on_targets;
use crate::{LossError, LossTerm, TargetKind, Term, Weight};

settings! {
    /// The teacher's written output as the target.
    ///
    /// Sequence-level knowledge distillation (Kim and Rush, 2016, section 3.2): the cross-entropy of the student's
    /// distributions with what the teacher wrote for the source, `L = -1/N Σ log p(ŷ_t)` over the N tokens that the
    /// teacher wrote, padding left out. Which of the teacher's n best hypotheses is the target is decided where the
    /// outputs are prepared (`n-best` of the pipeline). The paper sums over tokens; here the mean is taken, so that the
    /// term does not grow with the batch. Label smoothing is the paper's absent option.
    pub struct Sequence {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Probability spread evenly over all classes.
        #[range(0.0..=1.0)]
        pub label_smoothing: f64 = 0.0,
    }
}

impl LossTerm for Sequence {
    fn bind(&self, _: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        teacher.ok_or(LossError::NoTeacher("sequence"))?;
        Ok(on_targets("sequence", self.weight, self.label_smoothing, |targets| &targets.teacher_written)
            .with_targets(&[TargetKind::TeacherText]))
    }
}
