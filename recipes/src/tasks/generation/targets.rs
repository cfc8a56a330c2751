//! Targets that a decoder is forced on.

use std::sync::Arc;

use alambic_losses::Targets;
use alambic_models::Tokens;

/// The decoder's inputs, each target with the start token of its row before it and its end left out, and what is to be predicted.
/// Targets have their end, and are the teacher's where `is_teachers` says so of their row.
pub(in crate::tasks) fn forced_targets(
    written: &[&[u32]],
    start: impl Fn(usize) -> u32,
    padding: u32,
    is_teachers: impl Fn(usize) -> bool,
) -> (Tokens, Targets) {
    let input = |(row, target): (usize, &&[u32])| {
        [start(row)].iter().chain(&target[..target.len().saturating_sub(1)]).copied().collect()
    };
    let inputs: Vec<Vec<u32>> = written.iter().enumerate().map(input).collect();
    let (decoder, tokens) = (Tokens::pad(&inputs, padding), Tokens::pad(written, padding));
    let weights = |of_teacher: bool| {
        let row = |(index, kept): (usize, &u8)| {
            f32::from(u8::from(is_teachers(index / tokens.length) == of_teacher) * kept)
        };
        Arc::new(tokens.mask.iter().enumerate().map(row).collect())
    };
    let written = weights(true);
    let targets = Targets {
        labelled: weights(false),
        teacher_mask: Arc::clone(&written),
        teacher_written: written,
        classes: tokens.ids.clone(),
        ..Targets::default()
    };
    (decoder, targets)
}
