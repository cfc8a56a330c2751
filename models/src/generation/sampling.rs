//! Tokens drawn by their probability.

use alambic_tensor::Streams;
use rand::Rng;

use super::scores::{TokenScores, largest, log_sum_exp};

/// How many of the likeliest tokens are looked at first for those that make up `top_p`.
const FIRST_LARGEST: usize = 256;

/// Settings of sampling, with the meanings that transformers has for them; they are applied in this order.
///
/// Each token is drawn from a stream of its own, keyed by the seed, the source, the number of the sample and the step, so that
/// what is written of a source does not depend on its batch. Equal sources have equal samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampling {
    /// Number that logits are divided by.
    pub temperature: f64,
    /// Number of the likeliest tokens that one is drawn from; none for no limit.
    pub top_k: Option<usize>,
    /// Share of the probability that the likeliest tokens, of which one is drawn, make up together; 1 for no limit.
    pub top_p: f64,
    /// Seed.
    pub seed: u64,
}

impl Sampling {
    /// Identity, for digests.
    #[must_use]
    pub fn identity(&self) -> String {
        let Self { temperature, top_k, top_p, seed } = self;
        format!("temperature {temperature} top-k {top_k:?} top-p {top_p} seed {seed}")
    }

    /// Draws the token of one step of a sample of a source; none where no token is possible.
    pub(super) fn draw(
        &self,
        scores: &TokenScores<'_>,
        source: &[u32],
        candidate: u64,
        step: u64,
    ) -> Option<u32> {
        let share = Streams::new(self.seed).sampling(source, candidate, step).random::<f64>();
        let weights = self.weights(scores.logits());
        let mut left = share * weights.iter().map(|(_, weight)| weight).sum::<f64>();
        for (token, weight) in &weights {
            left -= weight;
            if left < 0.0 {
                return Some(*token);
            }
        }
        // Rounding may leave a little behind the last one.
        weights.iter().rev().find(|(_, weight)| *weight > 0.0).map(|(token, _)| *token)
    }

    /// The tokens that may be drawn, and numbers in proportion to their probabilities.
    fn weights(&self, logits: &[f32]) -> Vec<(u32, f64)> {
        let temperature = self.temperature as f32;
        let scaled: Vec<f32> = logits.iter().map(|logit| logit / temperature).collect();
        let mut kept: Vec<(u32, f32)> = match self.top_k {
            // As many as are as likely as the last of them.
            Some(count) => match largest(&scaled, count.max(1)).last() {
                Some(&(_, least)) => numbered(&scaled).filter(|(_, logit)| *logit >= least).collect(),
                None => Vec::new(),
            },
            None => numbered(&scaled).collect(),
        };
        kept.retain(|(_, logit)| *logit > f32::NEG_INFINITY);
        if self.top_p < 1.0 {
            kept = self.likeliest(&kept);
        }
        let max = kept.iter().map(|(_, logit)| *logit).fold(f32::NEG_INFINITY, f32::max);
        kept.into_iter().map(|(token, logit)| (token, f64::from(logit - max).exp())).collect()
    }

    /// The fewest tokens, likeliest first, whose probabilities sum to `top_p`, but at least one.
    fn likeliest(&self, kept: &[(u32, f32)]) -> Vec<(u32, f32)> {
        let logits: Vec<f32> = kept.iter().map(|(_, logit)| *logit).collect();
        let shift = f64::from(log_sum_exp(&logits));
        let mut count = FIRST_LARGEST;
        loop {
            let ordered = largest(&logits, count);
            let mut sum = 0.0;
            let enough = ordered.iter().position(|(_, logit)| {
                sum += (f64::from(*logit) - shift).exp();
                sum >= self.top_p
            });
            if enough.is_some() || count >= logits.len() {
                let taken = enough.map_or(ordered.len(), |last| last + 1);
                return ordered[..taken].iter().map(|(place, _)| kept[*place as usize]).collect();
            }
            count *= 8;
        }
    }
}

/// Logits with their tokens.
fn numbered(logits: &[f32]) -> impl Iterator<Item = (u32, f32)> {
    logits.iter().enumerate().map(|(token, &logit)| (token as u32, logit))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampling() -> Sampling {
        Sampling { temperature: 1.0, top_k: None, top_p: 1.0, seed: 3 }
    }

    fn tokens(sampling: &Sampling, logits: &[f32]) -> Vec<u32> {
        let mut tokens: Vec<u32> = sampling.weights(logits).into_iter().map(|(token, _)| token).collect();
        tokens.sort_unstable();
        tokens
    }

    #[test]
    fn few_tokens_are_left_by_their_rank_and_by_their_share() {
        let logits: Vec<f32> = [0.5f32, 0.25, 0.125, 0.125].map(f32::ln).to_vec();
        let with = |top_k, top_p| tokens(&Sampling { top_k, top_p, ..sampling() }, &logits);
        assert_eq!(with(Some(2), 1.0), [0, 1]);
        // Both are as likely as the third.
        assert_eq!(with(Some(3), 1.0), [0, 1, 2, 3]);
        assert_eq!(with(None, 0.4), [0]);
        assert_eq!(with(None, 0.0), [0]);
        assert_eq!(with(None, 0.6), [0, 1]);
        assert_eq!(with(None, 0.8), [0, 1, 2]);
        // The share is that of the tokens that the rank leaves: 2/3 and 1/3.
        assert_eq!(with(Some(2), 0.6), [0]);
        assert_eq!(with(Some(2), 0.7), [0, 1]);
        let flat = vec![0.0; 5000];
        assert_eq!(tokens(&Sampling { top_p: 0.5001, ..sampling() }, &flat).len(), 2501);
        assert_eq!(tokens(&sampling(), &[0.0, f32::NEG_INFINITY]), [0]);
    }

    #[test]
    fn tokens_are_drawn_as_often_as_they_are_likely() {
        let shares = [0.6f32, 0.3, 0.1];
        for temperature in [0.5, 1.0, 2.0] {
            let sampling = Sampling { temperature, ..sampling() };
            let mut counts = [0.0; 3];
            for candidate in 0..4000 {
                let mut logits = shares.map(f32::ln).to_vec();
                let scores = TokenScores::new(&mut logits);
                counts[sampling.draw(&scores, &[1, 2], candidate, 0).unwrap() as usize] += 1.0;
            }
            let powers = shares.map(|share| f64::from(share).powf(1.0 / temperature));
            for (count, power) in counts.iter().zip(powers) {
                let expected = power / powers.iter().sum::<f64>();
                assert!((count / 4000.0 - expected).abs() < 0.03, "{temperature}: {counts:?}");
            }
        }
    }

    #[test]
    fn draws_differ_by_seed_source_sample_and_step() {
        let draw = |seed: u64, source: &[u32], candidate: u64, step: u64| {
            let mut logits = vec![0.0; 1 << 16];
            let sampling = Sampling { seed, ..sampling() };
            sampling.draw(&TokenScores::new(&mut logits), source, candidate, step)
        };
        assert_eq!(draw(1, &[5, 6], 2, 3), draw(1, &[5, 6], 2, 3));
        for other in
            [draw(2, &[5, 6], 2, 3), draw(1, &[5], 2, 3), draw(1, &[5, 6], 3, 2), draw(1, &[5, 6], 2, 4)]
        {
            assert_ne!(draw(1, &[5, 6], 2, 3), other);
        }
    }

    #[test]
    fn nothing_is_drawn_where_nothing_is_possible() {
        let mut logits = vec![f32::NEG_INFINITY; 3];
        assert_eq!(sampling().draw(&TokenScores::new(&mut logits), &[1], 0, 0), None);
    }
}
