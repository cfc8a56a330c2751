//! Log-probabilities of the tokens that may come next.

/// Logits below this many are looked at together.
const BLOCK: usize = 16;

/// Scores of all tokens that may follow a target: logits, and what is subtracted from them for log-probabilities.
#[derive(Debug)]
pub(super) struct TokenScores<'a> {
    logits: &'a mut [f32],
    shift: f32,
}

impl<'a> TokenScores<'a> {
    /// Scores by the log-softmax of the logits of a vocabulary.
    pub(super) fn new(logits: &'a mut [f32]) -> Self {
        let shift = log_sum_exp(logits);
        Self { logits, shift }
    }

    /// Logits, `-inf` for forbidden tokens.
    pub(super) fn logits(&self) -> &[f32] {
        self.logits
    }

    /// Number that is subtracted from logits.
    pub(super) fn shift(&self) -> f32 {
        self.shift
    }

    /// Forbids a token. One beyond the vocabulary is never written anyway.
    pub(super) fn forbid(&mut self, token: u32) {
        if let Some(logit) = self.logits.get_mut(token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }

    /// Gives each of these tokens the log-probability 0, and forbids all others.
    pub(super) fn force(&mut self, tokens: &[u32]) {
        self.logits.fill(f32::NEG_INFINITY);
        self.shift = 0.0;
        for &token in tokens {
            if let Some(logit) = self.logits.get_mut(token as usize) {
                *logit = 0.0;
            }
        }
    }

    /// Makes the probabilities of the tokens that are left sum to one.
    pub(super) fn renormalize(&mut self) {
        let shift = log_sum_exp(self.logits);
        if shift.is_finite() {
            self.shift = shift;
        }
    }
}

/// The logarithm of the sum of the exponentials.
pub(super) fn log_sum_exp(logits: &[f32]) -> f32 {
    let max = max(logits);
    max + logits.iter().map(|logit| (logit - max).exp()).sum::<f32>().ln()
}

/// The largest of the logits.
fn max(logits: &[f32]) -> f32 {
    let (blocks, rest) = logits.as_chunks::<BLOCK>();
    let mut largest = [f32::NEG_INFINITY; BLOCK];
    for block in blocks {
        for (largest, logit) in largest.iter_mut().zip(block) {
            *largest = largest.max(*logit);
        }
    }
    largest.iter().chain(rest).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// The token of the largest logit, the first where several are equal, and the logit.
pub(super) fn argmax(logits: &[f32]) -> (u32, f32) {
    let mut best = (0, f32::NEG_INFINITY);
    each_above(logits, f32::NEG_INFINITY, |token, logit| {
        best = (token, logit);
        logit
    });
    best
}

/// The `count` largest logits with their tokens, largest first, and of equal ones the smaller token first.
pub(super) fn largest(logits: &[f32], count: usize) -> Vec<(u32, f32)> {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let count = count.min(logits.len());
    if count == 0 {
        return Vec::new();
    }
    let numbered = logits.iter().enumerate().map(|(token, &logit)| (token as u32, logit));
    let mut kept: Vec<(u32, f32)> = Vec::with_capacity(3 * count);
    kept.extend(numbered.take(count));
    // A later token with the least of those that are kept comes behind it.
    let least = kept.iter().map(|(_, logit)| *logit).fold(f32::INFINITY, f32::min);
    each_above(&logits[count..], least, |token, logit| {
        kept.push((token + count as u32, logit));
        if kept.len() == 3 * count {
            kept.select_nth_unstable_by(count - 1, order);
            kept.truncate(count);
        }
        kept.get(count - 1).filter(|_| kept.len() == count).map_or(f32::NEG_INFINITY, |least| least.1)
    });
    kept.sort_unstable_by(order);
    kept.truncate(count);
    kept
}

/// Calls `visit` with each token whose logit is above a bound, which is at first `bound` and then the largest that `visit` gave.
fn each_above(logits: &[f32], mut bound: f32, mut visit: impl FnMut(u32, f32) -> f32) {
    for (block, values) in logits.chunks(BLOCK).enumerate() {
        // Without a branch for each, so that a block is compared at once.
        if values.iter().fold(0, |above, value| above + u32::from(*value > bound)) == 0 {
            continue;
        }
        for (place, &logit) in values.iter().enumerate() {
            if logit > bound {
                bound = bound.max(visit((block * BLOCK + place) as u32, logit));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers with many ties, of which some are `-inf`.
    fn logits(count: usize, seed: usize) -> Vec<f32> {
        let number = |place: usize| (place * 7919 + seed * 104_729) % 31;
        (0..count)
            .map(|place| if number(place) == 3 { f32::NEG_INFINITY } else { number(place) as f32 / 7.0 })
            .collect()
    }

    #[test]
    fn largest_are_those_of_a_whole_sort() {
        for (count, seed) in [(1, 0), (2, 1), (15, 2), (16, 3), (17, 4), (40, 5), (257, 6), (1000, 7)] {
            let logits = logits(count, seed);
            let mut sorted: Vec<(u32, f32)> =
                logits.iter().enumerate().map(|(token, &logit)| (token as u32, logit)).collect();
            sorted.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            for wanted in [0, 1, 2, 3, 7, 16, 100, 2000] {
                assert_eq!(largest(&logits, wanted), sorted[..wanted.min(count)], "{wanted} of {count}");
            }
            assert_eq!(argmax(&logits), sorted[0]);
            assert_eq!(max(&logits), sorted[0].1);
        }
        assert_eq!(argmax(&[f32::NEG_INFINITY; 3]), (0, f32::NEG_INFINITY));
    }

    #[test]
    fn forced_tokens_cost_nothing_and_forbidden_ones_are_impossible() {
        let mut numbers = vec![1.0, 2.0, 3.0];
        let mut scores = TokenScores::new(&mut numbers);
        scores.forbid(2);
        scores.forbid(7);
        let expected = 2.0 - (1f32.exp() + 2f32.exp() + 3f32.exp()).ln();
        assert!((scores.logits()[1] - scores.shift() - expected).abs() < 1e-6);
        assert_eq!(scores.logits()[2], f32::NEG_INFINITY);
        scores.renormalize();
        let probability = |token: usize| (scores.logits()[token] - scores.shift()).exp();
        assert!((probability(0) + probability(1) - 1.0).abs() < 1e-6);
        scores.force(&[0, 9]);
        assert_eq!((scores.logits()[0] - scores.shift(), scores.logits()[1]), (0.0, f32::NEG_INFINITY));
    }
}
