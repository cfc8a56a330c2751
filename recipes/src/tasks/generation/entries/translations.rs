//! Examples of texts that are translated: captions of an image, or parallel sentences.

use alambic_data::direction::{self, DirectionError};
use alambic_data::parallel::Translation;
use alambic_data::{Content, Direction, Question, Split, hide_colours, is_in_subsample};
use alambic_settings::At;

use super::examples::{AboutImage, Version};
use super::options::GenerationEntry;
use crate::corpora::Corpora;
use crate::error::RunError;

impl GenerationEntry {
    /// The directions in which texts of some languages are translated. Source and target differ: from a language into itself a model
    /// learns to copy.
    pub(super) fn text_directions(&self, known: &[String]) -> Result<Vec<Direction>, DirectionError> {
        if !self.directions.is_empty() {
            let patterns: Vec<&str> = self.directions.iter().map(|own| own.as_str()).collect();
            return direction::parse(&patterns, known);
        }
        let named: Vec<String> = self.languages.iter().map(|code| code.value.clone()).collect();
        let languages = if named.is_empty() { known } else { named.as_slice() };
        let from_each = languages.iter().flat_map(|source| {
            let others = languages.iter().filter(move |target| *target != source);
            others.map(|target| Direction { source: source.clone(), target: target.clone() })
        });
        Ok(from_each.collect())
    }

    /// Texts of a share of some corpora, each in every direction in which it is known. Each caption of an image is an example in
    /// training, and the first one in evaluation.
    pub(super) fn translations<'c>(
        &'c self,
        names: &'c [At<String>],
        corpora: &'c Corpora,
        split: Split,
        fraction: f64,
    ) -> Result<Vec<AboutImage<'c>>, RunError> {
        let mut examples = Vec::new();
        for name in names {
            let content = corpora.get(name)?;
            let directions = self.text_directions(content.languages())?;
            if let Content::Parallel(corpus) = content {
                let languages = &corpus.details.languages;
                let sentences = corpus.splits.get(split).iter();
                for sentence in sentences.filter(|own| is_in_share(own, languages, fraction)) {
                    let text = |code: &str| sentence.texts.get(code).map(String::as_str);
                    examples.push(AboutImage { picture: None, versions: self.versions(&directions, text) });
                }
                continue;
            }
            let own = corpora.dataset::<Question>(name)?.details.languages.first().map(String::as_str);
            for picture in corpora.captioned(std::slice::from_ref(name), split, &[])? {
                if !is_in_subsample(picture, fraction) {
                    continue;
                }
                let captions = picture.captions.iter().map(|caption| {
                    let text = |code: &str| caption.in_language(Some(code), own);
                    AboutImage { picture: Some(picture), versions: self.versions(&directions, text) }
                });
                let known = captions.filter(|example| !example.versions.is_empty());
                examples.extend(known.take(if split == Split::Test { 1 } else { usize::MAX }));
            }
        }
        Ok(examples)
    }

    /// A text in every direction of which both sides are known.
    fn versions<'c>(
        &self,
        directions: &[Direction],
        text: impl Fn(&str) -> Option<&'c str>,
    ) -> Vec<Version<'c>> {
        let version = |direction: &Direction| {
            let (source, target) = (text(&direction.source)?, text(&direction.target)?);
            let hidden = self.hide.as_ref().and_then(|_| hide_colours(source, &direction.source));
            Some(Version {
                language: None,
                direction: Some(direction.clone()),
                prompt: self.prompt(hidden.as_deref().unwrap_or(source), Some(&direction.target)),
                targets: vec![target],
                in_other_languages: Vec::new(),
            })
        };
        directions.iter().filter_map(version).collect()
    }
}

/// Whether a sentence is in a share of all.
pub(super) fn is_in_share(sentence: &Translation, languages: &[String], fraction: f64) -> bool {
    let first = languages.iter().find(|code| sentence.texts.contains_key(*code));
    sentence.is_in_subsample(first.map_or("", String::as_str), fraction)
}
