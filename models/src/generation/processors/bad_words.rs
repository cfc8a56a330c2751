//! Sequences of tokens that a target never holds.

use super::LogitsProcessor;
use crate::generation::scores::TokenScores;

/// Forbids the last token of each sequence where the target ends by the tokens before it.
#[derive(Debug)]
pub(super) struct BadWords {
    words: Vec<Vec<u32>>,
}

impl BadWords {
    /// These sequences, but for an end by itself, which transformers leaves out too: a target could not end.
    pub(super) fn new(words: &[Vec<u32>], ends: &[u32]) -> Self {
        let is_end = |word: &[u32]| matches!(word, [only] if ends.contains(only));
        Self { words: words.iter().filter(|word| !is_end(word)).cloned().collect() }
    }
}

impl LogitsProcessor for BadWords {
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>) {
        for word in &self.words {
            if let Some((last, before)) = word.split_last()
                && target.ends_with(before)
            {
                scores.forbid(*last);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_token_of_a_bad_word_is_forbidden_behind_the_others() {
        let words = BadWords::new(&[vec![3], vec![1, 2, 4], vec![0], vec![9, 6], vec![5, 0]], &[0]);
        for (target, expected) in [
            (&[9, 1, 2][..], &[3, 4][..]),
            (&[9], &[3, 6]),
            (&[1, 2, 1], &[3]),
            (&[2], &[3]),
            (&[9, 5], &[0, 3]),
        ] {
            let mut logits = vec![0.0; 10];
            let mut scores = TokenScores::new(&mut logits);
            words.process(target, &mut scores);
            let forbidden: Vec<usize> =
                (0..10).filter(|&token| scores.logits()[token] == f32::NEG_INFINITY).collect();
            assert_eq!(forbidden, expected, "{target:?}");
        }
    }
}
