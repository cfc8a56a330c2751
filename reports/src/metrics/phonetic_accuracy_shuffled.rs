use super::phonetic::phonetic_code;
use super::{Against, Context, Contribution, Direction, Metric, Pair, Value, ratio};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Phonetic accuracy when each output is compared with the reference of another example: what the code lets
/// pass by chance. It stands beside `phonetic-accuracy`, which means little where this is not close to 0.
///
/// The shuffle is one cycle through all examples (Sattolo 1986), so that no example meets its own reference.
/// Two examples with equal references may still meet. With fewer than two examples there is no value.
pub(super) static METRIC: Metric = Metric {
    name: "phonetic-accuracy-shuffled",
    summary: "phonetic accuracy against the reference of another example: what passes by chance",
    undefined: "fewer than two examples",
    direction: Direction::Lower,
    share: true,
    against: Against::References,
    contributions,
    value: Value::Of(ratio),
};

fn contributions(pairs: &[Pair<'_>], context: &Context<'_>) -> Vec<Contribution> {
    if pairs.len() < 2 {
        return vec![Contribution::nothing(); pairs.len()];
    }
    let references: Vec<String> = pairs.iter().map(|pair| phonetic_code(&pair.reference)).collect();
    pairs
        .iter()
        .zip(cycle(pairs.len(), context.seed))
        .map(|(pair, other)| Contribution::hit(phonetic_code(&pair.hypothesis) == references[other]))
        .collect()
}

/// A random permutation of `0..length` that is a single cycle.
fn cycle(length: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..length).collect();
    for last in (1..length).rev() {
        order.swap(last, random.random_range(0..last));
    }
    order
}
