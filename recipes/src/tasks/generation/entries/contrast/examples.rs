//! Examples of pairs: an image or nothing, and what is said in each language.

use alambic_data::parallel::Translation;
use alambic_data::{Content, Picture, Question, Split, is_in_subsample};
use alambic_settings::At;

use super::super::translations::is_in_share;
use super::options::ContrastEntry;
use crate::corpora::Corpora;
use crate::error::RunError;

/// A text in the languages that have it, with the image that it is about.
#[derive(Debug, Clone)]
pub(super) struct PairExample<'c> {
    /// None of texts with translations.
    pub(super) picture: Option<&'c Picture>,
    /// Language and text, each language once; at least two where there is no image, at least one where there is.
    pub(super) texts: Vec<(&'c str, &'c str)>,
    /// All texts in all languages, by which those that say the same are known.
    pub(super) said: Vec<&'c str>,
}

impl ContrastEntry {
    /// The examples of a split.
    pub(super) fn examples<'c>(
        &'c self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<PairExample<'c>>, RunError> {
        self.examples_of(&self.data, corpora, split, self.fraction)
    }

    /// All texts of the training splits, whatever the share.
    pub(in super::super) fn training_texts(&self, corpora: &Corpora) -> Result<Vec<String>, RunError> {
        let examples = self.examples_of(&self.data, corpora, Split::Train, 1.0)?;
        Ok(examples.iter().flat_map(|own| &own.texts).map(|(_, text)| (*text).to_owned()).collect())
    }

    /// The same of a share of other corpora. Each caption of an image is an example, but the first alone where images are searched.
    pub(super) fn examples_of<'c>(
        &'c self,
        names: &'c [At<String>],
        corpora: &'c Corpora,
        split: Split,
        fraction: f64,
    ) -> Result<Vec<PairExample<'c>>, RunError> {
        let mut examples = Vec::new();
        let least = if self.reads_images() { 1 } else { 2 };
        let is_pair = |example: &PairExample<'c>| example.texts.len() >= least;
        for name in names {
            if let Content::Parallel(corpus) = corpora.get(name)? {
                let languages = &corpus.details.languages;
                let sentences = corpus.splits.get(split).iter();
                let sentences = sentences.filter(|own| is_in_share(own, languages, fraction));
                let pairs = sentences.map(|sentence| self.of_sentence(sentence, languages));
                examples.extend(pairs.filter(is_pair));
                continue;
            }
            let details = &corpora.dataset::<Question>(name)?.details;
            for picture in corpora.captioned(std::slice::from_ref(name), split, &[])? {
                if is_in_subsample(picture, fraction) {
                    let captions = self.of_picture(picture, &details.languages).filter(is_pair);
                    examples.extend(captions.take(if split == Split::Train { usize::MAX } else { 1 }));
                }
            }
        }
        Ok(examples)
    }

    /// The languages that are asked for, of those of a corpus.
    fn languages_of<'c>(&'c self, known: &'c [String]) -> Vec<&'c str> {
        if self.languages.is_empty() {
            return known.iter().map(String::as_str).collect();
        }
        self.languages.iter().map(|code| code.as_str()).collect()
    }

    /// A sentence in the languages that are asked for.
    fn of_sentence<'c>(&'c self, sentence: &'c Translation, known: &'c [String]) -> PairExample<'c> {
        let text = |code: &'c str| Some((code, sentence.texts.get(code)?.as_str()));
        PairExample {
            picture: None,
            texts: self.languages_of(known).into_iter().filter_map(text).collect(),
            said: sentence.texts.values().map(String::as_str).collect(),
        }
    }

    /// The captions of an image in the languages that are asked for; one whose language is not known as it is.
    fn of_picture<'c>(
        &'c self,
        picture: &'c Picture,
        known: &'c [String],
    ) -> impl Iterator<Item = PairExample<'c>> {
        let (languages, own) = (self.languages_of(known), known.first().map(String::as_str));
        let reads_images = self.reads_images();
        picture.captions.iter().map(move |caption| {
            let text = |code: &&'c str| Some((*code, caption.in_language(Some(code), own)?));
            let mut texts: Vec<(&str, &str)> = languages.iter().filter_map(text).collect();
            if languages.is_empty() {
                texts.push(("", &caption.text));
            }
            let translations = caption.translations.values().map(String::as_str);
            PairExample {
                picture: reads_images.then_some(picture),
                texts,
                said: std::iter::once(caption.text.as_str()).chain(translations).collect(),
            }
        })
    }
}

/// Numbers of what texts say: two texts that have one text in common, in whatever language, say the same, and so do those that say the
/// same as a third.
pub(super) fn meanings(examples: &[PairExample<'_>]) -> Vec<u32> {
    let mut known: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let mut parents: Vec<usize> = (0..examples.len()).collect();
    for (index, example) in examples.iter().enumerate() {
        for text in &example.said {
            let first = *known.entry(*text).or_insert(index);
            let (one, other) = (root(&mut parents, first), root(&mut parents, index));
            parents[one.max(other)] = one.min(other);
        }
    }
    (0..examples.len()).map(|index| root(&mut parents, index) as u32).collect()
}

/// The first example that says the same.
fn root(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_a_text_in_common_say_the_same() {
        let example =
            |said: &[&'static str]| PairExample { picture: None, texts: Vec::new(), said: said.to_vec() };
        let examples = [
            example(&["a red circle", "लाल वृत्त"]),
            example(&["a star"]),
            example(&["a red disc", "लाल वृत्त"]),
            example(&["a red disc"]),
            example(&["a square", "a star"]),
            example(&[]),
        ];
        assert_eq!(meanings(&examples), [0, 1, 0, 0, 1, 5]);
        assert!(meanings(&[]).is_empty());
    }
}
