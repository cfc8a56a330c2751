//! Seeded random streams: one seed, and a separate ChaCha stream for each purpose.
//!
//! Separate streams keep one purpose from disturbing another: drawing more dropout masks does not change the order
//! of the data. What is drawn in a training step has a stream of its own for each step and part of it, so that neither a
//! checkpoint has to keep how far a stream was read, nor a rank to draw what another one needs.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Random streams derived from one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    fn stream(self, number: u64) -> ChaCha8Rng {
        let mut generator = ChaCha8Rng::seed_from_u64(self.seed);
        generator.set_stream(number);
        generator
    }

    /// For initial weights.
    #[must_use]
    pub fn initialisation(&self) -> ChaCha8Rng {
        self.stream(1)
    }

    /// For the order of the data in one epoch.
    #[must_use]
    pub fn shuffling(&self, epoch: u64) -> ChaCha8Rng {
        Self { seed: self.seed ^ epoch.wrapping_mul(0x9e37_79b9_7f4a_7c15) }.stream(2)
    }

    /// For the dropout masks of one part of a training step, both counted from 0.
    #[must_use]
    pub fn dropout(&self, step: u64, part: u64) -> ChaCha8Rng {
        self.of([step.to_le_bytes().as_slice(), &part.to_le_bytes()]).stream(3)
    }

    /// For varying a text, or a pair of texts: a stream of its own for each, whatever other texts there are.
    #[must_use]
    pub fn augmentation(&self, parts: &[&str]) -> ChaCha8Rng {
        self.of(parts.iter().map(|part| part.as_bytes())).stream(4)
    }

    /// For masking tokens of a text in one epoch: a stream of its own for each text and epoch.
    #[must_use]
    pub fn masking(&self, epoch: u64, tokens: &[u32]) -> ChaCha8Rng {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| token.to_le_bytes()).collect();
        self.of([epoch.to_le_bytes().as_slice(), &bytes]).stream(5)
    }

    /// For masking tokens of one example in one epoch: a stream of its own for each example, whatever other examples have its text.
    #[must_use]
    pub fn masking_of_example(&self, epoch: u64, example: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &example.to_le_bytes()]).stream(17)
    }

    /// For masking regions of an example's image in one epoch: a stream of its own for each example and epoch.
    #[must_use]
    pub fn masking_of_regions(&self, epoch: u64, example: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &example.to_le_bytes()]).stream(18)
    }

    /// For leaving spans out of an example's text in one epoch: a stream of its own for each example and epoch.
    #[must_use]
    pub fn leaving_out(&self, epoch: u64, example: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &example.to_le_bytes()]).stream(19)
    }

    /// For pairing the texts of one image with those of others in one epoch: a stream of its own for each example and epoch.
    #[must_use]
    pub fn pairing(&self, epoch: u64, example: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &example.to_le_bytes()]).stream(6)
    }

    /// For the choice of the patches of a batch's images in one epoch, a batch being known by its first example.
    #[must_use]
    pub fn patches(&self, epoch: u64, first: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &first.to_le_bytes()]).stream(7)
    }

    /// For one token of a text that is written by sampling: a stream of its own for each source, by its tokens, each of the texts
    /// that are written of it, and each step.
    #[must_use]
    pub fn sampling(&self, source: &[u32], candidate: u64, step: u64) -> ChaCha8Rng {
        let bytes: Vec<u8> = source.iter().flat_map(|token| token.to_le_bytes()).collect();
        self.of([candidate.to_le_bytes().as_slice(), &step.to_le_bytes(), &bytes]).stream(12)
    }

    /// For the language of an example that has several, in one epoch: a stream of its own for each example and epoch.
    #[must_use]
    pub fn language(&self, epoch: u64, example: u64) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), &example.to_le_bytes()]).stream(14)
    }

    /// For the outputs that codes of a codebook become at a step.
    #[must_use]
    pub fn codes(&self, step: u64) -> ChaCha8Rng {
        self.of([step.to_le_bytes().as_slice()]).stream(16)
    }

    /// For the choice of weights by lot.
    #[must_use]
    pub fn pruning(&self) -> ChaCha8Rng {
        self.stream(10)
    }

    /// For mixing a text, or texts that belong together, with words of other languages in one epoch: a stream of its own for each
    /// text and epoch.
    #[must_use]
    pub fn mixing(&self, epoch: u64, parts: &[&str]) -> ChaCha8Rng {
        let epoch = epoch.to_le_bytes();
        self.of(std::iter::once(&epoch[..]).chain(parts.iter().map(|part| part.as_bytes()))).stream(8)
    }

    /// For the view of an image in one epoch: a stream of its own for each image and epoch, an image being known by its name.
    #[must_use]
    pub fn view(&self, epoch: u64, image: &str) -> ChaCha8Rng {
        self.of([epoch.to_le_bytes().as_slice(), image.as_bytes()]).stream(11)
    }

    /// So many of `all` things, drawn for what its parts say, by their places and in their order.
    #[must_use]
    pub fn sample(&self, parts: &[&[u8]], all: usize, count: usize) -> Vec<usize> {
        let mut random = self.of(parts.iter().copied()).stream(9);
        let mut drawn = rand::seq::index::sample(&mut random, all, count.min(all)).into_vec();
        drawn.sort_unstable();
        drawn
    }

    /// The streams of one thing among many, given by its parts.
    fn of<'p>(self, parts: impl IntoIterator<Item = &'p [u8]>) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let mut first = [0; 8];
        hasher.finalize_xof().fill(&mut first);
        Self { seed: self.seed ^ u64::from_le_bytes(first) }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngCore;

    use super::*;

    #[test]
    fn streams_differ_by_purpose_and_by_what_they_are_for() {
        let streams = Streams::new(7);
        let dropout = |step: u64, part: u64| streams.dropout(step, part).next_u64();
        assert_eq!(dropout(3, 1), dropout(3, 1));
        assert!(dropout(0, 1) != dropout(1, 0) && dropout(0, 0) != dropout(0, 1));
        assert_ne!(dropout(0, 0), streams.initialisation().next_u64());
        assert_ne!(streams.shuffling(0).next_u64(), streams.shuffling(1).next_u64());
        let of_text = |parts: &[&str]| streams.augmentation(parts).next_u64();
        assert_eq!(of_text(&["ab", "c"]), of_text(&["ab", "c"]));
        assert_ne!(of_text(&["ab", "c"]), of_text(&["a", "bc"]));
        let mixing = |epoch: u64, parts: &[&str]| streams.mixing(epoch, parts).next_u64();
        assert_eq!(mixing(1, &["ab"]), mixing(1, &["ab"]));
        assert!(mixing(1, &["ab"]) != mixing(2, &["ab"]) && mixing(1, &["ab"]) != mixing(1, &["a", "b"]));
        let view = |epoch: u64, image: &str| streams.view(epoch, image).next_u64();
        assert!(view(1, "a") == view(1, "a") && view(1, "a") != view(2, "a") && view(1, "a") != view(1, "b"));
        assert!(streams.codes(1).next_u64() != streams.codes(2).next_u64());
        let some = |part: &[u8]| streams.sample(&[part], 100, 10);
        assert!(some(b"a").is_sorted() && some(b"a").len() == 10);
        assert!(some(b"a") == some(b"a") && some(b"a") != some(b"b"));
        assert_eq!(streams.sample(&[], 2, 5), [0, 1]);
        let sampling =
            |source: &[u32], candidate: u64, step: u64| streams.sampling(source, candidate, step).next_u64();
        assert_eq!(sampling(&[1, 2], 0, 1), sampling(&[1, 2], 0, 1));
        assert!(
            sampling(&[1, 2], 0, 1) != sampling(&[1, 2], 1, 0)
                && sampling(&[1], 0, 1) != sampling(&[2], 0, 1)
        );
        let masking = |epoch: u64, tokens: &[u32]| streams.masking(epoch, tokens).next_u64();
        assert_eq!(masking(1, &[2, 3]), masking(1, &[2, 3]));
        assert!(masking(1, &[2, 3]) != masking(2, &[2, 3]) && masking(1, &[2, 3]) != masking(1, &[3, 2]));
    }
}
