//! One vector for each text, for the terms that compare texts with one another.

use alambic_models::{Outline, embedding_tap, tap};
use alambic_settings::choices;
use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::masked_mean;

use crate::layers::streams;
use crate::{Inputs, LossError};

choices! {
    /// What stands for a text.
    pub enum Features {
        /// The first token's last hidden state.
        First = "first",
        /// The mean of the last hidden states of its tokens.
        Mean = "mean",
        /// What the pooler makes of the first token.
        Pooled = "pooled",
        /// The embedding of the whole text or image.
        Embedding = "embedding",
        /// The logits.
        Logits = "logits",
    }
}

/// The features of student and teacher, by the taps that they are made from.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    features: Features,
    stream: String,
    pub(crate) student_tap: String,
    pub(crate) teacher_tap: String,
    /// Their widths.
    pub(crate) widths: (usize, usize),
}

impl Features {
    /// Finds the taps.
    pub(crate) fn bind(
        self,
        term: &'static str,
        stream: &str,
        student: &Outline,
        teacher: Option<&Outline>,
    ) -> Result<Bound, LossError> {
        let other = teacher.ok_or(LossError::NoTeacher(term))?;
        let of = |student_tap: String, teacher_tap: String, widths| Bound {
            features: self,
            stream: stream.to_owned(),
            student_tap,
            teacher_tap,
            widths,
        };
        let single = |width: fn(&Outline) -> Option<usize>| {
            let find = |outline: &Outline, side: &str| {
                width(outline).ok_or_else(|| missing(term, side, self.name()))
            };
            let widths = (find(student, "student")?, find(other, "teacher")?);
            Ok(of(self.name().to_owned(), self.name().to_owned(), widths))
        };
        match self {
            Self::First | Self::Mean => {
                let (own, other) = streams(term, stream, student, teacher)?;
                Ok(of(
                    tap(stream, "hidden", own.layers),
                    tap(stream, "hidden", other.layers),
                    (own.width, other.width),
                ))
            }
            Self::Pooled => single(|outline| outline.pooled),
            Self::Embedding => {
                let name = embedding_tap(stream);
                let width = |outline: &Outline, side: &str| {
                    let width = outline.streams.get(stream).and_then(|own| own.embedding);
                    width.ok_or_else(|| missing(term, side, &name))
                };
                Ok(of(name.clone(), name.clone(), (width(student, "student")?, width(other, "teacher")?)))
            }
            Self::Logits => single(|outline| (outline.classes > 0).then_some(outline.classes)),
        }
    }
}

fn missing(term: &'static str, side: &str, tap: &str) -> LossError {
    LossError::Incompatible {
        term,
        reason: format!("the {side} has no tap `{tap}`; choose other `features` or another `stream`"),
    }
}

impl Bound {
    /// The features of student and teacher, `[batch, width]` each; the teacher's without a gradient.
    pub(crate) fn compute(&self, inputs: &Inputs<'_>) -> Result<(Tensor, Tensor), LossError> {
        let (student, teacher) =
            (inputs.student(&self.student_tap)?, inputs.teacher(&self.teacher_tap)?.detach());
        match self.features {
            Features::First => {
                let first = |states: &Tensor| states.narrow(1, 0, 1)?.squeeze(1)?.contiguous();
                Ok((first(student)?, first(&teacher)?))
            }
            Features::Mean => {
                let (own, other) = inputs.hidden_masks(&self.stream)?;
                Ok((masked_mean(student, own)?, masked_mean(&teacher, other)?))
            }
            Features::Pooled | Features::Embedding | Features::Logits => Ok((student.clone(), teacher)),
        }
    }
}
