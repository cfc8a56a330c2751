//! Targets that were written.

use serde::{Deserialize, Serialize};

/// One written target.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Hypothesis {
    /// Tokens without start and end.
    pub tokens: Vec<u32>,
    /// The sum of log-probabilities, the end's included.
    pub log_probability: f32,
    /// Whether the end token was written before the length ran out.
    pub finished: bool,
    /// The end token that was written.
    #[serde(skip)]
    pub end: Option<u32>,
}

impl Hypothesis {
    /// A hypothesis of `target`, whose first token is the start and whose last one, if it is of `ends`, the end.
    pub(super) fn of_target(target: &[u32], log_probability: f32, ends: &[u32]) -> Self {
        let tokens = target.get(1..).unwrap_or_default();
        let (tokens, end) = match tokens.split_last() {
            Some((last, tokens)) if ends.contains(last) => (tokens, Some(*last)),
            _ => (tokens, None),
        };
        Self { tokens: tokens.to_vec(), log_probability, finished: end.is_some(), end }
    }

    /// The log-probability divided by the length, end included, to the power `length_penalty`.
    #[must_use]
    pub fn score(&self, length_penalty: f32) -> f32 {
        self.log_probability
            / ((self.tokens.len() + usize::from(self.finished)).max(1) as f32).powf(length_penalty)
    }
}
