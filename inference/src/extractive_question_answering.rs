//! Extractive question answering: answers that are spans of a passage.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::{Head, TextInput};
use alambic_models::{
    Config, LanguageNumbers, ModelError, Pass, TapSelection, TokenWindow, Tokenizer, WindowSizes,
};

use crate::batches::in_batches;
use crate::languages::{LanguageInput, tokenizer_in};
use crate::{InferenceError, LoadedModel};

/// Windows in a forward pass.
const BATCH: usize = 32;

/// Starts and ends of each window of which spans are made, as in the published script of BERT.
const BEST: usize = 20;

/// Options of extractive question answering. The defaults are those of the published script of BERT on `SQuAD`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpanOptions {
    /// Sizes of the windows in which a passage is read; the question is the first text.
    pub windows: WindowSizes,
    /// Largest number of tokens of an answer.
    pub max_answer_length: usize,
    /// Whether a passage may have no answer. The first token then scores that there is none.
    pub allows_no_answer: bool,
}

impl Default for SpanOptions {
    fn default() -> Self {
        Self {
            windows: WindowSizes { max_length: 384, stride: 128, max_first_length: 64 },
            max_answer_length: 30,
            allows_no_answer: false,
        }
    }
}

impl SpanOptions {
    /// The defaults in windows of at most `max_length` tokens: shorter ones repeat as large a share of themselves, and have as
    /// large a share for the question.
    #[must_use]
    pub fn within(max_length: usize) -> Self {
        let WindowSizes { max_length: usual, stride, max_first_length } = Self::default().windows;
        let max_length = max_length.min(usual);
        let share = |tokens: usize| (tokens * max_length / usual).max(1);
        let windows =
            WindowSizes { max_length, stride: share(stride), max_first_length: share(max_first_length) };
        Self { windows, ..Self::default() }
    }
}

/// An answer: a span of a passage.
#[derive(Debug, Clone, PartialEq)]
pub struct SpanAnswer {
    /// The text; empty where the passage has no answer.
    pub text: String,
    /// The byte of the passage at which it begins.
    pub start: usize,
    /// Sum of the logits of its first and its last token.
    pub score: f32,
    /// Softmax of the score over those of the best spans, no answer included where there may be none.
    pub probability: f64,
    /// Whether the question was cut.
    pub is_truncated: bool,
}

/// Extractive question answering over a text encoder with a span head.
#[derive(Debug, Clone)]
pub struct ExtractiveQuestionAnsweringPipeline {
    config: Config,
    network: Arc<dyn Architecture>,
    tokenizer: Tokenizer,
    options: SpanOptions,
}

/// A candidate: a span of the passage, or no answer.
struct Candidate {
    range: Option<std::ops::Range<usize>>,
    score: f32,
}

impl ExtractiveQuestionAnsweringPipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the model has no question-answering head.
    pub fn load(path: &Path, options: SpanOptions) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?, options)
    }

    /// Pipeline over the network of a loaded model.
    ///
    /// # Errors
    /// When the model has no question-answering head.
    pub fn from_model(model: &LoadedModel, options: SpanOptions) -> Result<Self, InferenceError> {
        Self::new(model.config(), Arc::clone(model.network()), model.tokenizer(), options)
    }

    /// Pipeline over a network in memory. Windows are no longer than the model reads.
    ///
    /// # Errors
    /// When the model has no question-answering head.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        options: SpanOptions,
    ) -> Result<Self, InferenceError> {
        if config.require_text_head()?.head != Head::Span {
            return Err(InferenceError::Unsupported("the model has no question-answering head".into()));
        }
        tokenizer.check_rows(config.vocabulary())?;
        let max_length = options.windows.max_length.min(config.max_length());
        let options = SpanOptions { windows: WindowSizes { max_length, ..options.windows }, ..options };
        Ok(Self { config: config.clone(), network, tokenizer: tokenizer.clone(), options })
    }

    /// The answer to each question about its passage.
    ///
    /// # Errors
    /// When a text cannot be encoded, or a window has no room for the passage.
    pub fn answer(&self, inputs: &[(&str, &str)]) -> Result<Vec<SpanAnswer>, InferenceError> {
        let mut windows: Vec<(usize, TokenWindow)> = Vec::new();
        for (index, (question, passage)) in inputs.iter().enumerate() {
            let own = self.tokenizer.encode_windows(question, passage, self.options.windows)?;
            windows.extend(own.into_iter().map(|window| (index, window)));
        }
        let mut candidates: Vec<Vec<Candidate>> = inputs.iter().map(|_| Vec::new()).collect();
        let mut nothing = vec![f32::INFINITY; inputs.len()];
        let logits = in_batches(
            &windows,
            |(_, window)| window.text.ids.len(),
            BATCH,
            |batch| {
                let texts: Vec<_> = batch.iter().map(|&place| &windows[place].1.text).collect();
                let input = TextInput::pad(&texts, self.config.padding());
                let trace = self.network.forward(
                    &Batch::of_texts(input),
                    Pass::Evaluate,
                    TapSelection::named(["logits"]),
                )?;
                let Some(found) = trace.get("logits") else { return Ok(vec![Vec::new(); batch.len()]) };
                Ok(found.to_vec3::<f32>().map_err(ModelError::from)?)
            },
        )?;
        let is_truncated: Vec<bool> = (0..inputs.len())
            .map(|index| windows.iter().any(|(own, window)| *own == index && window.text.truncated))
            .collect();
        for ((index, window), rows) in windows.iter().zip(&logits) {
            if let Some(first) = rows.first() {
                nothing[*index] = nothing[*index].min(first.iter().sum());
            }
            candidates[*index].extend(self.spans(window, rows));
        }
        let answers = candidates.into_iter().zip(nothing).zip(inputs).zip(is_truncated);
        Ok(answers
            .map(|(((mut own, nothing), (_, passage)), is_truncated)| {
                if self.options.allows_no_answer || own.is_empty() {
                    own.push(Candidate { range: None, score: nothing });
                }
                SpanAnswer { is_truncated, ..best(&own, passage) }
            })
            .collect())
    }

    /// The best spans of a window.
    fn spans(&self, window: &TokenWindow, rows: &[Vec<f32>]) -> Vec<Candidate> {
        let best = |side: usize| -> Vec<usize> {
            let mut places: Vec<usize> = (0..window.spans.len().min(rows.len())).collect();
            places.sort_by(|&a, &b| rows[b][side].total_cmp(&rows[a][side]).then(a.cmp(&b)));
            places.truncate(BEST);
            places
        };
        let mut found = Vec::new();
        for start in best(0) {
            for &end in &best(1) {
                let (Some(first), Some(last)) = (&window.spans[start], &window.spans[end]) else { continue };
                if end < start || end - start >= self.options.max_answer_length || last.end <= first.start {
                    continue;
                }
                let score = rows[start][0] + rows[end][1];
                found.push(Candidate { range: Some(first.start..last.end), score });
            }
        }
        found.sort_by(by_score);
        found.truncate(BEST);
        found
    }
}

impl LanguageInput for ExtractiveQuestionAnsweringPipeline {
    fn languages(&self) -> Option<LanguageNumbers> {
        self.config.outline().languages
    }

    fn in_language(&self, language: &str) -> Result<Self, InferenceError> {
        Ok(Self { tokenizer: tokenizer_in(&self.config, &self.tokenizer, language)?, ..self.clone() })
    }
}

fn by_score(one: &Candidate, other: &Candidate) -> Ordering {
    other.score.total_cmp(&one.score)
}

/// The candidate of the highest score, the first of equal ones.
fn best(candidates: &[Candidate], passage: &str) -> SpanAnswer {
    let best = candidates.iter().min_by(|one, other| by_score(one, other));
    let (range, score) = best.map_or((None, f32::NEG_INFINITY), |best| (best.range.clone(), best.score));
    let total: f64 = candidates.iter().map(|own| f64::from(own.score - score).exp()).sum();
    let range = range.unwrap_or_default();
    let text = passage.get(range.clone()).unwrap_or_default();
    // Tokens of some vocabularies begin with the blank before a word.
    let trimmed = text.trim();
    SpanAnswer {
        start: range.start + (text.len() - text.trim_start().len()),
        text: trimmed.to_owned(),
        score,
        probability: 1.0 / total,
        is_truncated: false,
    }
}
