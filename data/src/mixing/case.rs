//! Capitals of words, and punctuation around them.

use crate::parallel::is_significant;

/// A word without the punctuation around it: what stands before, the word, what stands behind. All of a text without letters
/// and digits stands before.
pub(super) fn parted(text: &str) -> [&str; 3] {
    let begin = text.find(is_significant).unwrap_or(text.len());
    let (before, rest) = text.split_at(begin);
    let last = rest.char_indices().rev().find(|(_, letter)| is_significant(*letter));
    let (word, behind) = rest.split_at(last.map_or(0, |(place, letter)| place + letter.len_utf8()));
    [before, word, behind]
}

/// A translation with the capitals of the word whose place it takes: of all letters, of the first, or none.
pub(super) fn capitalised(translation: &str, word: &str) -> String {
    let mut letters = word.chars().filter(|letter| letter.is_alphabetic());
    let is_first_capital = letters.next().is_some_and(char::is_uppercase);
    let mut others = letters.peekable();
    if is_first_capital && others.peek().is_some() && others.all(char::is_uppercase) {
        return translation.to_uppercase();
    }
    let mut characters = translation.chars();
    match characters.next() {
        Some(first) if is_first_capital => first.to_uppercase().chain(characters).collect(),
        _ => translation.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn punctuation_around_a_word_is_parted_from_it() {
        assert_eq!(parted("(sky)?"), ["(", "sky", ")?"]);
        assert_eq!(parted("don't"), ["", "don't", ""]);
        assert_eq!(parted("…"), ["…", "", ""]);
        assert_eq!(parted("¿Qué?"), ["¿", "Qué", "?"]);
        // Vowel signs and the virama belong to the word.
        assert_eq!(parted("«हिन्दी्»"), ["«", "हिन्दी्", "»"]);
        assert_eq!(parted(""), ["", "", ""]);
    }

    #[test]
    fn translations_take_the_capitals_of_the_word() {
        assert_eq!(capitalised("himmel", "Sky"), "Himmel");
        assert_eq!(capitalised("straße", "STREET"), "STRASSE");
        assert_eq!(capitalised("un", "A"), "Un");
        assert_eq!(capitalised("Himmel", "sky"), "Himmel");
        assert_eq!(capitalised("état d'âme", "Mood"), "État d'âme");
    }
}
