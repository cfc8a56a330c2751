//! Shared parts of the terms that compare layer by layer.

use alambic_models::{Outline, Stream, tap};
use alambic_tensor::candle::Tensor;

use crate::{LayerMap, LossError, Projection};

/// A stream of student and teacher, and the pairs of their layers.
pub(crate) struct Layers {
    pub(crate) student: Stream,
    pub(crate) teacher: Stream,
    pub(crate) pairs: Vec<(usize, usize)>,
}

impl Layers {
    /// Finds the stream in both and checks the map against their depths.
    pub(crate) fn bind(
        term: &'static str,
        stream: &str,
        map: &LayerMap,
        student: &Outline,
        teacher: Option<&Outline>,
    ) -> Result<Self, LossError> {
        let (student, teacher) = streams(term, stream, student, teacher)?;
        let incompatible = |reason| LossError::Incompatible { term, reason };
        let pairs = map.pairs(student.layers, teacher.layers).map_err(incompatible)?;
        Ok(Self { student, teacher, pairs })
    }

    /// Fails where the map names the embeddings, which have no attention.
    pub(crate) fn without_embeddings(&self, term: &'static str) -> Result<(), LossError> {
        if self.pairs.iter().any(|&(student, teacher)| student == 0 || teacher == 0) {
            return Err(LossError::Incompatible {
                term,
                reason: "`map` names layer 0, the embeddings, which have no attention".into(),
            });
        }
        Ok(())
    }

    /// Taps of student and teacher of a kind that layers 1 and on have; layer m's is numbered m - 1.
    pub(crate) fn attention_taps(
        &self,
        term: &'static str,
        stream: &str,
        kind: &str,
    ) -> Result<(Vec<String>, Vec<String>), LossError> {
        self.without_embeddings(term)?;
        self.with_attention(term)?;
        Ok(self
            .pairs
            .iter()
            .map(|&(own, other)| (tap(stream, kind, own - 1), tap(stream, kind, other - 1)))
            .unzip())
    }

    /// Taps of the hidden states of student and teacher.
    pub(crate) fn hidden_taps(&self, stream: &str) -> (Vec<String>, Vec<String>) {
        self.pairs
            .iter()
            .map(|&(own, other)| (tap(stream, "hidden", own), tap(stream, "hidden", other)))
            .unzip()
    }

    /// Fails unless both have attention.
    fn with_attention(&self, term: &'static str) -> Result<(), LossError> {
        for (side, stream) in [("student", self.student), ("teacher", self.teacher)] {
            if stream.attention.0 == 0 {
                return Err(LossError::Incompatible {
                    term,
                    reason: format!(
                        "the {side} has no attention; compare `hidden` states, embeddings (`representation`) or `logits`"
                    ),
                });
            }
        }
        Ok(())
    }

    /// Fails unless both have attention with the same number of heads.
    pub(crate) fn same_heads(&self, term: &'static str, instead: &str) -> Result<(), LossError> {
        self.with_attention(term)?;
        if self.student.heads == self.teacher.heads {
            return Ok(());
        }
        Err(LossError::Incompatible {
            term,
            reason: format!(
                "the student has {} attention heads and the teacher {}; {instead}",
                self.student.heads, self.teacher.heads
            ),
        })
    }
}

/// A stream of student and teacher.
pub(crate) fn streams(
    term: &'static str,
    stream: &str,
    student: &Outline,
    teacher: Option<&Outline>,
) -> Result<(Stream, Stream), LossError> {
    let teacher = teacher.ok_or(LossError::NoTeacher(term))?;
    let find = |outline: &Outline, side: &str| {
        outline.streams.get(stream).copied().ok_or_else(|| {
            let names: Vec<String> = outline.streams.keys().map(|name| format!("`{name}`")).collect();
            let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            LossError::Incompatible {
                term,
                reason: format!("the {side} has no stream `{stream}`; it has {known}"),
            }
        })
    };
    Ok((find(student, "student")?, find(teacher, "teacher")?))
}

/// The name of a projection of a term's, by its stream.
pub(crate) fn projection(term: &str, stream: &str, part: &str, inputs: usize, outputs: usize) -> Projection {
    let stream = if stream.is_empty() { String::new() } else { format!(".{stream}") };
    Projection { name: format!("{term}{stream}.{part}"), inputs, outputs }
}

/// The mean of several scalars.
pub(crate) fn mean(terms: Vec<Tensor>) -> Result<Tensor, LossError> {
    let count = terms.len().max(1) as f64;
    Ok((sum(terms)? / count)?)
}

/// The sum of several scalars.
pub(crate) fn sum(terms: Vec<Tensor>) -> Result<Tensor, LossError> {
    let mut terms = terms.into_iter();
    let first = match terms.next() {
        Some(first) => first,
        None => Tensor::zeros((), alambic_tensor::candle::DType::F32, alambic_tensor::device::current())?,
    };
    terms.try_fold(first, |sum, term| Ok((sum + term)?))
}
