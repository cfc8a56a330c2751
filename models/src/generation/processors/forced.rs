//! Tokens that come first and last, whatever the model prefers. They cost nothing: their log-probability is 0.

use super::LogitsProcessor;
use crate::generation::scores::TokenScores;

/// The token behind the start: a language (`forced_bos_token_id`).
#[derive(Debug)]
pub(super) struct ForcedFirst {
    pub(super) token: u32,
}

impl LogitsProcessor for ForcedFirst {
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>) {
        if target.len() == 1 {
            scores.force(&[self.token]);
        }
    }
}

/// The last token that there is room for, one of these (`forced_eos_token_id`).
#[derive(Debug)]
pub(super) struct ForcedLast {
    /// Most tokens behind the start.
    pub(super) max_length: usize,
    pub(super) tokens: Vec<u32>,
}

impl LogitsProcessor for ForcedLast {
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>) {
        if target.len() == self.max_length {
            scores.force(&self.tokens);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_token_is_possible_at_the_beginning_and_at_the_end() {
        let possible = |rule: &dyn LogitsProcessor, target: &[u32]| -> Vec<(usize, f32)> {
            let mut logits = vec![1.0; 4];
            let mut scores = TokenScores::new(&mut logits);
            rule.process(target, &mut scores);
            let log_probability = |token: usize| scores.logits()[token] - scores.shift();
            (0..4).map(|token| (token, log_probability(token))).filter(|own| own.1.is_finite()).collect()
        };
        assert_eq!(possible(&ForcedFirst { token: 2 }, &[9]), [(2, 0.0)]);
        assert_eq!(possible(&ForcedFirst { token: 2 }, &[9, 2]).len(), 4);
        let last = ForcedLast { max_length: 2, tokens: vec![0, 3] };
        assert_eq!(possible(&last, &[9, 2]), [(0, 0.0), (3, 0.0)]);
        assert_eq!(possible(&last, &[9]).len(), 4);
    }
}
