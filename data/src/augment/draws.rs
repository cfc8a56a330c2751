//! Random draws of augmentation.

use rand::Rng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

/// What is drawn for a view. Tests give what torchvision drew.
pub trait Draws {
    /// A number from `low` to `high`, all alike.
    fn uniform(&mut self, low: f64, high: f64) -> f64;

    /// A whole number below `count`, which is above 0.
    fn below(&mut self, count: usize) -> usize;

    /// An order of four things.
    fn order(&mut self) -> [usize; 4];
}

impl Draws for ChaCha8Rng {
    fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.random::<f64>()
    }

    fn below(&mut self, count: usize) -> usize {
        self.random_range(0..count.max(1))
    }

    fn order(&mut self) -> [usize; 4] {
        let mut order = [0, 1, 2, 3];
        order.shuffle(self);
        order
    }
}
