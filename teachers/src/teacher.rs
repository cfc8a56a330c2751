//! Interface of the teachers.

use std::path::Path;

use alambic_models::text_encoder::TextInput;
use alambic_models::{Hypothesis, Outline, TapSelection, Tokenizer, Tokens, Trace, architecture};
use serde::{Deserialize, Serialize};

use crate::candidate::Candidate;
use crate::{AnsweringTeacher, TeacherError};

/// Source text with the language of its target.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GenerationRequest {
    /// The source text.
    pub text: String,
    /// Code of the target's language.
    pub language: String,
}

/// Texts that a teacher generated for a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationOutput {
    /// The best texts, best first; none if the row is dropped.
    pub candidates: Vec<Candidate>,
    /// The text of each step but the last.
    pub intermediate: Vec<String>,
    /// The probability per token, the geometric mean over all steps.
    pub confidence: f64,
    /// Reason for dropping the row, if it is dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

impl GenerationOutput {
    /// Source of the last step: the last intermediate text, or the request's own.
    #[must_use]
    pub fn last_step_source<'a>(&'a self, source: &'a str) -> &'a str {
        self.intermediate.last().map_or(source, String::as_str)
    }
}

/// The reason why a row with these hypotheses, the best first, is dropped: a source that is too long, an output that did not
/// end, or an empty one. None if it is not.
pub(crate) fn rejection_reason(hypotheses: &[(String, Hypothesis)]) -> Option<&'static str> {
    match hypotheses.first() {
        None => Some("the source is too long to be read"),
        Some((_, best)) if !best.finished => Some("longer than the limit"),
        Some((text, _)) if text.trim().is_empty() => Some("empty"),
        Some(_) => None,
    }
}

/// The best finished hypotheses that are not empty, at most `max`.
pub(crate) fn candidates(hypotheses: Vec<(String, Hypothesis)>, max: usize) -> Vec<Candidate> {
    hypotheses
        .into_iter()
        .filter(|(text, hypothesis)| hypothesis.finished && !text.trim().is_empty())
        .take(max)
        .map(|(text, hypothesis)| Candidate { text, log_probability: hypothesis.log_probability })
        .collect()
}

/// The output of one model with these hypotheses, the best first.
pub(crate) fn generation_output(hypotheses: Vec<(String, Hypothesis)>) -> GenerationOutput {
    let dropped = rejection_reason(&hypotheses).map(str::to_owned);
    GenerationOutput {
        confidence: hypotheses.first().map_or(0.0, |(_, best)| f64::from(best.score(1.0)).exp()),
        candidates: if dropped.is_none() { candidates(hypotheses, usize::MAX) } else { Vec::new() },
        intermediate: Vec::new(),
        dropped,
    }
}

/// Sources with given targets: the decoder reads the target instead of what it generates.
#[derive(Debug, Clone, Copy)]
pub struct TeacherForcing<'a> {
    /// Sources of the (last) model.
    pub sources: &'a [GenerationRequest],
    /// Target tokens from the start token on; none where only the encoder runs.
    pub target: Option<&'a Tokens>,
    /// Minimum number of tokens to which sources are padded.
    pub min_length: usize,
}

/// Inputs of a teacher's forward pass.
#[derive(Debug, Clone, Copy)]
pub enum TeacherBatch<'a> {
    /// Sources with given targets.
    TeacherForcing(TeacherForcing<'a>),
    /// Texts for an encoder.
    Texts(&'a TextInput),
    /// Texts with images or regions.
    Multimodal(&'a architecture::Batch),
}

impl<'a> From<TeacherForcing<'a>> for TeacherBatch<'a> {
    fn from(forced: TeacherForcing<'a>) -> Self {
        Self::TeacherForcing(forced)
    }
}

impl<'a> From<&'a TextInput> for TeacherBatch<'a> {
    fn from(texts: &'a TextInput) -> Self {
        Self::Texts(texts)
    }
}

impl<'a> From<&'a architecture::Batch> for TeacherBatch<'a> {
    fn from(batch: &'a architecture::Batch) -> Self {
        Self::Multimodal(batch)
    }
}

/// Source of supervision: generated targets, and the taps of a forward pass.
pub trait Teacher: Send + Sync {
    /// Generates a target for each request. `progress` gets the number of requests done.
    ///
    /// # Errors
    /// When a model fails or generates no text, or a language is not among its own.
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError>;

    /// The wanted taps of the (last) model over a batch; layers above them do not run.
    ///
    /// # Errors
    /// When a model fails or takes other batches, or the teacher has no taps.
    fn trace(&self, _batch: TeacherBatch<'_>, _wanted: &TapSelection) -> Result<Trace, TeacherError> {
        Err(TeacherError::NoTaps)
    }

    /// Streams of the (last) model, if the teacher has taps.
    fn outline(&self) -> Option<&Outline>;

    /// Tokenizer of the (last) model, if the teacher has one.
    fn tokenizer(&self) -> Option<&Tokenizer> {
        None
    }

    /// Maximum number of tokens of a text of the (last) model, where that is known.
    fn max_length(&self) -> Option<usize> {
        None
    }

    /// The teacher as one that is asked about texts as they are written; none of what reads the tokens of batches.
    fn answering(&self) -> Option<&dyn AnsweringTeacher> {
        None
    }

    /// Folder of the model, where there is just one.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// Digest of all weights and vocabularies.
    fn weights_digest(&self) -> String;

    /// Description of the settings that decide what is generated.
    fn generation_settings(&self) -> String {
        String::new()
    }

    /// Parameters and bytes of the models, one used twice counting once; nothing of what is no model here.
    fn size(&self) -> (usize, u64) {
        (0, 0)
    }
}
