//! Word-level distillation.

use alambic_models::Outline;
use alambic_settings::settings;
use alambic_tensor::ops;

use crate::{Inputs, LossError, LossTerm, TargetKind, Temperature, Term, Weight};

settings! {
    /// The teacher's distributions, token by token.
    ///
    /// Word-level knowledge distillation (Kim and Rush, 2016, section 3.1), with the temperature of Hinton et al.
    /// (2015): `L = 1/N Σ_t KL(softmax(z_T,t / T) || softmax(z_S,t / T))` over the N tokens of the targets,
    /// both models reading the same target so far, padding left out: of what the teacher wrote, and where models write about images of
    /// labels, too. The published form is the cross-entropy, which
    /// differs by the teacher's entropy, a constant. A pipeline gives the distributions of its last stage. Logits are
    /// `[batch, length, V]` on both sides, so both need the same vocabulary.
    pub struct WordLevel {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Both logits are divided by it.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(1.0),
        /// Multiply by the squared temperature, so that gradients keep their size (Hinton et al., 2015).
        pub squared_temperature: bool = true,
    }
}

impl LossTerm for WordLevel {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let teacher = teacher.ok_or(LossError::NoTeacher("word-level"))?;
        if student.classes != teacher.classes {
            return Err(LossError::Incompatible {
                term: "word-level",
                reason: format!(
                    "the student has {} tokens and the teacher {}; use the teacher's tokenizer for the student",
                    student.classes, teacher.classes
                ),
            });
        }
        let (temperature, squared) = (self.temperature, self.squared_temperature);
        let compute = move |inputs: &Inputs<'_>| {
            let temperature = temperature.at(inputs.progress) as f32;
            let settings =
                ops::Divergence { weights: inputs.targets.teacher_mask.clone(), temperature, squared };
            Ok(ops::divergence(inputs.student("logits")?, inputs.teacher("logits")?, settings)?)
        };
        let taps = vec!["logits".to_owned()];
        Ok(Term::new("word-level", self.weight, taps.clone(), taps, Box::new(compute))
            .scheduling("temperature", self.temperature)
            .with_targets(&[TargetKind::TeacherText]))
    }
}
