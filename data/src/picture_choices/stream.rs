//! Lots of questions about pictures.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::stable_hash;

/// A stream of lots of its own for each thing that is drawn, so that more pictures do not change what is drawn for one.
pub(super) fn stream(seed: u64, what: &[&str]) -> ChaCha8Rng {
    let seed = seed.to_string();
    ChaCha8Rng::from_seed(stable_hash::bytes(&[&["picture-choice", &seed], what].concat()))
}
