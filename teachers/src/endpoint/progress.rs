//! Texts that an endpoint is asked about, and which of them have answers.

use alambic_ranks::{RankError, Ranks};
use alambic_settings::IndexMap;

use super::answer::{EndpointAnswer, EndpointInput};
use super::budget::KnownCosts;

/// What is known of the texts while they are asked about.
pub(crate) struct Progress<'a> {
    /// How often each text is among those given.
    pub(crate) counts: IndexMap<&'a EndpointInput, usize>,
    is_answered: Vec<bool>,
    /// The number of texts with an answer.
    pub(crate) answered: usize,
    /// The same, one that is given several times counting so often.
    pub(crate) weight: usize,
    /// Answers that do not parse.
    pub(crate) failed: usize,
    /// Requests and tokens of the answers that a file has.
    pub(crate) requests: u64,
    pub(crate) tokens: u64,
    /// Tokens of those answers for which the server counted them.
    pub(crate) known: KnownCosts,
    /// Numbers of a vector.
    pub(crate) width: Option<usize>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(counts: IndexMap<&'a EndpointInput, usize>) -> Self {
        let is_answered = vec![false; counts.len()];
        Self {
            counts,
            is_answered,
            answered: 0,
            weight: 0,
            failed: 0,
            requests: 0,
            tokens: 0,
            known: KnownCosts::default(),
            width: None,
        }
    }

    /// The texts without an answer.
    pub(crate) fn unanswered(&self) -> impl Iterator<Item = &'a EndpointInput> {
        let texts = self.counts.keys().zip(&self.is_answered);
        texts.filter(|(_, is_answered)| !**is_answered).map(|(input, _)| *input)
    }

    /// Whether a text is among those given and has an answer.
    pub(crate) fn has(&self, input: &EndpointInput) -> bool {
        self.counts.get_index_of(input).is_some_and(|index| self.is_answered[index])
    }

    /// Takes note of an answer; the first one to a text counts.
    pub(crate) fn record(&mut self, answer: &EndpointAnswer) {
        if self.width.is_none() {
            self.width = answer.vector.as_ref().map(Vec::len);
        }
        if let Some((index, _, count)) = self.counts.get_full(&answer.input())
            && !std::mem::replace(&mut self.is_answered[index], true)
        {
            self.answered += 1;
            self.weight += count;
            self.failed += usize::from(answer.failed.is_some());
        }
    }

    /// Gives all ranks what the first one knows.
    pub(crate) fn share(&mut self, ranks: &Ranks) -> Result<(), RankError> {
        if ranks.is_alone() {
            return Ok(());
        }
        let flags = ranks.broadcast(self.is_answered.iter().map(|flag| u8::from(*flag)).collect())?;
        self.is_answered = flags.into_iter().map(|flag| flag > 0).collect();
        let answered = self.is_answered.iter().zip(self.counts.values());
        let counts: Vec<usize> =
            answered.filter(|(is_answered, _)| **is_answered).map(|(_, count)| *count).collect();
        (self.answered, self.weight) = (counts.len(), counts.iter().sum());
        let width = self.width.map_or(0, |width| width as u64);
        let KnownCosts { counted, reckoned } = self.known;
        let own = vec![self.failed as u64, self.requests, self.tokens, counted, reckoned, width];
        if let [failed, requests, tokens, counted, reckoned, width] = ranks.broadcast(own)?[..] {
            self.known = KnownCosts { counted, reckoned };
            (self.failed, self.requests, self.tokens) = (failed as usize, requests, tokens);
            self.width = Some(width as usize).filter(|width| *width > 0);
        }
        Ok(())
    }
}
