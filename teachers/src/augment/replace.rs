//! Words of a text put in the place of others.

use std::ops::Range;

use rand::Rng;

/// A word with what may stand in its place.
pub(super) struct Choice {
    /// Where it stands, in bytes.
    pub(super) place: Range<usize>,
    /// At least one.
    pub(super) candidates: Vec<String>,
}

/// A text in which each of some words is replaced with a probability.
pub(super) fn replace(text: &str, choices: &[Choice], probability: f64, random: &mut impl Rng) -> String {
    let mut replaced = String::with_capacity(text.len());
    let mut end = 0;
    for Choice { place, candidates } in choices {
        // Drawn in any case, so that one word's luck is not another's.
        let (chosen, index) = (random.random_bool(probability), random.random_range(0..candidates.len()));
        if chosen {
            replaced.push_str(&text[end..place.start]);
            replaced.push_str(&like(&candidates[index], &text[place.clone()]));
            end = place.end;
        }
    }
    replaced.push_str(&text[end..]);
    replaced
}

/// A word with a capital letter in front where the word in whose place it stands has one.
fn like(candidate: &str, word: &str) -> String {
    let mut letters = candidate.chars();
    match (word.chars().next(), letters.next()) {
        (Some(of_word), Some(first)) if of_word.is_uppercase() => {
            first.to_uppercase().chain(letters).collect()
        }
        _ => candidate.to_owned(),
    }
}
