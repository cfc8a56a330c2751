//! What asking an endpoint will take, and what it did.

use std::fmt;

use super::answer::TokenCount;

/// Requests and tokens that texts will take, reckoned before any request.
///
/// Tokens are a quarter of the bytes of what is sent, for most languages and models right within a factor of two, and four more
/// for each message. An answer is reckoned with the longest class, with one tag a word, with four tokens for a number, and with
/// the largest number of tokens for a text; it is an upper bound there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointEstimate {
    /// Different texts.
    pub texts: usize,
    /// Requests, without repetitions.
    pub requests: usize,
    /// Tokens, roughly.
    pub tokens: TokenCount,
}

impl fmt::Display for EndpointEstimate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { texts, requests, tokens } = self;
        write!(
            formatter,
            "{requests} requests for {texts} texts, with roughly {} tokens in prompts and {} in answers",
            tokens.prompt, tokens.completion
        )
    }
}

/// Reasons for which asking ended before all texts were answered, without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndpointStop {
    /// The user interrupted it.
    Interrupted,
    /// The next request would be beyond `max-requests`.
    MaxRequests,
    /// The next request would go beyond `max-total-tokens`.
    MaxTokens,
}

impl EndpointStop {
    pub(crate) const ALL: [Self; 3] = [Self::Interrupted, Self::MaxRequests, Self::MaxTokens];

    fn reason(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::MaxRequests => "`max-requests` is reached; set it higher to go on",
            Self::MaxTokens => "`max-total-tokens` is reached; set it higher to go on",
        }
    }
}

/// What an endpoint was asked and what became of it, on all ranks together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EndpointSummary {
    /// Different texts.
    pub texts: usize,
    /// Texts of these that the file had answers for before.
    pub recorded: usize,
    /// Texts that were answered now, those that failed with them.
    pub answered: usize,
    /// Answers of all texts, recorded or new, that do not parse.
    pub failed: usize,
    /// Requests sent now, repetitions included.
    pub asked: usize,
    /// Repetitions.
    pub retries: usize,
    /// Tokens of the requests sent now, as far as the server counts them.
    pub tokens: TokenCount,
    /// Why it ended early, if it did.
    pub stopped: Option<EndpointStop>,
}

impl EndpointSummary {
    /// Texts without an answer.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.texts.saturating_sub(self.recorded + self.answered)
    }

    /// This and what the next texts came to.
    pub(crate) fn and(self, next: &Self) -> Self {
        let mut tokens = self.tokens;
        tokens.add(next.tokens);
        Self {
            texts: self.texts + next.texts,
            recorded: self.recorded + next.recorded,
            answered: self.answered + next.answered,
            failed: self.failed + next.failed,
            asked: self.asked + next.asked,
            retries: self.retries + next.retries,
            tokens,
            stopped: next.stopped,
        }
    }

    /// Share of the answers that do not parse, from 0 to 1; none without answers.
    #[must_use]
    pub fn failed_share(&self) -> Option<f64> {
        let answers = self.recorded + self.answered;
        (answers > 0).then(|| self.failed as f64 / answers as f64)
    }
}

impl fmt::Display for EndpointSummary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} of {} texts are answered, {} of them now by {} requests ({} repeated; {} tokens in prompts, {} in answers)",
            self.recorded + self.answered,
            self.texts,
            self.answered,
            self.asked,
            self.retries,
            self.tokens.prompt,
            self.tokens.completion
        )?;
        if let Some(share) = self.failed_share() {
            write!(formatter, "; {} answers ({:.1} %) do not parse", self.failed, 100.0 * share)?;
        }
        match self.stopped {
            Some(stop) => write!(formatter, "; {} texts remain: {}", self.remaining(), stop.reason()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_says_what_failed_and_what_remains() {
        let summary = EndpointSummary {
            texts: 10,
            recorded: 2,
            answered: 6,
            failed: 2,
            stopped: Some(EndpointStop::MaxRequests),
            ..EndpointSummary::default()
        };
        assert_eq!((summary.remaining(), summary.failed_share()), (2, Some(0.25)));
        let said = summary.to_string();
        assert!(said.contains("8 of 10 texts") && said.contains("2 answers (25.0 %)"), "{said}");
        assert!(said.contains("2 texts remain: `max-requests`"), "{said}");
        assert_eq!(EndpointSummary::default().failed_share(), None);
    }
}
