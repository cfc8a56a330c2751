//! Texts about images, and what they are.

use alambic_data::questions::best;
use alambic_data::{Caption, Picture, Question, Split, is_in_subsample};
use alambic_settings::At;
use indexmap::IndexSet;

use super::options::{RegionTextData, RegionTextsData};
use crate::corpora::Corpora;
use crate::corpora::images::captions;
use crate::error::RunError;

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// True of its image.
    Caption,
    /// True of its image, or not.
    Statement(bool),
    /// Asks about its image, with its answer among those of the data if it is known.
    Question(Option<u32>),
}

/// A text about an image.
pub(super) struct RegionTextExample<'c> {
    pub(super) text: &'c str,
    pub(super) kind: TextKind,
    pub(super) picture: &'c Picture,
}

impl RegionTextsData {
    /// The answers to the questions of all corpora, each once; statements have none of their own.
    pub(super) fn answers(&self, corpora: &Corpora) -> Result<Vec<String>, RunError> {
        let mut answers: IndexSet<&String> = IndexSet::new();
        for options in self.region_texts.iter().filter(|options| options.questions) {
            for corpus in corpora.datasets::<Question>(&options.data)? {
                let is_asked = !corpus.details.are_statements() && corpus.splits.iter().next().is_some();
                answers.extend(corpus.details.answers.iter().filter(|_| is_asked));
            }
        }
        Ok(answers.into_iter().cloned().collect())
    }

    /// Whether false statements show what does not belong to an image.
    pub(super) fn has_false_statements(&self, corpora: &Corpora) -> Result<bool, RunError> {
        for options in self.region_texts.iter().filter(|options| options.questions && options.false_for_image)
        {
            let datasets = corpora.datasets::<Question>(&options.data)?;
            if datasets.iter().any(|corpus| corpus.details.are_statements()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The corpora of questions that are no statements.
    pub(super) fn asked<'s>(&'s self, corpora: &'s Corpora) -> impl Iterator<Item = &'s At<String>> {
        let is_asked = |name: &&At<String>| {
            corpora.dataset::<Question>(name).is_ok_and(|corpus| !corpus.details.are_statements())
        };
        self.region_texts.iter().filter(|own| own.questions).flat_map(|own| &own.data).filter(is_asked)
    }
}

impl RegionTextData {
    /// The examples of one split; `answers` are those of all data.
    pub(super) fn examples<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
        answers: &[String],
    ) -> Result<Vec<RegionTextExample<'c>>, RunError> {
        let mut examples = Vec::new();
        if self.captions {
            for picture in corpora.pictures(&self.data, split)? {
                let caption = |own: &'c Caption| RegionTextExample {
                    text: &own.text,
                    kind: TextKind::Caption,
                    picture,
                };
                examples.extend(captions(picture, &self.languages).map(caption));
            }
        }
        if self.questions {
            for corpus in corpora.datasets::<Question>(&self.data)? {
                let details = &corpus.details;
                let own_answers: Vec<Option<u32>> = details
                    .answers
                    .iter()
                    .map(|own| answers.iter().position(|answer| answer == own).map(|place| place as u32))
                    .collect();
                let kind = |question: &Question| {
                    let best = best(&question.answers);
                    if details.are_statements() {
                        // One whose label is not known says nothing of its image.
                        let holds = best? == 1;
                        return (holds || self.false_for_image).then_some(TextKind::Statement(holds));
                    }
                    let answer = best.and_then(|own| own_answers.get(own as usize).copied().flatten());
                    Some(TextKind::Question(answer))
                };
                examples.extend(corpus.splits.get(split).iter().filter_map(|question| {
                    let picture = &details.images[question.image];
                    Some(RegionTextExample { text: &question.text, kind: kind(question)?, picture })
                }));
            }
        }
        examples.retain(|example| is_in_subsample(example.picture, self.fraction));
        Ok(examples)
    }
}
