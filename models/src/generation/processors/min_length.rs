//! The shortest target.

use super::LogitsProcessor;
use crate::generation::scores::TokenScores;

/// Forbids the ends until `length` tokens are written, the start not counted.
#[derive(Debug)]
pub(super) struct MinLength {
    pub(super) length: usize,
    pub(super) ends: Vec<u32>,
}

impl LogitsProcessor for MinLength {
    fn process(&self, target: &[u32], scores: &mut TokenScores<'_>) {
        // The start is one of the target's tokens.
        if target.len() <= self.length {
            for &end in &self.ends {
                scores.forbid(end);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_are_forbidden_until_there_are_enough_tokens() {
        let rule = MinLength { length: 2, ends: vec![0, 3] };
        for (target, is_forbidden) in [(&[9][..], true), (&[9, 5], true), (&[9, 5, 6], false)] {
            let mut logits = vec![0.0; 10];
            let mut scores = TokenScores::new(&mut logits);
            rule.process(target, &mut scores);
            let impossible = scores.logits().iter().filter(|logit| **logit == f32::NEG_INFINITY).count();
            assert_eq!(impossible, if is_forbidden { 2 } else { 0 }, "{target:?}");
        }
    }
}
