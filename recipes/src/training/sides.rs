//! Texts of the examples of a batch, of which each is read once.

use alambic_models::{ModelError, Trace};
use indexmap::IndexMap;

/// The rows of a batch whose examples have several texts: all first texts, then all second ones, and so on.
pub(crate) struct SideRows {
    /// The number of the text of each row, by which those that say the same are known.
    pub(crate) numbers: Vec<u32>,
    /// The texts to read: each one's example in the batch, and its place among that example's texts.
    pub(crate) read: Vec<(usize, usize)>,
    /// The place of each row among what is read.
    places: Vec<u32>,
}

impl SideRows {
    /// Of examples, each with the numbers of as many texts as every other. A text that comes more than once is read once, unless
    /// each is to have a dropout of its own.
    pub(crate) fn new(examples: &[&[u32]], repeats: bool) -> Self {
        let sides = examples.first().map_or(0, |texts| texts.len());
        let mut known: IndexMap<u32, u32> = IndexMap::new();
        let mut rows = Self { numbers: Vec::new(), read: Vec::new(), places: Vec::new() };
        for side in 0..sides {
            for (example, texts) in examples.iter().enumerate() {
                let number = texts[side];
                rows.numbers.push(number);
                let next = rows.read.len() as u32;
                let place = if repeats { next } else { *known.entry(number).or_insert(next) };
                rows.places.push(place);
                if place == next {
                    rows.read.push((example, side));
                }
            }
        }
        rows
    }

    /// The trace of all rows, of that of the texts that are read.
    pub(crate) fn spread(&self, trace: Trace) -> Result<Trace, ModelError> {
        if self.read.len() < self.places.len() { trace.rows(&self.places) } else { Ok(trace) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_come_twice_are_read_once() {
        let examples: [&[u32]; 3] = [&[7, 1], &[2, 7], &[7, 7]];
        let rows = SideRows::new(&examples, false);
        assert_eq!(rows.numbers, [7, 2, 7, 1, 7, 7]);
        assert_eq!(rows.read, [(0, 0), (1, 0), (0, 1)]);
        assert_eq!(rows.places, [0, 1, 0, 2, 0, 0]);
        let rows = SideRows::new(&examples, true);
        assert_eq!((rows.read.len(), rows.places), (6, vec![0, 1, 2, 3, 4, 5]));
    }
}
