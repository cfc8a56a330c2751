//! Cosines of pairs of texts that have scores, for the terms over them.

use alambic_models::{Outline, embedding_tap};
use alambic_tensor::candle::Tensor;

use crate::arithmetic::cosine;
use crate::matryoshka::first_numbers;
use crate::{Inputs, LossError};

/// The student's embedding: its tap and its width.
///
/// # Errors
/// When the student has none.
pub(crate) fn embedding(term: &'static str, student: &Outline) -> Result<(String, usize), LossError> {
    let width = student.streams.get("").and_then(|stream| stream.embedding);
    width.map(|width| (embedding_tap(""), width)).ok_or_else(|| LossError::Incompatible {
        term,
        reason: "the student has no pooling, so no embedding; give it a `pooling`".into(),
    })
}

/// Embeddings of the first and of the second texts of pairs, `[pairs, width]` each, and the score of each pair.
pub(crate) struct ScoredPairs<'a> {
    sides: [Tensor; 2],
    /// `[pairs]`.
    pub(crate) scores: &'a [f32],
}

impl<'a> ScoredPairs<'a> {
    /// Those of a batch, of which the student's tap has all first texts and then all second ones.
    ///
    /// # Errors
    /// When they are not those of pairs that have scores.
    pub(crate) fn new(term: &'static str, inputs: &Inputs<'a>, tap: &str) -> Result<Self, LossError> {
        let (vectors, scores) = (inputs.student(tap)?, inputs.targets.numbers.as_slice());
        let rows = vectors.dim(0)?;
        if rows != 2 * scores.len() {
            return Err(LossError::Incompatible {
                term,
                reason: format!("{rows} embeddings and {} scores are not those of pairs", scores.len()),
            });
        }
        let side = |start: usize| vectors.narrow(0, start, scores.len())?.contiguous();
        Ok(Self { sides: [side(0)?, side(scores.len())?], scores })
    }

    /// The cosine of each pair, `[pairs]`, over the first numbers of their embeddings.
    pub(crate) fn cosines(&self, width: Option<usize>) -> Result<Tensor, LossError> {
        let [first, second] = &self.sides;
        cosine(&first_numbers(first, width)?, &first_numbers(second, width)?)
    }
}
