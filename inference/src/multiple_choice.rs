//! Multiple choice: which of several choices belongs to a prompt.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::Architecture;
use alambic_models::text_encoder::Head;
use alambic_models::{Config, TextHead, Tokenizer};

use crate::{EncoderPipeline, InferenceError, LoadedModel, TextPair};

/// A choice that a model made.
#[derive(Debug, Clone, PartialEq)]
pub struct ChoiceAnswer {
    /// The place of the choice, counted from 0; of several with the highest score, the first.
    pub choice: usize,
    /// The score of each choice.
    pub scores: Vec<f32>,
    /// Softmax of the scores.
    pub probabilities: Vec<f64>,
}

impl ChoiceAnswer {
    /// The answer that scores stand for; none without any.
    #[must_use]
    pub fn of_scores(scores: Vec<f32>) -> Option<Self> {
        let larger =
            |&one: &usize, &other: &usize| scores[one].total_cmp(&scores[other]).then(other.cmp(&one));
        let choice = (0..scores.len()).max_by(larger)?;
        let exponentials: Vec<f64> =
            scores.iter().map(|score| f64::from(score - scores[choice]).exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        let probabilities = exponentials.iter().map(|value| value / sum).collect();
        Some(Self { choice, scores, probabilities })
    }
}

/// Multiple choice over a text encoder that has one score of a pair of texts: a head of multiple choice, or one of sequence
/// classification with one label. A prompt is read with each of its choices by itself.
#[derive(Debug)]
pub struct MultipleChoicePipeline {
    encoder: EncoderPipeline,
}

impl MultipleChoicePipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the model scores no choices.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model.
    ///
    /// # Errors
    /// When the model scores no choices.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        Self::new(model.config(), Arc::clone(model.network()), model.tokenizer(), usize::MAX)
    }

    /// Pipeline over a network in memory, which truncates a prompt with a choice to `max_length` tokens.
    ///
    /// # Errors
    /// When the model scores no choices, or the special tokens alone are longer.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, InferenceError> {
        if !Self::is_scored_by(config.require_text_head()?) {
            return Err(InferenceError::Unsupported(
                "the model scores no choices: it has neither a head of multiple choice nor one label for a pair of texts".into(),
            ));
        }
        Ok(Self { encoder: EncoderPipeline::new(config, network, tokenizer, max_length)? })
    }

    /// Whether a model with such a head scores choices.
    #[must_use]
    pub fn is_scored_by(head: TextHead<'_>) -> bool {
        head.head == Head::MultipleChoice || (head.head == Head::Sequence && head.labels.len() == 1)
    }

    /// The same pipeline, which truncates a prompt with a choice to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn with_max_length(self, max_length: usize) -> Result<Self, InferenceError> {
        Ok(Self { encoder: self.encoder.with_max_length(max_length)? })
    }

    /// The text encoder, over prompts each with one choice.
    #[must_use]
    pub fn encoder(&self) -> &EncoderPipeline {
        &self.encoder
    }

    /// The score of each choice of each input, which is its prompt with each of its choices.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn scores<'t, I: AsRef<[TextPair<'t>]>>(
        &self,
        inputs: &[I],
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let pairs: Vec<TextPair<'_>> = inputs.iter().flat_map(AsRef::as_ref).copied().collect();
        let mut rows = self.encoder.text_rows(&pairs, "logits")?.into_iter();
        let scores = |input: &I| rows.by_ref().take(input.as_ref().len()).flatten().collect();
        Ok(inputs.iter().map(scores).collect())
    }

    /// The answer to each input, which is its prompt with each of its choices; none where it has no choice.
    ///
    /// # Errors
    /// When a text cannot be encoded.
    pub fn answer<'t, I: AsRef<[TextPair<'t>]>>(
        &self,
        inputs: &[I],
    ) -> Result<Vec<Option<ChoiceAnswer>>, InferenceError> {
        Ok(self.scores(inputs)?.into_iter().map(ChoiceAnswer::of_scores).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choice_is_the_first_of_the_highest_scores() {
        let answer = ChoiceAnswer::of_scores(vec![0.0, 3.0_f32.ln(), 3.0_f32.ln(), 0.0]).unwrap();
        assert_eq!(answer.choice, 1);
        let expected = [0.125, 0.375, 0.375, 0.125];
        assert!(answer.probabilities.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-6));
        assert_eq!(ChoiceAnswer::of_scores(Vec::new()), None);
    }
}
