//! The teacher of an evaluation of sentences: a model, or answers that hold embeddings.

use std::sync::Arc;

use alambic_data::Text;
use alambic_inference::EncoderPipeline;
use alambic_reports::metrics::Prediction;
use alambic_teachers::{EncoderTeacher, Teacher};
use alambic_tensor::candle::Tensor;
use indexmap::{IndexMap, IndexSet};

use super::examples::single;
use crate::error::RunError;
use crate::evaluation::embedding::{normalized, normalized_embeddings};
use crate::evaluation::evaluator::EvaluationContext;
use crate::evaluation::scored_pairs::cosines_by;
use crate::training::answers::answered;

/// The teacher, read as the student is.
pub(super) enum EvaluatedTeacher {
    /// A model.
    Model(Arc<EncoderTeacher>, Box<EncoderPipeline>),
    /// Answers, and the embedding of each text.
    Answers(Arc<dyn Teacher>, IndexMap<String, Vec<f32>>),
}

impl EvaluatedTeacher {
    /// The teacher of a name, which is asked about texts where it is no model. Gives the number of texts without an answer, too.
    ///
    /// # Errors
    /// When it cannot be read or asked, or answers hold no embedding.
    pub(super) fn new(
        context: &EvaluationContext<'_>,
        name: &str,
        texts: &IndexSet<&str>,
    ) -> Result<(Self, usize), RunError> {
        let teacher = context.run.models.teacher(name)?;
        let Some(answering) = teacher.answering() else {
            let model = context.run.models.encoder(name)?;
            let pipeline = Box::new(model.encoder_pipeline()?);
            return Ok((Self::Model(model, pipeline), 0));
        };
        let questions: Vec<Text> = texts.iter().map(|text| single(text)).collect();
        let (texts, answers, missing) =
            answered(answering, questions, &context.run.asking(usize::MAX), &mut |_| {})?;
        if answers.iter().any(|answer| answer.vector.is_empty()) {
            return Err(RunError::Recipe(format!(
                "the answers of teacher `{name}` hold no embedding of some texts, by which sentences are compared"
            )));
        }
        let vectors = texts.into_iter().zip(answers).map(|(text, answer)| (text.first, answer.vector));
        let vectors = vectors.collect();
        Ok((Self::Answers(teacher, vectors), missing))
    }

    pub(super) fn teacher(&self) -> &dyn Teacher {
        match self {
            Self::Model(teacher, _) => &**teacher,
            Self::Answers(teacher, _) => &**teacher,
        }
    }

    /// The pipeline of a model; none of answers.
    pub(super) fn pipeline(&self) -> Option<&EncoderPipeline> {
        match self {
            Self::Model(_, pipeline) => Some(pipeline.as_ref()),
            Self::Answers(..) => None,
        }
    }

    /// Whether it has an embedding of a text.
    pub(super) fn knows(&self, text: &str) -> bool {
        match self {
            Self::Model(..) => true,
            Self::Answers(_, vectors) => vectors.contains_key(text),
        }
    }

    /// The embeddings of texts that it knows, each of length one: `[texts, width]`.
    pub(super) fn embeddings(&self, texts: &[&str]) -> Result<Tensor, RunError> {
        match self {
            Self::Model(_, pipeline) => normalized_embeddings(pipeline, texts),
            Self::Answers(_, vectors) => {
                normalized(texts.iter().filter_map(|text| vectors.get(*text).cloned()).collect(), None)
            }
        }
    }

    /// The cosine of each two texts.
    pub(super) fn cosines(&self, pairs: &[(&str, &str)]) -> Result<Vec<Prediction>, RunError> {
        cosines_by(pairs, |texts| self.embeddings(texts))
    }
}
