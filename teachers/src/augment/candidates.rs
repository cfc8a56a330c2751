//! Candidates for the words of texts.

use alambic_models::Tokenizer;

/// Tokens of a vocabulary that are candidates: whole words, but not the letters of the alphabet, which are in every vocabulary
/// and near what is rare.
pub(super) fn candidate_words(vocabulary: &Tokenizer) -> Vec<(u32, String)> {
    let mut words = vocabulary.whole_words();
    words.retain(|(_, word)| word.len() > 1);
    words
}

/// The `count` best of some scores by their place, the best first; of equals the first.
pub(super) fn best(scores: &[f32], count: usize, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).filter(|&place| allowed(place)).collect();
    let order = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
    if places.len() > count {
        places.select_nth_unstable_by(count, order);
        places.truncate(count);
    }
    places.sort_unstable_by(order);
    places
}
