//! Answers and texts as the published evaluation of `SQuAD` compares them (Rajpurkar et al., 2016 and 2018; `evaluate-v2.0.py`).

use std::collections::HashMap;

use alambic_data::benchmarks::split;
use unicode_normalization::char::is_combining_mark;

use super::f1::f1;
use super::metric::{Contribution, ScoredPair};
use super::prediction::Prediction;

/// The articles that are left out.
const ARTICLES: [&str; 3] = ["a", "an", "the"];

/// The normalised form of an answer, token by token: lower case, without ASCII punctuation, which joins what it stands
/// between, and without the articles of English.
pub(super) fn tokens(answer: &str) -> Vec<String> {
    let lower = answer.to_lowercase();
    let plain: String = lower.chars().filter(|character| !character.is_ascii_punctuation()).collect();
    split(&without_words(&plain, &ARTICLES)).map(str::to_owned).collect()
}

/// A text with a blank in the place of some words. A word is a run of what Python's `\\w` matches, so that neither a vowel sign
/// nor an accent of its own belongs to one; what else stands beside it stays.
pub(super) fn without_words(text: &str, words: &[&str]) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_word = is_word_character(first);
        let end = rest.find(|character| is_word_character(character) != is_word).unwrap_or(rest.len());
        let (run, behind) = rest.split_at(end);
        kept.push_str(if is_word && words.contains(&run) { " " } else { run });
        rest = behind;
    }
    kept
}

/// Whether Python's `\\w` matches a character: a letter, a number or `_`. Of what Unicode calls alphabetic, marks and letters in
/// circles and squares are none.
fn is_word_character(character: char) -> bool {
    let is_symbol = matches!(character, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f189}');
    let is_letter = character.is_alphabetic() && !is_combining_mark(character) && !is_symbol;
    is_letter || character.is_numeric() || character == '_'
}

/// F1 of two lists of tokens, each counting as often as both have it; none where one of the two has no token.
pub(super) fn overlap(answer: &[String], right: &[String]) -> Option<f64> {
    if answer.is_empty() || right.is_empty() {
        return None;
    }
    let mut rest: HashMap<&str, usize> = HashMap::new();
    for token in right {
        *rest.entry(token).or_default() += 1;
    }
    let shared = answer.iter().filter(|token| match rest.get_mut(token.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    });
    let shared = shared.count() as f64;
    f1(shared, answer.len() as f64 - shared, right.len() as f64 - shared)
}

/// The best value over the right answers of each example. Right answers of which normalisation leaves nothing do not count;
/// without any other the right answer is that there is none, and no answer is right. Examples of which nothing is known
/// contribute nothing.
pub(super) fn best_of(
    pairs: &[ScoredPair<'_>],
    value: impl Fn(&[String], &[String]) -> f64,
) -> Vec<Contribution> {
    let own = |pair: &ScoredPair<'_>| {
        let (Some(answer), Prediction::Texts(right)) = (pair.prediction.text(), &*pair.reference) else {
            return Contribution::none();
        };
        let answer = tokens(answer);
        let mut right: Vec<Vec<String>> = right.iter().map(|right| tokens(right)).collect();
        right.retain(|right| !right.is_empty());
        if right.is_empty() {
            right.push(Vec::new());
        }
        Contribution::of_mean(right.iter().map(|right| value(&answer, right)).fold(0.0, f64::max))
    };
    pairs.iter().map(own).collect()
}

#[cfg(test)]
mod tests {
    use super::tokens;

    /// Values of `normalize_answer` of the published script, tokens separated by spaces.
    #[test]
    fn answers_are_normalised_as_published() {
        for (answer, expected) in [
            ("The Norman Conquest", "norman conquest"),
            ("  a  cat,\tthe dog; an ant ", "cat dog ant"),
            ("U.S.A.", "usa"),
            ("state-of-the-art", "stateoftheart"),
            ("theatre", "theatre"),
            ("the", ""),
            ("!?", ""),
            ("“the” end", "“ ” end"),
            ("1,000 a.m.", "1000 am"),
            ("A\u{0}the b", "\u{0} b"),
            ("ÉCOLE d'a la", "école da la"),
            // Neither a vowel sign nor an accent of its own belongs to a word; a letter in a circle is a symbol.
            ("a\u{93e}न", "\u{93e}न"),
            ("a\u{301} b", "\u{301} b"),
            ("the\u{24b6} a\u{2160}", "\u{24d0} aⅰ"),
            ("\u{130}a\u{1c}the\u{a0}x", "i\u{307} x"),
        ] {
            assert_eq!(tokens(answer).join(" "), expected, "{answer}");
        }
    }
}
