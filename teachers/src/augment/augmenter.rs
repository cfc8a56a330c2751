//! Text augmentation.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use alambic_models::word_spans;
use alambic_ranks::Ranks;
use alambic_tensor::Streams;

use super::masked_language_model::MaskedLanguageModel;
use super::options::AugmentOptions;
use super::passage::{AugmentedText, Passage, Word};
use super::replace::{Choice, replace};
use super::stop_words;
use super::word_embeddings::{Neighbours, WordEmbeddings};
use crate::TeacherError;
use crate::append_only_cache::{AppendOnlyCache, Fingerprint};
use crate::encoder::EncoderTeacher;
use crate::teacher::Teacher;

/// Texts between two writes to the file.
pub(super) const CHUNK: usize = 256;

/// Text augmentation by a model's candidates.
#[derive(Debug)]
pub struct Augmenter<'a> {
    options: &'a AugmentOptions,
    streams: Streams,
    stop_words: HashSet<String>,
    embeddings: WordEmbeddings,
    masked_language_model: Option<MaskedLanguageModel>,
}

impl<'a> Augmenter<'a> {
    /// Augmenter by the input embeddings of a text encoder, and by a masked language model where there is one.
    ///
    /// # Errors
    /// When a vocabulary has no whole words, or the model no masked-language head.
    pub fn new(
        options: &'a AugmentOptions,
        embeddings: EncoderTeacher,
        masked_language_model: Option<EncoderTeacher>,
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
            embeddings: WordEmbeddings::new(embeddings)?,
            masked_language_model: masked_language_model.map(MaskedLanguageModel::new).transpose()?,
        })
    }

    /// Fingerprint of the variants of these texts.
    #[must_use]
    pub fn fingerprint(&self, passages: &[Passage]) -> Fingerprint {
        let AugmentOptions { variants, candidates, probability, .. } = self.options;
        let masked = self.masked_language_model.as_ref().map(MaskedLanguageModel::teacher);
        let teachers = [Some(self.embeddings.teacher()), masked].into_iter().flatten();
        let digests = teachers.map(Teacher::weights_digest);
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

    /// The variants of each text: a function of the text, the models, the options and the seed, cached in a file. `progress`
    /// gets the number of texts read from it, then the numbers of those done. Ranks share the work; each of them has to ask for it.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the file has another fingerprint; any error of a model or the file.
    pub fn complete(
        &self,
        path: &Path,
        passages: &[Passage],
        ranks: &Ranks,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<AugmentedText>, TeacherError> {
        // Neighbours of all words at once, whatever of the file is there already: the same products every time.
        let mut neighbours = None;
        let mut augment = |chunk: &[Passage], progress: &mut dyn FnMut(usize)| {
            let neighbours = match &mut neighbours {
                Some(neighbours) => neighbours,
                unknown => unknown.insert(self.neighbours(passages)?),
            };
            let augmented = self.augment(chunk, neighbours)?;
            progress(chunk.len());
            Ok(augmented)
        };
        AppendOnlyCache::complete_with(
            path,
            self.fingerprint(passages),
            passages,
            CHUNK,
            ranks,
            &mut augment,
            progress,
        )
    }

    fn neighbours(&self, passages: &[Passage]) -> Result<Neighbours, TeacherError> {
        let mut spellings = BTreeSet::new();
        for text in passages.iter().flat_map(Passage::parts) {
            for word in self.words(text)? {
                if !self.masked_language_model.as_ref().is_some_and(|model| model.knows(&word.spelling)) {
                    spellings.insert(word.spelling);
                }
            }
        }
        self.embeddings.neighbours(&spellings.into_iter().collect::<Vec<_>>(), self.options.candidates)
    }

    /// The words of a text that may be replaced.
    pub(super) fn words(&self, text: &str) -> Result<Vec<Word>, TeacherError> {
        let mut words = Vec::new();
        for place in word_spans(text) {
            let word = &text[place.clone()];
            if !self.stop_words.contains(&word.to_lowercase()) {
                words.push(Word { spelling: self.embeddings.spelling(word)?, place });
            }
        }
        Ok(words)
    }

    fn augment(
        &self,
        passages: &[Passage],
        neighbours: &Neighbours,
    ) -> Result<Vec<AugmentedText>, TeacherError> {
        let texts: Vec<&str> = passages.iter().flat_map(Passage::parts).collect();
        let words: Vec<Vec<Word>> = texts.iter().map(|text| self.words(text)).collect::<Result<_, _>>()?;
        let mut proposed = match &self.masked_language_model {
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
    fn variants(&self, passage: &Passage, choices: &[Vec<Choice>]) -> AugmentedText {
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
        AugmentedText { variants }
    }
}
