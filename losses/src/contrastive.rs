//! Contrast within a batch.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::{
    cross_entropy_from, gathered_choices, gathered_cross_entropy, in_batch_cross_entropy, normalised,
};
use crate::features::Features;
use crate::layers::projection;
use crate::matryoshka::{Matryoshka, first_numbers};
use crate::{Inputs, LossError, LossTerm, Temperature, Term, Weight};

choices! {
    /// Which texts choose among which.
    pub enum ContrastDirection {
        /// The student's among the teacher's, and the teacher's among the student's.
        Both = "both",
        /// The student's among the teacher's alone.
        StudentToTeacher = "student-to-teacher",
    }
}

settings! {
    /// Classification of the texts of a batch by the teacher's features.
    ///
    /// The method of Tian et al. (2020), with the other texts of the batch as negatives
    /// instead of the paper's bank of 16,384: with the student's features after a projection `W` and the teacher's, both
    /// brought to length one, `L = ½ mean_i [-log softmax_j(s_i · t_j / τ)]_i + ½ mean_i [-log softmax_j(t_i · s_j / τ)]_i`,
    /// features `[batch, D]`. The projection is trained along, saved, and not part of the student; the paper projects
    /// both sides to 128. Of the direction from student to teacher the first half is the whole loss.
    pub struct Contrastive {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// What stands for a text.
        pub features: Features = Features::First,
        /// The stream of hidden states, where a model has several: `encoder`, `text`.
        pub stream: String = String::new(),
        /// The temperature τ.
        #[range(alambic_settings::above(0.0))]
        pub temperature: Temperature = Temperature::from(0.07),
        /// Whether the student's features are projected even where the widths agree.
        pub project: bool = true,
        /// Which texts choose among which.
        pub direction: ContrastDirection = ContrastDirection::Both,
        /// Whether the texts of all ranks are those of one batch, where several train together. Else each rank compares those of its
        /// own.
        pub gather: bool = false,
        /// Widths to which embeddings are truncated.
        #[flatten]
        pub widths: Matryoshka
    }
}

const NAME: &str = "contrastive";

impl LossTerm for Contrastive {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let features = self.features.bind(NAME, &self.stream, student, teacher)?;
        let taps = (vec![features.student_tap.clone()], vec![features.teacher_tap.clone()]);
        let (own, other) = features.widths;
        let trained =
            (self.project || own != other).then(|| projection(NAME, &self.stream, "projection", own, other));
        let name = trained.as_ref().map(|projection| projection.name.clone());
        let is_of_embedding = self.features == Features::Embedding && trained.is_none();
        let widths = self.widths.bind_compared(NAME, own, is_of_embedding)?;
        let (temperature, gather, direction) = (self.temperature, self.gather, self.direction);
        let compute = move |inputs: &Inputs<'_>| {
            let temperature = temperature.at(inputs.progress);
            let (student, teacher) = features.compute(inputs)?;
            let student = inputs.project(&student, name.as_deref())?;
            widths.sum(|width| {
                let student = normalised(&first_numbers(&student, width)?)?;
                let teacher = normalised(&first_numbers(&teacher, width)?)?;
                if gather && inputs.ranks.is_some_and(|ranks| !ranks.is_alone()) {
                    let scale = Tensor::new((1.0 / temperature) as f32, student.device())?;
                    return match direction {
                        ContrastDirection::Both => {
                            gathered_cross_entropy(inputs, (&student, &teacher), &scale)
                        }
                        ContrastDirection::StudentToTeacher => {
                            gathered_choices(inputs, &student, &teacher, &scale)
                        }
                    };
                }
                let scores = (student.matmul(&teacher.t()?)? / temperature)?;
                match direction {
                    ContrastDirection::Both => in_batch_cross_entropy(&scores),
                    ContrastDirection::StudentToTeacher => cross_entropy_from(&scores, 0),
                }
            })
        };
        let term = Term::new(NAME, self.weight, taps.0, taps.1, Box::new(compute))
            .scheduling("temperature", temperature)
            .comparing_examples()
            .gathering(self.gather);
        Ok(Term { projections: trained.into_iter().collect(), ..term })
    }

    fn matryoshka(&self) -> &[usize] {
        &self.widths.matryoshka
    }
}
