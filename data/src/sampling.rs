//! Sampling of training examples by language.

use alambic_settings::settings;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::stable_hash::bytes;

settings! {
    /// Sampling of languages: of a language with n examples, the share of an epoch is in proportion to n to the power of
    /// `exponent` (Devlin et al., multilingual BERT; Conneau et al., 2020), so that languages with few examples are not lost
    /// among the others. An epoch has as many examples as there are; of a language with a larger share than its own some come
    /// several times in an epoch, of one with a smaller share the next epoch goes on where this one ended, so that each comes
    /// once before any comes again.
    pub struct LanguageSampling {
        /// The power: 1 takes each example once in an epoch, as without sampling; 0 takes as many of each language; 0.7 and 0.3
        /// are what multilingual models have used.
        #[range(0.0..=1.0)]
        pub exponent: f64,
    }
}

/// Examples that are expected of each of some groups in an epoch over all of them: n · nᵢ^exponent / Σ nⱼ^exponent of a group
/// of nᵢ, n being their sum.
#[must_use]
pub fn expected_counts(counts: &[usize], exponent: f64) -> Vec<f64> {
    let total: usize = counts.iter().sum();
    let powers = || counts.iter().map(|count| (*count as f64).powf(exponent));
    let sum: f64 = powers().sum();
    powers().map(|power| total as f64 * power / sum).collect()
}

/// Examples of each of some groups in an epoch over all of them: the whole numbers next to [`expected_counts`] that have the same
/// sum as `counts` (largest remainders; of equal ones the first).
#[must_use]
pub fn epoch_counts(counts: &[usize], exponent: f64) -> Vec<usize> {
    let expected = expected_counts(counts, exponent);
    let mut whole: Vec<usize> = expected.iter().map(|number| number.floor() as usize).collect();
    let mut order: Vec<usize> = (0..counts.len()).collect();
    let remainder = |index: &usize| expected[*index] - expected[*index].floor();
    order.sort_by(|one, other| remainder(other).total_cmp(&remainder(one)));
    let missing = counts.iter().sum::<usize>().saturating_sub(whole.iter().sum());
    for &index in order.iter().take(missing) {
        whole[index] += 1;
    }
    whole
}

/// Sampler of examples by language: which examples an epoch has.
#[derive(Debug, Clone)]
pub struct LanguageSampler {
    /// The examples of each language, by their indices.
    groups: Vec<Vec<usize>>,
    /// How many of each an epoch has.
    counts: Vec<usize>,
    seed: u64,
}

impl LanguageSampler {
    /// Of the examples of each language, by their indices; no language may be without one.
    #[must_use]
    pub fn new(groups: Vec<Vec<usize>>, options: &LanguageSampling, seed: u64) -> Self {
        let sizes: Vec<usize> = groups.iter().map(Vec::len).collect();
        let counts = epoch_counts(&sizes, options.exponent);
        Self { groups, counts, seed }
    }

    /// The examples of an epoch in the order of their indices: as many as there are, some of them several times. A function of
    /// options, seed and epoch.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> Vec<usize> {
        let mut drawn = Vec::with_capacity(self.counts.iter().sum());
        for (number, (group, &count)) in self.groups.iter().zip(&self.counts).enumerate() {
            // A language is gone through again and again, each time in another order; an epoch is a stretch of that.
            let size = group.len() as u64;
            let mut place = epoch.saturating_mul(count as u64);
            let end = place.saturating_add(count as u64);
            while place < end && size > 0 {
                let (pass, from) = (place / size, place % size);
                let taken = (size - from).min(end - place);
                if taken == size {
                    drawn.extend_from_slice(group);
                } else {
                    let order = self.order(group, number, pass);
                    drawn.extend_from_slice(&order[from as usize..(from + taken) as usize]);
                }
                place += taken;
            }
        }
        drawn.sort_unstable();
        drawn
    }

    /// The examples of a language in the order in which a pass goes through them.
    fn order(&self, group: &[usize], number: usize, pass: u64) -> Vec<usize> {
        let parts = [self.seed.to_string(), number.to_string(), pass.to_string()];
        let seed = bytes(&["languages", &parts[0], &parts[1], &parts[2]]);
        let mut order = group.to_vec();
        order.shuffle(&mut ChaCha8Rng::from_seed(seed));
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampler(sizes: &[usize], exponent: f64, seed: u64) -> LanguageSampler {
        let mut next = 0..;
        let groups = sizes.iter().map(|size| next.by_ref().take(*size).collect()).collect();
        LanguageSampler::new(groups, &LanguageSampling { exponent }, seed)
    }

    #[test]
    fn shares_are_powers_of_the_numbers_of_examples() {
        // 1000^0.7 = 125.89, 100^0.7 = 25.12, 10^0.7 = 5.01; of 1,110 examples 895.6, 178.7 and 35.7.
        assert_eq!(epoch_counts(&[1000, 100, 10], 0.7), [895, 179, 36]);
        assert_eq!(epoch_counts(&[1000, 100, 10], 1.0), [1000, 100, 10]);
        assert_eq!(epoch_counts(&[1000, 100, 10], 0.0), [370, 370, 370]);
        assert_eq!(epoch_counts(&[5, 2], 0.0), [4, 3]);
        assert_eq!(epoch_counts(&[7], 0.3), [7]);
        assert!(epoch_counts(&[], 0.5).is_empty());
    }

    #[test]
    fn epoch_has_as_many_examples_as_there_are_and_follows_from_seed_and_epoch() {
        let sizes = [300, 40, 3];
        for exponent in [0.0, 0.3, 0.7, 1.0] {
            let own = sampler(&sizes, exponent, 1);
            for epoch in 0..4 {
                let drawn = own.epoch(epoch);
                assert_eq!(drawn.len(), 343);
                assert_eq!(drawn, sampler(&sizes, exponent, 1).epoch(epoch));
                let of = |range: std::ops::Range<usize>| {
                    drawn.iter().filter(|&index| range.contains(index)).count()
                };
                assert_eq!([of(0..300), of(300..340), of(340..343)].to_vec(), epoch_counts(&sizes, exponent));
            }
        }
        assert_eq!(sampler(&sizes, 1.0, 1).epoch(5), (0..343).collect::<Vec<_>>(), "as without sampling");
        assert_ne!(sampler(&sizes, 0.5, 1).epoch(0), sampler(&sizes, 0.5, 2).epoch(0));
        assert_ne!(sampler(&sizes, 0.5, 1).epoch(0), sampler(&sizes, 0.5, 1).epoch(1));
    }

    #[test]
    fn example_comes_again_once_all_of_its_language_have_come() {
        let own = sampler(&[300, 40, 3], 0.3, 7);
        let mut often = [0_usize; 343];
        for epoch in 0..9 {
            for index in own.epoch(epoch) {
                often[index] += 1;
            }
            for group in [0..300, 300..340, 340..343] {
                let (least, most) = (often[group.clone()].iter().min(), often[group].iter().max());
                assert!(most.unwrap() - least.unwrap() <= 1);
            }
        }
    }
}
