//! What every teacher does.

use std::path::Path;

use alambic_models::bert::TextInput;
use alambic_models::{Hypothesis, Outline, TapSelection, Tokenizer, Tokens, Trace, architecture};
use serde::{Deserialize, Serialize};

use crate::TeacherError;

/// A text to be written in another language.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Request {
    /// The source text.
    pub text: String,
    /// Code of the language to write.
    pub language: String,
}

/// One text that a teacher wrote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// The text.
    pub text: String,
    /// The sum of log-probabilities of the last step.
    pub log_probability: f32,
}

/// What a teacher wrote for a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Written {
    /// The best texts, best first; none if the row was dropped.
    pub candidates: Vec<Candidate>,
    /// What each step but the last wrote.
    pub intermediate: Vec<String>,
    /// The probability per token, the geometric mean over all steps.
    pub confidence: f64,
    /// Why the row is not used, if it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<String>,
}

impl Written {
    /// The text that the last step read: the last intermediate text, or the source itself.
    #[must_use]
    pub fn read_by_last<'a>(&'a self, source: &'a str) -> &'a str {
        self.intermediate.last().map_or(source, String::as_str)
    }
}

/// Why a row is dropped whose hypotheses these are, the best first: its source was too long to be read, the model did
/// not come to an end, or it wrote nothing. None if there is nothing wrong with it.
pub(crate) fn flaw(hypotheses: &[(String, Hypothesis)]) -> Option<&'static str> {
    match hypotheses.first() {
        None => Some("the source is too long to be read"),
        Some((_, best)) if !best.finished => Some("longer than the limit"),
        Some((text, _)) if text.trim().is_empty() => Some("empty"),
        Some(_) => None,
    }
}

/// The best hypotheses that came to an end and are not empty, at most so many.
pub(crate) fn candidates(hypotheses: Vec<(String, Hypothesis)>, most: usize) -> Vec<Candidate> {
    hypotheses
        .into_iter()
        .filter(|(text, hypothesis)| hypothesis.finished && !text.trim().is_empty())
        .take(most)
        .map(|(text, hypothesis)| Candidate { text, log_probability: hypothesis.log_probability })
        .collect()
}

/// Texts to be read and written under supervision, for a look inside.
#[derive(Debug, Clone, Copy)]
pub struct Forced<'a> {
    /// What the (last) model reads, with the language it is to write.
    pub sources: &'a [Request],
    /// What it writes, from its first token on; none if only the reading is of interest.
    pub target: Option<&'a Tokens>,
    /// Sources are padded to at least this many tokens.
    pub least_length: usize,
}

/// What a teacher is shown for a look inside.
#[derive(Debug, Clone, Copy)]
pub enum Batch<'a> {
    /// Texts to be read and written.
    Forced(Forced<'a>),
    /// Texts to be read.
    Texts(&'a TextInput),
    /// Texts and images.
    Sighted(&'a architecture::Batch),
}

impl<'a> From<Forced<'a>> for Batch<'a> {
    fn from(forced: Forced<'a>) -> Self {
        Self::Forced(forced)
    }
}

impl<'a> From<&'a TextInput> for Batch<'a> {
    fn from(texts: &'a TextInput) -> Self {
        Self::Texts(texts)
    }
}

impl<'a> From<&'a architecture::Batch> for Batch<'a> {
    fn from(batch: &'a architecture::Batch) -> Self {
        Self::Sighted(batch)
    }
}

/// A source of supervision.
pub trait Teacher {
    /// Writes a target for each request. `progress` hears how many are done.
    ///
    /// # Errors
    /// When a model fails or does not write, or a language is not one that it writes.
    fn write(
        &self,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError>;

    /// The wanted taps of the (last) model over a batch, and nothing more computed than they need.
    ///
    /// # Errors
    /// When a model fails or reads other batches, or the teacher has no taps.
    fn trace(&self, batch: Batch<'_>, wanted: &TapSelection) -> Result<Trace, TeacherError>;

    /// The streams of the (last) model, if the teacher has taps.
    fn outline(&self) -> Option<&Outline>;

    /// The tokenizer of the (last) model, if the teacher has one.
    fn tokenizer(&self) -> Option<&Tokenizer>;

    /// The most tokens of a text for which the (last) model has room, where that is known.
    fn longest(&self) -> Option<usize> {
        None
    }

    /// The folder of the model, where there is just one.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// A digest of all weights and vocabularies that take part.
    fn weights_digest(&self) -> String;

    /// A description of the settings that decide what is written.
    fn settings(&self) -> String;

    /// Parameters and bytes of the models that take part, one used twice counting once.
    fn size(&self) -> (usize, u64);
}
