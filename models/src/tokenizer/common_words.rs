//! Words of a text that two tokenizers both cut out of it.

use std::ops::Range;

use super::spans::joins;

/// A word that two tokenizers both cut out of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonWord {
    /// Its place in the text, in bytes.
    pub bytes: Range<usize>,
    /// The tokens that it is made of, by their places in what each of the two gives.
    pub pieces: [Vec<u32>; 2],
}

/// The words of a text whose pieces begin and end at the same characters in both of two encodings of it, in order. Words are runs of
/// letters and digits; where pieces reach beyond one, such as to the punctuation behind it, those of both have to reach as far.
/// `places` are what [`super::Tokenizer::encode_places`] gives with each.
#[must_use]
pub fn common_words(text: &str, places: [&[Option<Range<usize>>]; 2]) -> Vec<CommonWord> {
    let trimmed =
        places.map(|places| places.iter().map(|place| trim(text, place.as_ref()?)).collect::<Vec<_>>());
    let mut words: Vec<CommonWord> = Vec::new();
    for word in runs(text) {
        let [own, other] = trimmed.each_ref().map(|places| cover(places, &word));
        let (Some((bytes, own)), Some((others, other))) = (own, other) else { continue };
        // Pieces may hold several words, which are then one.
        let is_new = words.last().is_none_or(|last| last.bytes != bytes);
        if bytes == others && is_new {
            words.push(CommonWord { bytes, pieces: [own, other] });
        }
    }
    words
}

/// A place without the blanks at its ends; none of blanks alone.
fn trim(text: &str, place: &Range<usize>) -> Option<Range<usize>> {
    let part = text.get(place.clone())?;
    let begin = place.start + part.len() - part.trim_start().len();
    let end = begin + part.trim().len();
    (begin < end).then_some(begin..end)
}

/// The tokens that stand for some of a word, and all that they stand for; none where there are none, or where they leave out some of
/// the word.
fn cover(places: &[Option<Range<usize>>], word: &Range<usize>) -> Option<(Range<usize>, Vec<u32>)> {
    let mut pieces = Vec::new();
    let mut whole: Option<Range<usize>> = None;
    for (token, place) in (0u32..).zip(places) {
        let Some(place) = place.as_ref().filter(|place| place.start < word.end && word.start < place.end)
        else {
            continue;
        };
        pieces.push(token);
        whole = Some(match whole {
            None => place.clone(),
            Some(whole) => whole.start.min(place.start)..whole.end.max(place.end),
        });
    }
    let whole = whole.filter(|whole| whole.start <= word.start && word.end <= whole.end)?;
    Some((whole, pieces))
}

/// Runs of letters and digits, with the signs that belong to them, in bytes.
fn runs(text: &str) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (place, character) in text.char_indices() {
        let end = place + character.len_utf8();
        match runs.last_mut().filter(|run| run.end == place) {
            Some(run) if character.is_alphanumeric() || joins(character) => run.end = end,
            _ if character.is_alphanumeric() => runs.push(place..end),
            _ => {}
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::super::Tokenizer;
    use super::*;

    fn places(ranges: &[(usize, usize)]) -> Vec<Option<Range<usize>>> {
        ranges.iter().map(|&(begin, end)| (begin < end).then_some(begin..end)).collect()
    }

    fn found(
        text: &str,
        own: &[(usize, usize)],
        other: &[(usize, usize)],
    ) -> Vec<(String, Vec<u32>, Vec<u32>)> {
        let words = common_words(text, [&places(own), &places(other)]);
        words
            .into_iter()
            .map(|CommonWord { bytes, pieces: [own, other] }| (text[bytes].to_owned(), own, other))
            .collect()
    }

    #[test]
    fn pieces_of_a_word_may_differ_and_blanks_do_not_count() {
        let own = [(0, 0), (0, 3), (3, 4), (4, 8), (8, 12), (0, 0)];
        let other = [(0, 0), (0, 1), (1, 3), (3, 4), (5, 9), (9, 12), (0, 0)];
        let expected =
            [("fox".to_owned(), vec![1], vec![1, 2]), ("grey2ed".to_owned(), vec![3, 4], vec![4, 5])];
        assert_eq!(found("fox: grey2ed", &own, &other), expected);
    }

    #[test]
    fn words_whose_pieces_reach_further_in_one_are_left_out() {
        // `fox:` is one piece of the first, and two of the second; `a b` is one of both.
        assert_eq!(
            found("fox: dog", &[(0, 4), (5, 8)], &[(0, 3), (3, 4), (5, 8)]),
            [("dog".to_owned(), vec![1], vec![2])]
        );
        assert_eq!(found("a b", &[(0, 3)], &[(0, 3)]), [("a b".to_owned(), vec![0], vec![0])]);
        // What was cut off has no pieces, and a word of which one was cut off is none.
        assert_eq!(
            found("fox dogs", &[(0, 3), (4, 7)], &[(0, 3), (4, 8)]),
            [("fox".to_owned(), vec![0], vec![0])]
        );
        assert!(found(" : ", &[(1, 2)], &[(1, 2)]).is_empty());
        assert!(found("", &[], &[]).is_empty());
        assert!(found("fox", &[], &[(0, 3)]).is_empty());
    }

    #[test]
    fn signs_belong_to_their_letters_and_places_within_a_character_to_none() {
        let text = "नमस्ते é";
        let length = "नमस्ते".len();
        let whole = [(0, length), (length + 1, text.len())];
        assert_eq!(found(text, &whole, &whole).len(), 2);
        assert!(found("é", &[(0, 1), (1, 2)], &[(0, 2)]).is_empty());
    }

    #[test]
    fn words_of_two_vocabularies_have_the_pieces_of_each() {
        let text = "Red fox: animal";
        let large = Tokenizer::train_words(["red fox animal", "red fox animal"], 200).unwrap();
        let small = Tokenizer::train_words(["abcdefghijklmnopqrstuvwxyza : zyxwvutsrqponmlkjihgfedcba"], 100)
            .unwrap();
        let [one, other] = [&large, &small].map(|tokenizer| tokenizer.encode_places(text).unwrap());
        let words = common_words(text, [&one.1, &other.1]);
        let named: Vec<&str> = words.iter().map(|word| &text[word.bytes.clone()]).collect();
        assert_eq!(named, ["Red", "fox", "animal"]);
        assert!(words[2].pieces[1].len() > words[2].pieces[0].len());
        for (number, (encoded, places)) in [one, other].iter().enumerate() {
            assert_eq!(encoded.ids.len(), places.len());
            assert_eq!((&places[0], places.last().unwrap()), (&None, &None));
            for word in &words {
                let pieces = word.pieces[number].iter().map(|piece| places[*piece as usize].clone().unwrap());
                assert_eq!(pieces.map(|place| &text[place]).collect::<String>(), text[word.bytes.clone()]);
            }
        }
    }
}
