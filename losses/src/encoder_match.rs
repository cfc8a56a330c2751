//! Matching of the student's encoder with the teacher's.

use alambic_models::{Outline, tap};
use alambic_settings::{choices, settings};
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::masked_mean;

use crate::layers::{projection, streams};
use crate::{Comparison, Inputs, LossError, LossTerm, Term, Weight};

choices! {
    /// Which positions of two sequences are compared.
    pub enum Positions {
        /// Position by position, where both sequences have a token.
        Masked = "masked",
        /// Position by position over one padded length, padding included.
        FixedLength = "fixed-length",
        /// The means over the tokens of each sequence.
        Pooled = "pooled",
    }
}

settings! {
    /// The student's encoder against the teacher's.
    ///
    /// The last hidden state of the student's encoder, which reads the source, is drawn to that of the encoder of the
    /// teacher's last stage, which reads the intermediate text. With student states `S [batch, L_S, D_S]`, teacher
    /// states `T [batch, L_T, D_T]` and a projection `W: D_S -> D_T` that is trained along and saved (identity where
    /// the widths agree):
    ///
    /// - `masked`: the mean over all positions at which both sequences have a token of `|W S - T|² / D_T`, or of
    ///   `1 - cos(W S, T)`;
    /// - `fixed-length`: the same over every position, both sources being padded to one length, padding included;
    /// - `pooled`: the same for the means over each sequence's tokens, averaged over the batch.
    ///
    /// EPIK (arXiv 2211.14920) reports 97.5 % similarity with the teacher's encoder and does not publish its loss;
    /// these forms are inferred from that figure, `fixed-length` being the closest reading of it.
    pub struct EncoderMatch {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub weight: Weight = Weight::from(1.0),
        /// Which positions are compared.
        pub positions: Positions = Positions::Masked,
        /// How they are compared.
        pub comparison: Comparison = Comparison::MeanSquaredError,
    }
}

impl LossTerm for EncoderMatch {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let (student, teacher) = streams(NAME, STREAM, student, teacher)?;
        let (student_tap, teacher_tap) =
            (tap(STREAM, "hidden", student.layers), tap(STREAM, "hidden", teacher.layers));
        let projection = (student.width != teacher.width)
            .then(|| projection(NAME, "", "projection", student.width, teacher.width));
        let options = self.clone();
        let (taps, projected) = (
            (student_tap.clone(), teacher_tap.clone()),
            projection.as_ref().map(|projection| projection.name.clone()),
        );
        let compute = move |inputs: &Inputs<'_>| options.compute(inputs, &taps, projected.as_deref());
        let equal_lengths = self.positions == Positions::FixedLength;
        let term = Term::new(NAME, self.weight, vec![student_tap], vec![teacher_tap], Box::new(compute));
        let term = term.reading_padding(equal_lengths);
        Ok(Term { projections: projection.into_iter().collect(), equal_lengths, ..term })
    }
}

const NAME: &str = "encoder-match";
const STREAM: &str = "encoder";

impl EncoderMatch {
    fn compute(
        &self,
        inputs: &Inputs<'_>,
        (student_tap, teacher_tap): &(String, String),
        projection: Option<&str>,
    ) -> Result<Tensor, LossError> {
        let student = inputs.student(student_tap)?;
        let teacher = inputs.teacher(teacher_tap)?.detach();
        let student = inputs.project(student, projection)?;
        let student_length = student.dim(1)?;
        let teacher_length = teacher.dim(1)?;
        let (student_mask, teacher_mask) = inputs.masks(STREAM)?;
        match self.positions {
            Positions::Masked => {
                let length = student_length.min(teacher_length);
                let first = |tensor: &Tensor| tensor.narrow(1, 0, length)?.contiguous();
                let rows = student_mask
                    .chunks(student_length.max(1))
                    .zip(teacher_mask.chunks(teacher_length.max(1)));
                let both = rows.flat_map(|(own, other)| {
                    own.iter().zip(other).map(|(own, other)| f32::from(own * other))
                });
                self.comparison.mean(&first(&student)?, &first(&teacher)?, Some(both.collect()))
            }
            Positions::FixedLength if student_length != teacher_length => Err(LossError::Incompatible {
                term: NAME,
                reason: format!(
                    "sources are padded to {student_length} and {teacher_length} tokens; fixed-length needs one length"
                ),
            }),
            Positions::FixedLength => self.comparison.mean(&student, &teacher, None),
            Positions::Pooled => {
                let student = masked_mean(&student, student_mask)?;
                self.comparison.mean(&student, &masked_mean(&teacher, teacher_mask)?, None)
            }
        }
    }
}
