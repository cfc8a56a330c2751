//! Words of descriptions that student and teacher both read, and how much each says.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use alambic_losses::AlignedWord;
use alambic_models::{Tokenizer, common_words};
use alambic_tensor::Streams;
use rand::Rng;

use super::questions::DescribedPicture;
use crate::error::RunError;

/// How many of some texts have a word, without regard to capitals.
pub(super) struct WordFrequencies {
    texts: f64,
    counts: HashMap<String, f64>,
}

/// The words of a text by the places that they are at.
fn folded(text: &str, word: &Range<usize>) -> String {
    text.get(word.clone()).unwrap_or_default().to_lowercase()
}

impl WordFrequencies {
    /// Those of the descriptions of questions, each counting once.
    pub(super) fn new(questions: &[DescribedPicture<'_>]) -> Self {
        let texts: HashSet<&str> =
            questions.iter().flat_map(|own| &own.question.descriptions).map(String::as_str).collect();
        let mut counts: HashMap<String, f64> = HashMap::new();
        for text in &texts {
            let words: HashSet<String> =
                all_words(text).into_iter().map(|word| folded(text, &word)).collect();
            for word in words {
                *counts.entry(word).or_default() += 1.0;
            }
        }
        Self { texts: texts.len() as f64, counts }
    }

    /// How much each of some words says of their text: tf·idf, the share of the words that are it times the logarithm of all texts
    /// to those that have it.
    fn scores(&self, text: &str, words: &[Range<usize>]) -> Vec<f32> {
        let named: Vec<String> = words.iter().map(|word| folded(text, word)).collect();
        let score = |word: &String| {
            let share = named.iter().filter(|other| *other == word).count() as f64 / named.len() as f64;
            let having = self.counts.get(word).copied().unwrap_or_default().max(1.0);
            (share * (self.texts.max(1.0) / having).ln()) as f32
        };
        named.iter().map(score).collect()
    }
}

/// Words of a text, as they are aligned where each is a token of its own.
fn all_words(text: &str) -> Vec<Range<usize>> {
    let characters: Vec<Option<Range<usize>>> =
        text.char_indices().map(|(place, character)| Some(place..place + character.len_utf8())).collect();
    common_words(text, [&characters, &characters]).into_iter().map(|word| word.bytes).collect()
}

/// The words of a description that two tokenizers, which truncate, both cut out of it.
pub(super) fn aligned_words(
    text: &str,
    [student, teacher]: [&Tokenizer; 2],
    frequencies: &WordFrequencies,
) -> Result<Vec<AlignedWord>, RunError> {
    let (own, other) = (student.encode_places(text)?.1, teacher.encode_places(text)?.1);
    let words = common_words(text, [&own, &other]);
    let places: Vec<Range<usize>> = words.iter().map(|word| word.bytes.clone()).collect();
    let scores = frequencies.scores(text, &places);
    let aligned = words.into_iter().zip(scores).map(|(word, keyword_score)| {
        let [student, teacher] = word.pieces;
        AlignedWord { student, teacher, keyword_score, lot: 0.0 }
    });
    Ok(aligned.collect())
}

/// The same words with a number by lot each, of an epoch and an example.
pub(super) fn with_lots(words: &[AlignedWord], streams: Streams, epoch: u64, text: &str) -> Vec<AlignedWord> {
    let mut random = streams.mixing(epoch, &["words", text]);
    words.iter().map(|word| AlignedWord { lot: random.random(), ..word.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use alambic_data::{Picture, PictureChoice};

    use super::*;

    #[test]
    fn rare_words_say_more_and_pieces_are_those_of_each_tokenizer() {
        let picture = Picture::without_pixels("one".into());
        let descriptions =
            ["red fox: animal", "red hat: thing", "Red cup: thing"].map(str::to_owned).to_vec();
        let question = PictureChoice { picture: 0, descriptions, answer: 0, kind: None };
        let asked = [DescribedPicture { question: &question, picture: &picture, is_labelled: true }];
        let frequencies = WordFrequencies::new(&asked);
        let large = Tokenizer::train_words(["red fox animal red fox animal"], 200).unwrap();
        let small = Tokenizer::train_words(["abcdefghijklmnopqrstuvwxyza : zyxwvutsrqponmlkjihgfedcba"], 100)
            .unwrap();
        let words = aligned_words("red fox: animal", [&large, &small], &frequencies).unwrap();
        assert_eq!(words.len(), 3);
        assert_eq!(words[0].keyword_score, 0.0);
        let expected = (3.0f64.ln() / 3.0) as f32;
        assert!(
            (words[1].keyword_score - expected).abs() < 1e-6
                && words[1].keyword_score == words[2].keyword_score
        );
        assert!(words[2].teacher.len() > words[2].student.len());
        let cut = small.with_max_length(6).unwrap();
        assert!(aligned_words("red fox: animal", [&large, &cut], &frequencies).unwrap().len() < 3);
        let streams = Streams::new(1);
        let lots = |epoch| with_lots(&words, streams, epoch, "red fox: animal");
        assert_eq!(lots(1), lots(1));
        assert_ne!(lots(1), lots(2));
        assert!(lots(1).iter().all(|word| (0.0..1.0).contains(&word.lot)));
        assert!(aligned_words("", [&large, &small], &frequencies).unwrap().is_empty());
    }
}
