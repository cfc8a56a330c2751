//! Batches of examples of similar length, the same for the same seed and epoch.

use alambic_settings::settings;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::stable_hash::bytes;

settings! {
    /// Batches of examples: their size, and how examples of similar length come together.
    pub struct BatchOptions {
        /// Examples in a batch.
        #[range(1..=1_048_576)]
        pub size: usize = 64,
        /// Most tokens in a batch, of sources and targets together. Where padding is computed, on a GPU and with
        /// losses that count it, it is included: longest source plus longest target, times examples. A single longer
        /// example makes a batch of its own. Left out: no limit.
        #[range(1..)]
        pub max_tokens: Option<usize>,
        /// Batches' worth of shuffled examples that are sorted by length together. More save padding, fewer
        /// keep batches more mixed.
        #[range(1..=1_048_576)]
        pub window: usize = 32,
    }
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self { size: 64, max_tokens: None, window: 32 }
    }
}

/// Which tokens of a batch count towards `max_tokens`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedTokens {
    /// Those of the examples.
    Examples,
    /// Those of the examples and of their padding.
    WithPadding,
}

/// The batches of one epoch: indices into `lengths`, which holds the lengths of source and target of each
/// example in tokens. Every example is in exactly one batch.
///
/// The order is a function of the arguments alone, so that an epoch and the number of a batch in it are the
/// whole position in the data. Examples are shuffled, those of a window sorted by length and cut into
/// batches, and the batches shuffled.
#[must_use]
pub fn make_batches(
    lengths: &[(usize, usize)],
    options: &BatchOptions,
    counted: CountedTokens,
    (seed, epoch): (u64, u64),
) -> Vec<Vec<usize>> {
    let seed = bytes(&["batches", &seed.to_string(), &epoch.to_string()]);
    let mut random = ChaCha8Rng::from_seed(seed);
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.shuffle(&mut random);
    let size = options.size.max(1);
    let mut batches = Vec::with_capacity(lengths.len().div_ceil(size));
    for window in order.chunks_mut(size.saturating_mul(options.window.max(1))) {
        // A stable sort: among examples of equal length the shuffled order stays.
        window.sort_by_key(|&index| (lengths[index].0 + lengths[index].1, lengths[index].0));
        cut(window, lengths, size, (options.max_tokens, counted), &mut batches);
    }
    batches.shuffle(&mut random);
    batches
}

/// Joins each batch of fewer than `min` examples to the one before it, the first to the one behind it: a batch can so be
/// larger than asked for, by fewer than `min` examples. Only where there are fewer examples altogether, a smaller batch is
/// left.
#[must_use]
pub fn merge_small_batches(batches: Vec<Vec<usize>>, min: usize) -> Vec<Vec<usize>> {
    let mut joined: Vec<Vec<usize>> = Vec::with_capacity(batches.len());
    for batch in batches {
        match joined.last_mut() {
            Some(last) if last.len() < min || batch.len() < min => last.extend(batch),
            _ => joined.push(batch),
        }
    }
    joined
}

fn cut(
    window: &[usize],
    lengths: &[(usize, usize)],
    size: usize,
    (max_tokens, counted): (Option<usize>, CountedTokens),
    batches: &mut Vec<Vec<usize>>,
) {
    let mut batch: Vec<usize> = Vec::with_capacity(size.min(window.len()));
    let (mut longest, mut sum) = ((0, 0), 0_usize);
    for &index in window {
        let (source, target) = lengths[index];
        let grown = (longest.0.max(source), longest.1.max(target));
        let tokens = match counted {
            CountedTokens::Examples => sum + source + target,
            CountedTokens::WithPadding => (grown.0 + grown.1).saturating_mul(batch.len() + 1),
        };
        let full = batch.len() == size || max_tokens.is_some_and(|most| tokens > most);
        if full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            (longest, sum) = ((source, target), 0);
        } else {
            longest = grown;
        }
        sum += source + target;
        batch.push(index);
    }
    if !batch.is_empty() {
        batches.push(batch);
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    fn lengths(random: &mut ChaCha8Rng, count: usize) -> Vec<(usize, usize)> {
        (0..count)
            .map(|_| {
                let source = random.random_range(1..20);
                (source, source + random.random_range(0..3))
            })
            .collect()
    }

    fn width(batch: &[usize], lengths: &[(usize, usize)]) -> usize {
        let longest =
            |side: fn(&(usize, usize)) -> usize| batch.iter().map(|&index| side(&lengths[index])).max();
        longest(|length| length.0).unwrap() + longest(|length| length.1).unwrap()
    }

    #[test]
    fn every_example_is_in_one_batch_within_the_limits() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        for round in 0..60 {
            let count = random.random_range(0..400);
            let lengths = lengths(&mut random, count);
            let options = BatchOptions {
                size: random.random_range(1..50),
                max_tokens: (round % 2 == 0).then(|| random.random_range(1..500)),
                window: random.random_range(1..9),
            };
            let counted = [CountedTokens::Examples, CountedTokens::WithPadding][round as usize / 2 % 2];
            let batches = make_batches(&lengths, &options, counted, (7, round));
            let mut seen: Vec<usize> = batches.concat();
            seen.sort_unstable();
            assert_eq!(seen, (0..count).collect::<Vec<_>>());
            for batch in &batches {
                assert!(!batch.is_empty() && batch.len() <= options.size);
                if let Some(most) = options.max_tokens {
                    let own: usize = batch.iter().map(|&index| lengths[index].0 + lengths[index].1).sum();
                    let tokens = match counted {
                        CountedTokens::Examples => own,
                        CountedTokens::WithPadding => batch.len() * width(batch, &lengths),
                    };
                    assert!(batch.len() == 1 || tokens <= most);
                }
            }
        }
    }

    #[test]
    fn a_small_batch_is_joined_to_another_one() {
        let joined = |sizes: &[usize], min: usize| {
            let batches = sizes.iter().map(|&size| vec![0; size]).collect();
            merge_small_batches(batches, min).iter().map(Vec::len).collect::<Vec<_>>()
        };
        assert_eq!(joined(&[8, 1, 8], 2), [9, 8]);
        assert_eq!(joined(&[1, 8, 8], 2), [9, 8]);
        assert_eq!(joined(&[1, 1, 1], 2), [3]);
        assert_eq!(joined(&[8, 1, 1, 8, 2], 2), [10, 8, 2]);
        assert_eq!(joined(&[1], 2), [1]);
        assert_eq!(joined(&[8, 1, 8], 1), [8, 1, 8]);
        let order: Vec<Vec<usize>> = vec![vec![3, 1], vec![0], vec![2, 4]];
        assert_eq!(merge_small_batches(order, 2), [vec![3, 1, 0], vec![2, 4]]);
    }

    #[test]
    fn order_depends_on_seed_and_epoch_alone() {
        let lengths = lengths(&mut ChaCha8Rng::seed_from_u64(2), 500);
        let options = BatchOptions::default();
        let batches = |seed, epoch| make_batches(&lengths, &options, CountedTokens::Examples, (seed, epoch));
        let first = batches(1, 0);
        assert_eq!(first, batches(1, 0));
        assert_ne!(first, batches(1, 1));
        assert_ne!(first, batches(2, 0));
    }

    #[test]
    fn batches_of_so_many_tokens_without_padding_are_fewer() {
        let lengths = lengths(&mut ChaCha8Rng::seed_from_u64(3), 400);
        let options = BatchOptions { size: 400, max_tokens: Some(300), window: 1 };
        let count = |counted| make_batches(&lengths, &options, counted, (5, 0)).len();
        assert!(count(CountedTokens::Examples) < count(CountedTokens::WithPadding));
    }

    #[test]
    fn sorting_saves_padding_and_shuffling_mixes_lengths() {
        let lengths = lengths(&mut ChaCha8Rng::seed_from_u64(3), 4000);
        let padded = |window| -> usize {
            let options = BatchOptions { size: 32, max_tokens: None, window };
            make_batches(&lengths, &options, CountedTokens::Examples, (5, 0))
                .iter()
                .map(|batch| batch.len() * width(batch, &lengths))
                .sum()
        };
        let tokens: usize = lengths.iter().map(|length| length.0 + length.1).sum();
        assert!(padded(1) as f64 > 1.7 * tokens as f64, "{} of {tokens}", padded(1));
        assert!((padded(32) as f64) < 1.1 * tokens as f64, "{} of {tokens}", padded(32));
        let options = BatchOptions::default();
        let widths: Vec<_> = make_batches(&lengths, &options, CountedTokens::Examples, (5, 0))
            .iter()
            .map(|batch| width(batch, &lengths))
            .collect();
        assert!(!widths.is_sorted());
    }
}
