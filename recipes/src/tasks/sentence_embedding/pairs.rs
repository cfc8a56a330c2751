//! Pairs of a sentence and its translation.

use alambic_data::Split;
use alambic_data::parallel::Translation;

use super::options::{ParallelData, SentencesData};
use crate::corpora::Corpora;
use crate::error::RunError;

/// A sentence and one of its translations.
#[derive(Debug, Clone, Copy)]
pub(super) struct BitextPair<'c> {
    pub(super) source: &'c str,
    pub(super) target: &'c str,
    /// The language of the translation.
    pub(super) language: &'c str,
}

impl<'c> BitextPair<'c> {
    /// Both texts, or the one that has no translation.
    pub(super) fn texts(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        std::iter::once(self.source).chain(self.translated().map(|(_, target)| target))
    }

    /// The text and its translation, where it has one.
    pub(super) fn translated(&self) -> Option<(&'c str, &'c str)> {
        (self.source != self.target).then_some((self.source, self.target))
    }

    /// The pairs that sentences hold.
    pub(super) fn of(sentences: Vec<&'c Translation>, source: &str, targets: &[&str]) -> Vec<Self> {
        let pairs = |sentence: &'c Translation| {
            let own = sentence.texts.get(source);
            let others = sentence.texts.iter().filter(|(language, _)| {
                *language != source && (targets.is_empty() || targets.contains(&language.as_str()))
            });
            own.into_iter()
                .flat_map(move |own| {
                    others.clone().map(move |(language, target)| Self { source: own, target, language })
                })
                .collect::<Vec<_>>()
        };
        sentences.into_iter().flat_map(pairs).collect()
    }
}

impl ParallelData {
    /// The pairs of one split. A text that has no translation is paired with itself.
    pub(super) fn pairs<'c>(
        &'c self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<BitextPair<'c>>, RunError> {
        let mut sentences = corpora.sentences(&self.data, split)?;
        if self.fraction < 1.0 {
            sentences.retain(|sentence| sentence.is_in_subsample(&self.source, self.fraction));
        }
        let targets: Vec<&str> = self.targets.iter().map(|target| target.value.as_str()).collect();
        let mut pairs = BitextPair::of(sentences, &self.source, &targets);
        if split == Split::Train {
            let alone = corpora.monolingual(&self.monolingual, &self.source)?;
            pairs.extend(alone.map(|text| BitextPair { source: text, target: text, language: &self.source }));
        }
        Ok(pairs)
    }
}

impl SentencesData {
    /// The pairs of one split, those of all tables one after another.
    pub(super) fn pairs<'c>(
        &'c self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<BitextPair<'c>>, RunError> {
        let mut all = Vec::new();
        for options in self.parallel.iter() {
            all.extend(options.pairs(corpora, split)?);
        }
        Ok(all)
    }
}
