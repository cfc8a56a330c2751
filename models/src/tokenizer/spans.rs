//! Words of texts, and words and pieces of vocabularies.

use std::ops::Range;

use tokenizers::{NormalizedString, Normalizer};
use unicode_normalization::char::is_combining_mark;

use super::encoding::Tokenizer;
use super::special::{BERT, UNKNOWN};
use crate::ModelError;

/// Prefix of pieces within a word in a `WordPiece` vocabulary.
const WITHIN: &str = "##";

/// A token of a text, with the bytes that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenSpan {
    /// The token.
    pub id: u32,
    /// Its place in the text.
    pub bytes: Range<usize>,
}

/// Places of the words of a text, in bytes: letters without digits, as many as follow one another.
#[must_use]
pub fn word_spans(text: &str) -> Vec<Range<usize>> {
    let mut words = Vec::new();
    let mut run: Option<Run> = None;
    for (place, character) in text.char_indices() {
        if character.is_alphanumeric() || joins(character) {
            let run = run.get_or_insert(Run { start: place, letters: true });
            run.letters &= !character.is_numeric();
        } else if let Some(run) = run.take() {
            words.extend(run.letters.then_some(run.start..place));
        }
    }
    words.extend(run.filter(|run| run.letters).map(|run| run.start..text.len()));
    words
}

/// Letters and digits that follow one another.
struct Run {
    start: usize,
    letters: bool,
}

/// Whether a character belongs to the letter before it: accents, signs of vowels, and the invisible joiners of Indic
/// scripts.
pub(super) fn joins(character: char) -> bool {
    is_combining_mark(character) || matches!(character, '\u{200c}' | '\u{200d}')
}

impl Tokenizer {
    /// The tokens of a text without special ones around it, and where they stand in it.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn token_spans(&self, text: &str) -> Result<Vec<TokenSpan>, ModelError> {
        let (encoding, _) = self.with_text(text, |text| self.inner.encode(text, false))?;
        let places = encoding.get_offsets().iter();
        Ok(encoding
            .get_ids()
            .iter()
            .zip(places)
            .map(|(&id, &(start, end))| TokenSpan { id, bytes: start..end })
            .collect())
    }

    /// A text in the spelling in which tokens are looked up: in lower case, for a vocabulary that is so.
    ///
    /// # Errors
    /// When the tokenizer fails.
    pub fn normalise(&self, text: &str) -> Result<String, ModelError> {
        let Some(normaliser) = self.inner.get_normalizer() else { return Ok(text.to_owned()) };
        let normal = |text: &str| {
            let mut normalised = NormalizedString::from(text);
            normaliser.normalize(&mut normalised).map(|()| normalised.get().to_owned())
        };
        Ok(self.with_text(text, normal)?.0)
    }

    /// The tokens of a `WordPiece` vocabulary that are whole words of letters, with their spelling, in the order of
    /// their ids; none of a vocabulary of another kind.
    #[must_use]
    pub fn whole_words(&self) -> Vec<(u32, String)> {
        let vocabulary = self.inner.get_vocab(false);
        if !vocabulary.keys().any(|token| token.starts_with(WITHIN)) {
            return Vec::new();
        }
        let whole = |token: &str| word_spans(token).first().is_some_and(|word| *word == (0..token.len()));
        let mut found: Vec<(u32, String)> =
            vocabulary.into_iter().filter(|(token, _)| whole(token)).map(|(token, id)| (id, token)).collect();
        found.sort_unstable();
        found
    }

    /// The ids of all tokens that are neither special nor of a prompt, in order.
    #[must_use]
    pub fn ordinary(&self) -> Vec<u32> {
        let added = self.inner.get_added_tokens_decoder();
        let prompt = self.json().and_then(|json| self.prompt_ids(&json)).unwrap_or_default();
        let special = |id: &u32| prompt.contains(id) || added.get(id).is_some_and(|token| token.special);
        let mut ids: Vec<u32> = self.inner.get_vocab(true).into_values().filter(|id| !special(id)).collect();
        ids.sort_unstable();
        ids
    }

    /// The ids of all tokens that go on a word, in order: those with `##` in front of a `WordPiece` vocabulary, and those without a
    /// mark of a word's beginning of vocabularies that have one.
    #[must_use]
    pub fn continuations(&self) -> Vec<u32> {
        let vocabulary = self.inner.get_vocab(true);
        let has_pieces = vocabulary.keys().any(|token| token.starts_with(WITHIN));
        let begins = |token: &str| token.starts_with(['▁', 'Ġ']);
        let has_marks = !has_pieces && vocabulary.keys().any(|token| begins(token));
        let goes_on = |token: &str| token.starts_with(WITHIN) || has_marks && !begins(token);
        let mut ids: Vec<u32> =
            vocabulary.into_iter().filter(|(token, _)| goes_on(token)).map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids
    }

    /// The id of the token that stands for what is not in the vocabulary, if there is one.
    #[must_use]
    pub fn unknown(&self) -> Option<u32> {
        [BERT[1], UNKNOWN].into_iter().find_map(|token| self.inner.token_to_id(token))
    }

    /// The id of the token that stands for a masked one.
    ///
    /// # Errors
    /// When the vocabulary has neither `[MASK]` nor `<mask>`.
    pub fn mask(&self) -> Result<u32, ModelError> {
        self.id(BERT[4]).or_else(|error| self.id("<mask>").map_err(|_| error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters() {
        let found =
            |text: &'static str| word_spans(text).into_iter().map(|range| &text[range]).collect::<Vec<_>>();
        assert_eq!(found("A fine day, isn't it?"), ["A", "fine", "day", "isn", "t", "it"]);
        assert_eq!(found("in 3d or r2d2: zoë"), ["in", "or", "zoë"]);
        // A virama does not end a word.
        assert_eq!(found("नमस्ते दुनिया।"), ["नमस्ते", "दुनिया"]);
        assert!(found("").is_empty() && found(" 42 ").is_empty());
    }

    #[test]
    fn pieces_know_their_place_and_words_their_spelling() {
        let tokenizer = Tokenizer::train_words(["a fine film", "a fine day"], 100).unwrap();
        let text = "Fine DALE";
        let pieces = tokenizer.token_spans(text).unwrap();
        assert_eq!(pieces[0], TokenSpan { id: tokenizer.id("fine").unwrap(), bytes: 0..4 });
        assert_eq!(pieces[1..].iter().map(|piece| &text[piece.bytes.clone()]).collect::<String>(), "DALE");
        assert_eq!(tokenizer.normalise(text).unwrap(), "fine dale");
        let words: Vec<String> = tokenizer.whole_words().into_iter().map(|(_, word)| word).collect();
        assert!(words.contains(&"film".to_owned()) && words.contains(&"a".to_owned()));
        assert!(!words.iter().any(|word| word.contains(['#', '['])));
        assert_eq!(tokenizer.mask().unwrap(), 4);
        // Five special tokens come first.
        assert_eq!(tokenizer.ordinary(), (5..tokenizer.size() as u32).collect::<Vec<_>>());
        let characters = Tokenizer::from_characters(&"ab".chars().collect(), &[]).unwrap();
        assert!(characters.whole_words().is_empty() && characters.mask().is_err());
    }
}
