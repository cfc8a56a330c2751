//! Decoding behind given tokens.

use crate::generation::{DecodingState, Translator};
use crate::{ModelError, TargetPrefix, Tokens};

/// A model whose targets begin with a token of the caller's for each source, such as the code of a language, which is no part of
/// what is written and costs nothing.
pub struct PrefixedTranslator<'a> {
    inner: &'a dyn Translator,
    /// What is given to the decoder before the first token that is written, source by source: of one length.
    prefixes: Vec<Vec<u32>>,
}

impl<'a> PrefixedTranslator<'a> {
    /// The model with a prefix for each source.
    ///
    /// # Errors
    /// When prefixes stand in place of the decoder's first token for some sources and behind it for others.
    pub fn new(inner: &'a dyn Translator, prefixes: &[TargetPrefix]) -> Result<Self, ModelError> {
        let start = inner.start_token();
        let prefixes: Vec<Vec<u32>> = prefixes
            .iter()
            .map(|prefix| match *prefix {
                TargetPrefix::Start(token) => vec![token],
                TargetPrefix::First(token) => vec![start, token],
            })
            .collect();
        if prefixes.windows(2).any(|pair| pair[0].len() != pair[1].len()) {
            return Err(ModelError::Input(
                "the targets of a batch begin with different numbers of tokens".into(),
            ));
        }
        Ok(Self { inner, prefixes })
    }

    fn length(&self) -> usize {
        self.prefixes.first().map_or(1, Vec::len)
    }
}

impl Translator for PrefixedTranslator<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        if source.batch != self.prefixes.len() {
            return Err(ModelError::Input(format!(
                "{} sources with {} beginnings of targets",
                source.batch,
                self.prefixes.len()
            )));
        }
        let state = self.inner.start(source, capacity + self.length() - 1)?;
        Ok(Box::new(PrefixedState { state, prefixes: Some(&self.prefixes) }))
    }

    fn start_token(&self) -> u32 {
        self.inner.start_token()
    }

    fn end_token(&self) -> u32 {
        self.inner.end_token()
    }

    fn max_length(&self) -> usize {
        (self.inner.max_length() + 1).saturating_sub(self.length())
    }
}

struct PrefixedState<'a> {
    state: Box<dyn DecodingState + 'a>,
    /// None once they are given.
    prefixes: Option<&'a [Vec<u32>]>,
}

impl DecodingState for PrefixedState<'_> {
    fn step(&mut self, tokens: &[u32]) -> Result<Vec<f32>, ModelError> {
        // The token that every target begins with is part of the prefix.
        let Some(prefixes) = self.prefixes.take() else { return self.state.step(tokens) };
        let mut logits = Vec::new();
        for place in 0..prefixes.first().map_or(0, Vec::len) {
            let tokens: Vec<u32> = prefixes.iter().map(|prefix| prefix[place]).collect();
            logits = self.state.step(&tokens)?;
        }
        Ok(logits)
    }

    fn select(&mut self, rows: &[usize]) -> Result<(), ModelError> {
        self.state.select(rows)
    }
}
