//! Similarities of texts and images of a batch.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::arithmetic::{kullback_leibler, log_softmax};
use crate::image_text_contrast::check_pairs;
use crate::{Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// How near the texts of a batch are to an image, and the images to a text, the student's against the teacher's.
    ///
    /// Affinity mimicking of TinyCLIP (Wu et al., 2023), which CLIP-KD (Yang et al., 2024) calls contrastive relational
    /// distillation: with similarities `[batch, batch]` of images and texts, each model's scaled by its own learnt factor, and
    /// `p` their softmax over the texts of an image and over the images of a text,
    /// `L = mean_i KL(p_T,i || p_S,i) + mean_j KL(p_T,j || p_S,j)`. TinyCLIP has the cross-entropy, whose gradient is the
    /// same.
    pub struct Affinity {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
    }
}

const NAME: &str = "affinity";

impl LossTerm for Affinity {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        check_pairs(NAME, "student", student)?;
        check_pairs(NAME, "teacher", teacher.ok_or(LossError::NoTeacher(NAME))?)?;
        let compute = |inputs: &Inputs<'_>| {
            let (student, teacher) = (inputs.student("logits")?, inputs.teacher("logits")?.detach());
            let by_image = kullback_leibler(&log_softmax(&teacher)?, &log_softmax(student)?)?.mean_all()?;
            let by_text = kullback_leibler(
                &log_softmax(&teacher.t()?.contiguous()?)?,
                &log_softmax(&student.t()?.contiguous()?)?,
            )?;
            Ok((by_image + by_text.mean_all()?)?)
        };
        let taps = || vec!["logits".to_owned()];
        Ok(Term::new(NAME, self.weight, taps(), taps(), Box::new(compute)).comparing_examples())
    }
}
