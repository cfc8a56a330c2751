use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::metric::{
    Contribution, Direction, Metric, ReferenceSource, ScoredPair, ScoringContext, Value, always, ratio,
};
use super::phonetic::phonetic_code;
use super::prediction::PredictionKind;

/// Phonetic accuracy when each text is compared with the reference of another example: what the code lets pass by chance. It
/// stands beside `phonetic-accuracy`, which means little where this is not close to 0.
///
/// The shuffle is one cycle through all examples (Sattolo 1986), so that no example meets its own reference. Two examples with
/// equal references may still meet. With fewer than two examples there is no value.
pub(super) static METRIC: Metric = Metric {
    name: "phonetic-accuracy-shuffled",
    summary: "phonetic accuracy against the reference of another example: what passes by chance",
    undefined: "fewer than two examples",
    direction: Direction::Lower,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Text],
    references: &[PredictionKind::Text],
    suits: always,
    is_default: always,
    contributions,
    value: Value::OfSums(ratio),
};

fn contributions(pairs: &[ScoredPair<'_>], context: &ScoringContext<'_>) -> Vec<Contribution> {
    let mut contributions = vec![Contribution::none(); pairs.len()];
    let texts: Vec<(usize, &str, &str)> = pairs
        .iter()
        .enumerate()
        .filter_map(|(index, pair)| pair.texts().map(|(text, reference)| (index, text, reference)))
        .collect();
    if texts.len() < 2 {
        return contributions;
    }
    let references: Vec<String> = texts.iter().map(|(_, _, reference)| phonetic_code(reference)).collect();
    for ((index, text, _), other) in texts.iter().zip(cycle(texts.len(), context.seed)) {
        contributions[*index] = Contribution::of_hit(phonetic_code(text) == references[other]);
    }
    contributions
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
