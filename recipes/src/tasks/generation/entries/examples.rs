//! Examples of entries: an image, and what is read and written about it in each language.

use alambic_data::questions::best;
use alambic_data::{Direction, Picture, Question, QuestionDetails, Split, is_in_subsample};

use alambic_settings::At;

use super::options::{GenerationEntry, Written};
use crate::corpora::Corpora;
use crate::error::RunError;

/// An example in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version<'c> {
    /// Code of the language; none where it is not known, or a text is translated.
    pub(super) language: Option<&'c str>,
    /// The languages of a text that is translated, and of what is written.
    pub(super) direction: Option<Direction>,
    /// The question, the text or nothing, as the prompt has it.
    pub(super) prompt: String,
    /// What is right; of an image in evaluation each of its captions. None where the teacher is to write it.
    pub(super) targets: Vec<&'c str>,
    /// What would be right in the other languages of the corpus, in evaluation.
    pub(super) in_other_languages: Vec<&'c str>,
}

/// What is read and written about an image, or of a text alone.
#[derive(Debug)]
pub(super) struct AboutImage<'c> {
    /// None of parallel sentences.
    pub(super) picture: Option<&'c Picture>,
    /// In each language in which it is known.
    pub(super) versions: Vec<Version<'c>>,
}

impl GenerationEntry {
    /// The languages of a corpus in which is asked and written, its own first where none is named; `None` stands for one that is not
    /// known.
    fn languages_of<'c>(&'c self, details: &'c QuestionDetails) -> Vec<Option<&'c str>> {
        if self.languages.is_empty() {
            return vec![details.languages.first().map(String::as_str)];
        }
        self.languages.iter().map(|code| Some(code.as_str())).collect()
    }

    /// The examples of a split, without the labels that are not trained on. Where captions are written, each is an example in training,
    /// and one of several right ones in evaluation.
    pub(super) fn examples<'c>(
        &'c self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<AboutImage<'c>>, RunError> {
        if self.writes == Written::Text {
            return self.translations(&self.data, corpora, split, self.fraction);
        }
        let mut examples = self.labelled_examples(corpora, split)?;
        examples.retain(|own| own.picture.is_none_or(|picture| is_in_subsample(picture, self.fraction)));
        Ok(examples)
    }

    /// The same of all images, without the entry's share.
    pub(super) fn labelled_examples<'c>(
        &'c self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<AboutImage<'c>>, RunError> {
        if self.writes == Written::Text {
            return self.translations(&self.data, corpora, split, 1.0);
        }
        self.collect(&self.data, corpora, split, &|picture, language| self.is_labelled(picture, language))
    }

    /// The same of other corpora, with all of their images and labels.
    pub(super) fn examples_of<'c>(
        &'c self,
        names: &'c [At<String>],
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<AboutImage<'c>>, RunError> {
        if self.writes == Written::Text {
            return self.translations(names, corpora, split, 1.0);
        }
        self.collect(names, corpora, split, &|_, _| true)
    }

    /// The same, with labels of images and languages as it is said. An example of which no label is known is left out, unless it is to
    /// have none.
    fn collect<'c>(
        &'c self,
        names: &'c [At<String>],
        corpora: &'c Corpora,
        split: Split,
        is_labelled: &dyn Fn(&Picture, Option<&str>) -> bool,
    ) -> Result<Vec<AboutImage<'c>>, RunError> {
        let mut examples = Vec::new();
        // Spans are left out of texts, and of no images: see `span_texts`.
        let names = if self.writes == Written::Spans { &[] } else { names };
        for name in names {
            let corpus = corpora.dataset::<Question>(name)?;
            let details = &corpus.details;
            let languages = self.languages_of(details);
            match self.writes {
                Written::Answer => {
                    for question in corpus.splits.get(split) {
                        let picture = &details.images[question.image];
                        let versions = languages.iter().filter_map(|language| {
                            let text = question.in_language(*language, &details.languages)?;
                            let written =
                                self.answer_language.as_ref().map(|code| code.as_str()).or(*language);
                            let targets = if is_labelled(picture, *language) {
                                vec![answer_in(details, best(&question.answers)?, written)?]
                            } else {
                                Vec::new()
                            };
                            let in_other_languages = others_of(details, written, split)
                                .filter_map(|code| answer_in(details, best(&question.answers)?, Some(code)));
                            Some(Version {
                                language: *language,
                                direction: None,
                                prompt: self.prompt(text, written),
                                targets,
                                in_other_languages: in_other_languages.collect(),
                            })
                        });
                        examples.push(AboutImage { picture: Some(picture), versions: versions.collect() });
                    }
                }
                Written::Caption => {
                    for picture in corpora.pictures(std::slice::from_ref(name), split)? {
                        let versions = languages.iter().filter_map(|language| {
                            let targets = if is_labelled(picture, *language) {
                                picture.captions_in(*language, &details.languages)?
                            } else {
                                Vec::new()
                            };
                            let in_other_languages = others_of(details, *language, split)
                                .filter_map(|code| picture.captions_in(Some(code), &details.languages));
                            Some(Version {
                                language: *language,
                                direction: None,
                                prompt: self.prompt("", *language),
                                targets,
                                in_other_languages: in_other_languages.flatten().collect(),
                            })
                        });
                        let versions: Vec<Version<'_>> = versions.collect();
                        if split == Split::Test {
                            examples.push(AboutImage { picture: Some(picture), versions });
                        } else {
                            examples.extend(one_by_one(picture, &versions));
                        }
                    }
                }
                Written::ImageTokens => {
                    for picture in corpora.pictures(std::slice::from_ref(name), split)? {
                        let captions = |language: Option<&'c str>| {
                            Some((language, picture.captions_in(language, &details.languages)?))
                        };
                        let captions: Vec<(Option<&str>, Vec<&str>)> =
                            languages.iter().copied().filter_map(captions).collect();
                        examples.extend(drawn(picture, &captions, split));
                    }
                }
                // Translations are examples of their own, and spans are left out of texts.
                Written::Text | Written::Spans => {}
            }
        }
        examples.retain(|example| !example.versions.is_empty());
        Ok(examples)
    }
}

/// The answer of an index in a language, if it is known in it. That of the corpus is its own.
fn answer_in<'c>(details: &'c QuestionDetails, answer: u32, language: Option<&str>) -> Option<&'c str> {
    let is_own = language.is_none_or(|code| details.languages.first().is_none_or(|own| own == code));
    details.answer_in(answer, language).or_else(|| {
        // A corpus that is asked in one language has no translations.
        if is_own { details.answer_in(answer, None) } else { None }
    })
}

/// The languages of a corpus other than the one that is written, its own where none is named; none outside the test split, where right
/// texts in the wrong language are counted.
fn others_of<'c>(
    details: &'c QuestionDetails,
    written: Option<&str>,
    split: Split,
) -> impl Iterator<Item = &'c str> {
    let own = written.or(details.languages.first().map(String::as_str)).map(str::to_owned);
    let languages = details.languages.iter().map(String::as_str);
    languages.filter(move |code| split == Split::Test && own.as_deref() != Some(code))
}

/// An example of each caption, in each language. An image without labels is one example.
fn one_by_one<'c>(
    picture: &'c Picture,
    versions: &[Version<'c>],
) -> impl Iterator<Item = AboutImage<'c>> + use<'c> {
    let count = versions.iter().map(|version| version.targets.len().max(1)).max().unwrap_or(0);
    let versions = versions.to_vec();
    (0..count).map(move |place| {
        let own = versions.iter().filter_map(|version| match version.targets.as_slice() {
            [] => Some(version.clone()),
            targets => Some(Version { targets: vec![*targets.get(place)?], ..version.clone() }),
        });
        AboutImage { picture: Some(picture), versions: own.collect() }
    })
}

/// The examples of an image that is drawn for its captions, of which each is one in training; in evaluation the first is read.
fn drawn<'c>(
    picture: &'c Picture,
    captions: &[(Option<&'c str>, Vec<&'c str>)],
    split: Split,
) -> Vec<AboutImage<'c>> {
    let count = captions.iter().map(|(_, captions)| captions.len()).max().unwrap_or(0);
    let read = if split == Split::Test { count.min(1) } else { count };
    let of_place = |place: usize| {
        let version = |(language, captions): &(Option<&'c str>, Vec<&'c str>)| {
            let prompt = (*captions.get(place)?).to_owned();
            Some(Version {
                language: *language,
                direction: None,
                prompt,
                targets: Vec::new(),
                in_other_languages: Vec::new(),
            })
        };
        AboutImage { picture: Some(picture), versions: captions.iter().filter_map(version).collect() }
    };
    (0..read).map(of_place).collect()
}
