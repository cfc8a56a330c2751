//! Sequences of tokens that a target holds once.

use super::LogitsProcessor;
use crate::generation::scores::TokenScores;

/// Forbids the tokens by which a sequence of `size` tokens would occur a second time. The start is part of the target.
#[derive(Debug)]
pub(super) struct NoRepeatNgram {
    pub(super) size: usize,
}

impl LogitsProcessor for NoRepeatNgram {
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>) {
        let Some(first) = (target.len() + 1).checked_sub(self.size) else { return };
        let last = &target[first..];
        for ngram in target.windows(self.size) {
            if let Some((token, before)) = ngram.split_last()
                && before == last
            {
                scores.forbid(*token);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forbidden(size: usize, target: &[u32]) -> Vec<usize> {
        let mut logits = vec![0.0; 10];
        let mut scores = TokenScores::new(&mut logits);
        NoRepeatNgram { size }.process(target, &mut scores);
        (0..10).filter(|&token| scores.logits()[token] == f32::NEG_INFINITY).collect()
    }

    #[test]
    fn a_token_is_forbidden_that_would_complete_an_ngram_of_the_target() {
        assert_eq!(forbidden(1, &[9, 4, 9]), [4, 9]);
        assert_eq!(forbidden(2, &[9, 4, 5, 4]), [5]);
        // The start is part of the first n-gram.
        assert_eq!(forbidden(2, &[9, 4, 9]), [4]);
        assert_eq!(forbidden(3, &[9, 4, 5, 9, 4]), [5]);
        assert!(forbidden(3, &[1, 4, 5, 9, 4]).is_empty());
        assert_eq!(forbidden(2, &[4, 4]), [4]);
        for target in [&[9][..], &[9, 4]] {
            assert!(forbidden(3, target).is_empty());
        }
        assert!(forbidden(usize::MAX, &[9, 4]).is_empty());
    }
}
