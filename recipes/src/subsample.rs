//! A part of some examples, the same every time.

use std::collections::BTreeSet;

/// Keeps at most `max` of some examples, evenly spread.
pub(crate) fn subsample<T>(examples: &mut Vec<T>, max: usize) {
    let count = examples.len();
    if count > max {
        let kept: BTreeSet<usize> = (0..max).map(|index| index * count / max).collect();
        let mut index = 0;
        examples.retain(|_| {
            index += 1;
            kept.contains(&(index - 1))
        });
    }
}
