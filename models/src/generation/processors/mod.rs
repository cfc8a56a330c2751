//! Rules about the next token of a target, in the order in which transformers applies them.

mod bad_words;
mod forced;
mod min_length;
mod no_repeat_ngram;

use std::fmt::Debug;

use super::config::{GenerationConfig, TokenRules};
use super::scores::TokenScores;
use bad_words::BadWords;
use forced::{ForcedFirst, ForcedLast};
use min_length::MinLength;
use no_repeat_ngram::NoRepeatNgram;

/// A rule about the next token.
trait LogitsProcessor: Debug + Sync {
    /// Changes the scores of the tokens that may follow `target`, whose first token is the one that the decoder starts from.
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>);
}

/// The rules of a decoding.
#[derive(Debug)]
pub(super) struct LogitsProcessors {
    processors: Vec<Box<dyn LogitsProcessor>>,
    renormalize: bool,
}

impl LogitsProcessors {
    /// The rules of a configuration for targets that end by `ends`, or after `max_length` tokens.
    pub(super) fn new(config: &GenerationConfig, ends: &[u32], max_length: usize) -> Self {
        let TokenRules { forced_first, forced_last, bad_words, renormalize, .. } = &config.rules;
        let mut processors: Vec<Box<dyn LogitsProcessor>> = Vec::new();
        if config.no_repeat_ngram > 0 {
            processors.push(Box::new(NoRepeatNgram { size: config.no_repeat_ngram }));
        }
        if !bad_words.is_empty() {
            processors.push(Box::new(BadWords::new(bad_words, ends)));
        }
        if config.min_new_tokens > 0 {
            processors.push(Box::new(MinLength { length: config.min_new_tokens, ends: ends.to_vec() }));
        }
        if let Some(token) = *forced_first {
            processors.push(Box::new(ForcedFirst { token }));
        }
        if !forced_last.is_empty() {
            processors.push(Box::new(ForcedLast { max_length, tokens: forced_last.clone() }));
        }
        Self { processors, renormalize: *renormalize }
    }

    /// The scores of the tokens that may follow a target, out of the logits of the model.
    pub(super) fn scores<'l>(&self, target: &[u32], logits: &'l mut [f32]) -> TokenScores<'l> {
        let mut scores = TokenScores::new(logits);
        for processor in &self.processors {
            processor.process(target, &mut scores);
        }
        if self.renormalize {
            scores.renormalize();
        }
        scores
    }
}
