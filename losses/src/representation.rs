//! The vector of a whole text or image.

use alambic_models::Outline;
use alambic_settings::settings;

use crate::features::Features;
use crate::layers::projection;
use crate::matryoshka::{Matryoshka, first_numbers, truncated};
use crate::{Comparison, Inputs, LossError, LossTerm, Term, Weight};

settings! {
    /// The vector that stands for a whole text or image, the student's against the teacher's.
    ///
    /// `L = mean_b d(W f_S, f_T)` over features `[batch, D_S]` and `[batch, D_T]` with the mean squared error or one minus
    /// the cosine as `d`. Of sentence embeddings this is the distillation of Reimers and Gurevych (2020), of the embeddings
    /// of texts and images the feature distillation of CLIP-KD (Yang et al., 2024), which weighs it by 2,000. Vectors of
    /// another width are compared after a projection `W` with a bias, trained along, saved, and not part of the student.
    pub struct Representation {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::Embedding,
        /// The stream of hidden states, where a model has several: `text`, `image`.
        pub stream: String = String::new(),
        /// How two vectors are compared.
        pub comparison: Comparison = Comparison::MeanSquaredError,
        /// Widths to which embeddings are truncated.
        #[flatten]
        pub widths: Matryoshka
    }
}

const NAME: &str = "representation";

impl LossTerm for Representation {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind(NAME, &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let (own, other) = features.widths;
        let trained = (own != other).then(|| projection(NAME, &self.stream, "projection", own, other));
        let name = trained.as_ref().map(|projection| projection.name.clone());
        let is_of_embedding = self.features == Features::Embedding && trained.is_none();
        let widths = self.widths.bind_compared(NAME, own, is_of_embedding)?;
        let comparison = self.comparison;
        let compute = move |inputs: &Inputs<'_>| {
            let (student, teacher) = features.compute(inputs)?;
            let student = inputs.project(&student, name.as_deref())?;
            widths.sum(|width| {
                comparison.mean(&truncated(&student, width)?, &first_numbers(&teacher, width)?, None)
            })
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute));
        Ok(Term { projections: trained.into_iter().collect(), ..term })
    }

    fn matryoshka(&self) -> &[usize] {
        &self.widths.matryoshka
    }
}
