//! Matching of the student's encoder with the teacher's.

use alambic_models::Outline;
use alambic_settings::{choices, settings};
use alambic_tensor::candle::{D, Tensor};

use crate::arithmetic::{cosine, masked_mean};
use crate::term::mask_tensor;
use crate::{Inputs, LossError, LossTerm, Projection, Term};

choices! {
    /// Which positions of two sequences are held against each other.
    pub enum Positions {
        /// Position by position, where both sequences have a token.
        Masked = "masked",
        /// Position by position over one padded length, padding included.
        FixedLength = "fixed-length",
        /// The means over the tokens of each sequence.
        Pooled = "pooled",
    }
}

choices! {
    /// How two vectors are compared.
    pub enum Comparison {
        /// The mean of squared differences.
        MeanSquaredError = "mse",
        /// One minus the cosine.
        Cosine = "cosine",
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
        pub weight: f64 = 1.0,
        /// Which positions are compared.
        pub positions: Positions = Positions::Masked,
        /// How they are compared.
        pub comparison: Comparison = Comparison::MeanSquaredError,
    }
}

impl LossTerm for EncoderMatch {
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let teacher = teacher.ok_or(LossError::NoTeacher("encoder-match"))?;
        let encoder = |outline: &Outline, side: &str| {
            outline.streams.get("encoder").copied().ok_or_else(|| LossError::Misfit {
                term: "encoder-match",
                reason: format!("the {side} has no stream `encoder`"),
            })
        };
        let (student, teacher) = (encoder(student, "student")?, encoder(teacher, "teacher")?);
        let student_tap = format!("encoder.hidden.{}", student.layers);
        let teacher_tap = format!("encoder.hidden.{}", teacher.layers);
        let projection = (student.width != teacher.width).then(|| Projection {
            name: "encoder-match.projection".into(),
            inputs: student.width,
            outputs: teacher.width,
        });
        let options = self.clone();
        let (taps, projected) = (
            (student_tap.clone(), teacher_tap.clone()),
            projection.as_ref().map(|projection| projection.name.clone()),
        );
        Ok(Term {
            name: "encoder-match",
            weight: self.weight,
            student_taps: vec![student_tap],
            teacher_taps: vec![teacher_tap],
            projections: projection.into_iter().collect(),
            equal_lengths: self.positions == Positions::FixedLength,
            compute: Box::new(move |inputs| options.compute(inputs, &taps, projected.as_deref())),
        })
    }
}

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
        let (batch, student_length, _) = student.dims3()?;
        let teacher_length = teacher.dim(1)?;
        let (student_mask, teacher_mask) = inputs.masks("encoder")?;
        let student_mask = mask_tensor(student_mask, (batch, student_length))?;
        let teacher_mask = mask_tensor(teacher_mask, (batch, teacher_length))?;
        match self.positions {
            Positions::Masked => {
                let length = student_length.min(teacher_length);
                let first = |tensor: &Tensor| tensor.narrow(1, 0, length)?.contiguous();
                let weights = (first(&student_mask)? * first(&teacher_mask)?)?;
                self.compare(&first(&student)?, &first(&teacher)?, &weights)
            }
            Positions::FixedLength => {
                if student_length != teacher_length {
                    return Err(LossError::Misfit {
                        term: "encoder-match",
                        reason: format!(
                            "sources are padded to {student_length} and {teacher_length} tokens; fixed-length needs one length"
                        ),
                    });
                }
                self.compare(&student, &teacher, &student_mask.ones_like()?)
            }
            Positions::Pooled => {
                let (student, teacher) =
                    (masked_mean(&student, &student_mask)?, masked_mean(&teacher, &teacher_mask)?);
                self.compare(
                    &student,
                    &teacher,
                    &student.narrow(D::Minus1, 0, 1)?.squeeze(D::Minus1)?.ones_like()?,
                )
            }
        }
    }

    /// The weighted mean of the comparison over rows; `weights` has the shape of the rows.
    fn compare(&self, student: &Tensor, teacher: &Tensor, weights: &Tensor) -> Result<Tensor, LossError> {
        let rows = match self.comparison {
            Comparison::MeanSquaredError => (student - teacher)?.sqr()?.mean(D::Minus1)?,
            Comparison::Cosine => cosine(student, teacher)?.affine(-1.0, 1.0)?,
        };
        let total = (rows * weights)?.sum_all()?;
        let count = weights.sum_all()?.to_scalar::<f32>()?.max(1.0);
        Ok((total / f64::from(count))?)
    }
}
