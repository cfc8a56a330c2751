//! Texts varied word by word, as TinyBERT's training data are (Jiao et al., 2020).

mod masked;
mod neighbours;
mod replace;
mod stop_words;

use std::collections::{BTreeSet, HashSet};
use std::ops::Range;
use std::path::Path;

use alambic_models::{Tokenizer, word_spans};
use alambic_settings::{At, settings};
use alambic_tensor::Streams;
use serde::{Deserialize, Serialize};

use self::masked::MaskedLanguage;
use self::neighbours::{Near, Neighbours};
use self::replace::{Choice, replace};
use crate::ledger::Ledger;
use crate::{Encoder, Fingerprint, Teacher, TeacherError};

settings! {
    /// Texts varied word by word, with the labels of the texts that they are made of.
    ///
    /// After TinyBERT (Jiao et al., 2020): in each variant, each word of letters that is no stop word is replaced with
    /// a probability by one of its candidates, all of them equally likely. Candidates are the words that a masked
    /// language model thinks likeliest in the place of the word, reading the text with the word masked and then the
    /// text itself; or, without such a model and for words of several pieces, those whose input embeddings are nearest
    /// by cosine, the embedding of several pieces being their mean. A candidate is a whole word of the vocabulary and
    /// never the word itself or a single letter of the alphabet. Of pairs both texts are varied at once, each word on its
    /// own; the published code varies one text at a time beside the last variant of the other. Variants that say the
    /// same as another text of the training, or as one that models are validated or judged on, are left out. Only
    /// training texts are varied.
    pub struct AugmentOptions {
        /// Most variants of each text; the text itself is kept besides.
        #[range(1..=100_000)]
        pub variants: usize = 20,
        /// Candidates for each word.
        #[range(1..=100_000)]
        pub candidates: usize = 15,
        /// How likely a word is to be replaced.
        #[range(0.0..=1.0)]
        pub probability: f64 = 0.4,
        /// A checkpoint with a masked-language head, which proposes candidates. Left out: neighbours alone.
        pub model: Option<At<String>>,
        /// A checkpoint whose input embeddings say which words are neighbours. Left out: `model`, or else the stage's
        /// teacher.
        pub teacher: Option<At<String>>,
        /// Words that are never replaced, in lower case. Left out: English words that carry grammar; an empty list for
        /// none.
        pub stop_words: Option<Vec<String>>,
    }
}

/// Texts between two writes to the file.
const CHUNK: usize = 256;

/// A text, or a pair of texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Passage {
    /// The text.
    pub text: String,
    /// The second text of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<String>,
}

impl Passage {
    fn parts(&self) -> impl Iterator<Item = &str> {
        [Some(self.text.as_str()), self.second.as_deref()].into_iter().flatten()
    }
}

/// What a text was varied to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Varied {
    /// Its variants, different from the text and from one another.
    pub variants: Vec<Passage>,
}

/// A word of a text that may be replaced.
#[derive(Debug, Clone)]
struct Word {
    /// Where it stands, in bytes.
    place: Range<usize>,
    /// How the vocabulary spells it.
    spelling: String,
}

/// Varies texts.
#[derive(Debug)]
pub struct Augmenter<'a> {
    options: &'a AugmentOptions,
    streams: Streams,
    stop_words: HashSet<String>,
    near: Near,
    model: Option<MaskedLanguage>,
}

impl<'a> Augmenter<'a> {
    /// Out of a model whose input embeddings say which words are near one another, and, where there is one, a model
    /// with a masked-language head.
    ///
    /// # Errors
    /// When a vocabulary has no whole words, or the model no such head.
    pub fn new(
        options: &'a AugmentOptions,
        near: Encoder,
        model: Option<Encoder>,
        seed: u64,
    ) -> Result<Self, TeacherError> {
        let stop_words = match &options.stop_words {
            Some(words) => words.iter().map(|word| word.to_lowercase()).collect(),
            None => stop_words::ENGLISH.split_whitespace().map(str::to_owned).collect(),
        };
        Ok(Self {
            options,
            streams: Streams::new(seed),
            stop_words,
            near: Near::new(near)?,
            model: model.map(MaskedLanguage::new).transpose()?,
        })
    }

    /// Of what would come of these texts.
    #[must_use]
    pub fn fingerprint(&self, passages: &[Passage]) -> Fingerprint {
        let AugmentOptions { variants, candidates, probability, .. } = self.options;
        let digests = [Some(self.near.encoder()), self.model.as_ref().map(MaskedLanguage::encoder)]
            .into_iter()
            .flatten()
            .map(|encoder| encoder.teacher().weights_digest());
        // Sorted: a set has an order of its own in every process.
        let stop_words: BTreeSet<&String> = self.stop_words.iter().collect();
        let stop_words = Fingerprint::of_data(stop_words.into_iter().map(|word| [word.as_str()]));
        Fingerprint {
            weights: digests.collect::<Vec<_>>().join(" "),
            data: Fingerprint::of_data(
                passages.iter().map(|passage| [&passage.text, passage.second.as_deref().unwrap_or("\t")]),
            ),
            settings: format!(
                "{variants} variants, {candidates} candidates, probability {probability}, seed {}, stop words {}",
                self.streams.seed(),
                &stop_words[..16]
            ),
        }
    }

    /// The variants of each text: a function of the text, the models, the options and the seed. What was made is kept
    /// in a file; `progress` hears how many texts were read from it, then how many more are done.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the file was made of something else; any error of a model or the file.
    pub fn complete(
        &self,
        path: &Path,
        passages: &[Passage],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Varied>, TeacherError> {
        // Neighbours of all words at once, whatever of the file is there already: the same products every time.
        let mut neighbours = None;
        let mut vary = |chunk: &[Passage], progress: &mut dyn FnMut(usize)| {
            let neighbours = match &mut neighbours {
                Some(neighbours) => neighbours,
                unknown => unknown.insert(self.neighbours(passages)?),
            };
            let varied = self.vary(chunk, neighbours)?;
            progress(chunk.len());
            Ok(varied)
        };
        Ledger::complete_by(path, self.fingerprint(passages), passages, CHUNK, &mut vary, progress)
    }

    fn neighbours(&self, passages: &[Passage]) -> Result<Neighbours, TeacherError> {
        let mut spellings = BTreeSet::new();
        for text in passages.iter().flat_map(Passage::parts) {
            for word in self.words(text)? {
                if !self.model.as_ref().is_some_and(|model| model.knows(&word.spelling)) {
                    spellings.insert(word.spelling);
                }
            }
        }
        self.near.neighbours(&spellings.into_iter().collect::<Vec<_>>(), self.options.candidates)
    }

    /// The words of a text that may be replaced.
    fn words(&self, text: &str) -> Result<Vec<Word>, TeacherError> {
        let mut words = Vec::new();
        for place in word_spans(text) {
            let word = &text[place.clone()];
            if !self.stop_words.contains(&word.to_lowercase()) {
                words.push(Word { spelling: self.near.spelling(word)?, place });
            }
        }
        Ok(words)
    }

    fn vary(&self, passages: &[Passage], neighbours: &Neighbours) -> Result<Vec<Varied>, TeacherError> {
        let texts: Vec<&str> = passages.iter().flat_map(Passage::parts).collect();
        let words: Vec<Vec<Word>> = texts.iter().map(|text| self.words(text)).collect::<Result<_, _>>()?;
        let mut proposed = match &self.model {
            Some(model) => model.propose(&texts, &words, self.options.candidates)?,
            None => words.iter().map(|words| vec![None; words.len()]).collect(),
        };
        let choices: Vec<Vec<Choice>> = words
            .into_iter()
            .zip(&mut proposed)
            .map(|(words, proposed)| {
                let choice = |(word, proposed): (Word, &mut Option<Vec<String>>)| Choice {
                    candidates: proposed.take().unwrap_or_else(|| neighbours.of(&word.spelling)),
                    place: word.place,
                };
                words
                    .into_iter()
                    .zip(proposed)
                    .map(choice)
                    .filter(|choice| !choice.candidates.is_empty())
                    .collect()
            })
            .collect();
        let mut choices = choices.as_slice();
        let of_passage = |passage: &Passage| {
            let (own, rest) = choices.split_at(passage.parts().count());
            choices = rest;
            self.variants(passage, own)
        };
        Ok(passages.iter().map(of_passage).collect())
    }

    /// Variants of a text, or of both texts of a pair, given the choices of each.
    fn variants(&self, passage: &Passage, choices: &[Vec<Choice>]) -> Varied {
        let parts: Vec<&str> = passage.parts().collect();
        let mut random = self.streams.augmentation(&parts);
        let mut variants: Vec<Passage> = Vec::new();
        for _ in 0..self.options.variants {
            let mut varied = parts
                .iter()
                .zip(choices)
                .map(|(text, choices)| replace(text, choices, self.options.probability, &mut random));
            let varied = Passage { text: varied.next().unwrap_or_default(), second: varied.next() };
            if varied != *passage && !variants.contains(&varied) {
                variants.push(varied);
            }
        }
        Varied { variants }
    }
}

/// Tokens of a vocabulary that may stand for a word: whole words. Letters of the alphabet are in every vocabulary, and are
/// near what is rare.
fn candidates(vocabulary: &Tokenizer) -> Vec<(u32, String)> {
    let mut words = vocabulary.whole_words();
    words.retain(|(_, word)| word.len() > 1);
    words
}

/// The `count` best of some scores by their place, the best first; of equals the first.
fn best(scores: &[f32], count: usize, allowed: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut places: Vec<usize> = (0..scores.len()).filter(|&place| allowed(place)).collect();
    let order = |one: &usize, other: &usize| scores[*other].total_cmp(&scores[*one]).then(one.cmp(other));
    if places.len() > count {
        places.select_nth_unstable_by(count, order);
        places.truncate(count);
    }
    places.sort_unstable_by(order);
    places
}

#[cfg(test)]
mod tests;
