//! Mixing of a text.

use std::sync::Arc;

use indexmap::IndexSet;
use rand::Rng;

use super::case::{capitalised, parted};
use super::dictionary::{Dictionary, Translations};
use super::options::{MixedCase, MixedWords, MixingOptions};
use crate::language_code::is_same_language;
use crate::tags::TagParts;

/// How the texts of a corpus are mixed with words of other languages.
#[derive(Debug, Clone, PartialEq)]
pub struct Mixer {
    options: MixingOptions,
    /// Dictionaries by the code of their language.
    dictionaries: Vec<(String, Arc<Dictionary>)>,
    /// What the classes of tagged words are; none of texts whose words are not tagged.
    tags: Option<TagParts>,
}

/// A stretch of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stretch<'t> {
    Blank(&'t str),
    Word(&'t str),
}

impl Mixer {
    /// A mixer by these dictionaries, of which each has its language. `classes` are those of tagged words.
    #[must_use]
    pub fn new(
        options: &MixingOptions,
        dictionaries: Vec<(String, Arc<Dictionary>)>,
        classes: Option<&[String]>,
    ) -> Self {
        Self { options: options.clone(), dictionaries, tags: classes.map(TagParts::new) }
    }

    /// The dictionaries by the code of their language.
    #[must_use]
    pub fn dictionaries(&self) -> &[(String, Arc<Dictionary>)] {
        &self.dictionaries
    }

    /// Whether texts of a language are mixed.
    #[must_use]
    pub fn takes(&self, language: Option<&str>) -> bool {
        match (&self.options.source_language, language) {
            (Some(source), Some(language)) => is_same_language(source, language),
            _ => true,
        }
    }

    /// A text of a language by itself, mixed by what is drawn from `random`.
    #[must_use]
    pub fn mix_text(&self, text: &str, language: Option<&str>, random: &mut impl Rng) -> String {
        let [mixed] = self.mix_texts([Some(text)], language, random);
        mixed.unwrap_or_default()
    }

    /// Texts of a language that belong together, where there are any: all of them are mixed, or none.
    #[must_use]
    pub fn mix_texts<const COUNT: usize>(
        &self,
        texts: [Option<&str>; COUNT],
        language: Option<&str>,
        random: &mut impl Rng,
    ) -> [Option<String>; COUNT] {
        if !self.is_mixed(language, random) {
            return texts.map(|text| text.map(str::to_owned));
        }
        texts.map(|text| text.map(|text| self.mix_stretches(text, random)))
    }

    /// A text of tagged words with single blanks between, and their classes, both mixed.
    #[must_use]
    pub fn mix_words(
        &self,
        text: &str,
        classes: &[u32],
        language: Option<&str>,
        random: &mut impl Rng,
    ) -> (String, Vec<u32>) {
        if !self.is_mixed(language, random) {
            return (text.to_owned(), classes.to_vec());
        }
        let (mut words, mut own) = (Vec::new(), Vec::new());
        for (word, &class) in text.split(' ').zip(classes) {
            let mixed = if self.wants(class) {
                self.replace(word, random, |count| self.spread(class, count).is_some())
            } else {
                self.as_kept(word)
            };
            own.extend(self.spread(class, mixed.split(' ').count()).unwrap_or_default());
            words.push(mixed);
        }
        (words.join(" "), own)
    }

    /// The words of a tagged text that may be replaced.
    pub fn words_to_mix<'t>(&'t self, text: &'t str, classes: &'t [u32]) -> impl Iterator<Item = &'t str> {
        text.split(' ').zip(classes).filter(|(_, class)| self.wants(**class)).map(|(word, _)| word)
    }

    fn is_mixed(&self, language: Option<&str>, random: &mut impl Rng) -> bool {
        // Drawn in any case, so that what follows in the stream is the same.
        let is_drawn = random.random_bool(self.options.text);
        is_drawn && self.takes(language) && !self.dictionaries.is_empty()
    }

    fn mix_stretches(&self, text: &str, random: &mut impl Rng) -> String {
        let mut mixed = String::with_capacity(text.len());
        for stretch in stretches(text) {
            match stretch {
                Stretch::Blank(blank) => mixed.push_str(blank),
                Stretch::Word(word) => mixed.push_str(&self.replace(word, random, |_| true)),
            }
        }
        mixed
    }

    /// Whether words of a class are mixed.
    fn wants(&self, class: u32) -> bool {
        let is_in_span = self.tags.as_ref().is_some_and(|tags| tags.is_in_span(class));
        match self.options.within {
            None => true,
            Some(MixedWords::Spans) => is_in_span,
            Some(MixedWords::Outside) => !is_in_span,
        }
    }

    /// The classes of so many words in the place of one.
    fn spread(&self, class: u32, words: usize) -> Option<Vec<u32>> {
        self.tags.as_ref().map_or_else(|| Some(vec![class; words]), |tags| tags.spread(class, words))
    }

    /// A word that is not replaced.
    fn as_kept(&self, word: &str) -> String {
        match self.options.case {
            MixedCase::Keep => word.to_owned(),
            MixedCase::Lower => word.to_lowercase(),
        }
    }

    /// A word with the punctuation around it, or the same with a translation in its place. `fits` says whether the translation may be of
    /// so many words.
    fn replace(&self, text: &str, random: &mut impl Rng, fits: impl Fn(usize) -> bool) -> String {
        if !random.random_bool(self.options.word) {
            return self.as_kept(text);
        }
        let dictionary = &self.dictionaries[random.random_range(0..self.dictionaries.len())].1;
        let Some((Translations { all, is_as_written }, [before, word, behind])) = find(dictionary, text)
        else {
            return self.as_kept(text);
        };
        let translation = &all[random.random_range(0..all.len())];
        if !fits(translation.split(' ').count()) {
            return self.as_kept(text);
        }
        let translation = match self.options.case {
            MixedCase::Lower => translation.to_lowercase(),
            MixedCase::Keep if is_as_written => translation.clone(),
            MixedCase::Keep => capitalised(translation, word),
        };
        format!("{before}{translation}{behind}")
    }

    /// The translations of the words of texts, each once, in the order in which the words come: what may stand in mixed texts
    /// beside the words of the texts themselves.
    #[must_use]
    pub fn translations<'m>(&'m self, texts: impl Iterator<Item = &'m str>) -> IndexSet<&'m str> {
        let words: IndexSet<&str> = texts
            .flat_map(stretches)
            .filter_map(|stretch| if let Stretch::Word(word) = stretch { Some(word) } else { None })
            .collect();
        let mut all = IndexSet::new();
        for word in words {
            for (_, dictionary) in &self.dictionaries {
                let found = find(dictionary, word).map_or(&[][..], |(found, _)| found.all);
                all.extend(found.iter().map(String::as_str));
            }
        }
        all
    }
}

/// The translations of a word with punctuation around it, and its parts: the word as a whole is looked up first.
pub(super) fn find<'d, 't>(
    dictionary: &'d Dictionary,
    text: &'t str,
) -> Option<(Translations<'d>, [&'t str; 3])> {
    if let Some(found) = dictionary.find(text) {
        return Some((found, ["", text, ""]));
    }
    let parts = parted(text);
    if parts[1].len() == text.len() {
        return None;
    }
    dictionary.find(parts[1]).map(|found| (found, parts))
}

/// The words of a text and the white space around them, one after another.
pub(super) fn stretches(text: &str) -> impl Iterator<Item = Stretch<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is_blank = first.is_whitespace();
        let end = rest.find(|letter: char| letter.is_whitespace() != is_blank).unwrap_or(rest.len());
        let (own, behind) = rest.split_at(end);
        rest = behind;
        Some(if is_blank { Stretch::Blank(own) } else { Stretch::Word(own) })
    })
}

#[cfg(test)]
mod tests {
    use alambic_settings::{At, Setting};
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn options() -> MixingOptions {
        MixingOptions { word: 1.0, ..MixingOptions::when_absent().unwrap() }
    }

    fn mixer(options: &MixingOptions, pairs: &[(&str, &str)], classes: Option<&[&str]>) -> Mixer {
        let pairs = pairs.iter().map(|(word, other)| ((*word).to_owned(), (*other).to_owned()));
        let dictionary = Arc::new(Dictionary::new("words.tsv".into(), String::new(), pairs));
        let classes: Option<Vec<String>> =
            classes.map(|classes| classes.iter().map(|class| (*class).to_owned()).collect());
        Mixer::new(options, vec![("de".into(), dictionary)], classes.as_deref())
    }

    fn random(seed: u64) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(seed)
    }

    const WORDS: [(&str, &str); 4] =
        [("sky", "Himmel"), ("the", "der"), ("I", "ich"), ("ice", "gefrorenes Wasser")];

    #[test]
    fn white_space_punctuation_and_capitals_stay() {
        let keep = mixer(&options(), &WORDS, None);
        let mixed = |text: &str| keep.mix_text(text, None, &mut random(1));
        assert_eq!(mixed("The  sky?\tI, (THE)\u{a0}sea."), "Der  Himmel?\tich, (DER)\u{a0}sea.");
        assert_eq!(mixed("ice"), "gefrorenes Wasser");
        assert_eq!(mixed(""), "");
        let lower = MixingOptions { case: MixedCase::Lower, ..options() };
        let lower = mixer(&lower, &WORDS, None);
        assert_eq!(lower.mix_text("The Sky, The SEA", None, &mut random(1)), "der himmel, der sea");
    }

    #[test]
    fn tags_stay_with_their_words() {
        let classes = ["O", "B-A", "I-A", "E-A", "S-A"];
        let mixer = mixer(&options(), &WORDS, Some(&classes));
        let (read, tags) =
            mixer.mix_words("the ice\u{a0}x ice ice !", &[0, 0, 4, 1, 3], None, &mut random(1));
        assert_eq!(read, "der ice\u{a0}x gefrorenes Wasser gefrorenes Wasser !");
        assert_eq!(tags, [0, 0, 1, 3, 1, 2, 3]);
    }

    #[test]
    fn a_word_stays_where_no_tags_are_for_several() {
        let mixer = mixer(&options(), &WORDS, Some(&["O", "S-A"]));
        let mixed = mixer.mix_words("ice the", &[1, 1], None, &mut random(1));
        assert_eq!(mixed, ("ice der".into(), vec![1, 1]));
    }

    #[test]
    fn words_within_or_outside_of_spans_alone_are_mixed() {
        let of = |within| {
            let options = MixingOptions { within: Some(within), ..options() };
            let mixer = mixer(&options, &WORDS, Some(&["O", "B-A", "I-A"]));
            mixer.mix_words("the sky the", &[0, 1, 0], None, &mut random(1)).0
        };
        assert_eq!(
            (of(MixedWords::Spans), of(MixedWords::Outside)),
            ("the Himmel the".into(), "der sky der".into())
        );
    }

    #[test]
    fn shares_of_words_and_texts_are_as_asked_for() {
        let options = MixingOptions { word: 0.6, text: 0.5, ..options() };
        let mixer = mixer(&options, &WORDS, None);
        let (mut texts, mut words) = (0, 0);
        for seed in 0..2000 {
            let mixed = mixer.mix_text(&"sky ".repeat(20), None, &mut random(seed));
            let own = mixed.matches("Himmel").count();
            words += own;
            texts += usize::from(own > 0);
        }
        assert!((texts as f64 / 2000.0 - 0.5).abs() < 0.03, "{texts}");
        assert!((words as f64 / (texts * 20) as f64 - 0.6).abs() < 0.02, "{words}");
    }

    #[test]
    fn languages_and_translations_are_drawn_alike() {
        let dictionary = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter().map(|(word, other)| ((*word).to_owned(), (*other).to_owned()));
            Arc::new(Dictionary::new(String::new(), String::new(), pairs))
        };
        let both = vec![
            ("de".to_owned(), dictionary(&[("sky", "Himmel")])),
            ("fr".to_owned(), dictionary(&[("sky", "ciel"), ("sky", "cieux")])),
        ];
        let mixer = Mixer::new(&options(), both, None);
        let mixed = mixer.mix_text(&"sky ".repeat(4000), None, &mut random(3));
        let count = |word: &str| mixed.matches(word).count() as f64 / 4000.0;
        assert!((count("Himmel") - 0.5).abs() < 0.03 && (count("cieux") - 0.25).abs() < 0.03);
        assert_eq!(mixer.translations(["sky sky", "sea"].into_iter()).len(), 3);
    }

    #[test]
    fn texts_of_other_languages_stay() {
        let options = MixingOptions { source_language: Some(At::unwritten("en".into())), ..options() };
        let mixer = mixer(&options, &WORDS, None);
        let of = |language| mixer.mix_text("sky", language, &mut random(1));
        assert_eq!([of(Some("es")), of(Some("en")), of(None)], ["sky", "Himmel", "Himmel"]);
    }
}
