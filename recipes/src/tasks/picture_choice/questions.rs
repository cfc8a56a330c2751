//! Pictures with descriptions, as they are selected and scored.

use std::collections::HashMap;

use alambic_data::{Picture, PictureChoice, PictureChoiceDetails, Split};
use alambic_inference::{ChoiceAnswer, DescribedImage, PictureChoicePipeline};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Prediction, PredictionKind, TaskDescription};
use alambic_settings::At;

use super::options::{PictureChoiceData, PictureChoicesData};
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::images::store::ImageStore;

/// Questions whose pictures are in memory together where models are evaluated, and which ranks take in turns.
const MAX_IN_MEMORY: usize = 128;

/// A question with its picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct DescribedPicture<'c> {
    pub(super) question: &'c PictureChoice,
    pub(super) picture: &'c Picture,
    /// Whether its answer is known to a training.
    pub(super) is_labelled: bool,
}

impl DescribedPicture<'_> {
    /// The descriptions.
    pub(super) fn descriptions(&self) -> Vec<&str> {
        self.question.descriptions.iter().map(String::as_str).collect()
    }

    /// The right choice.
    pub(super) fn reference(&self) -> Prediction {
        Prediction::Choice(self.question.answer)
    }
}

/// The questions of a split of corpora.
pub(super) fn of_split<'c>(
    corpora: &'c Corpora,
    names: &[At<String>],
    split: Split,
    keep: impl Fn(&PictureChoice, &PictureChoiceDetails) -> Option<bool>,
) -> Result<Vec<DescribedPicture<'c>>, RunError> {
    let mut questions = Vec::new();
    for corpus in corpora.datasets::<PictureChoice>(names)? {
        questions.extend(corpus.splits.get(split).iter().filter_map(|question| {
            let is_labelled = keep(question, &corpus.details)?;
            Some(DescribedPicture {
                question,
                picture: corpus.details.pictures.get(question.picture)?,
                is_labelled,
            })
        }));
    }
    Ok(questions)
}

impl PictureChoiceData {
    /// The questions of a split that a stage's data ask for. Those of the validation split have their answers.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<DescribedPicture<'c>>, RunError> {
        of_split(corpora, &self.data, split, |question, details| {
            let labelled = if split == Split::Train { self.labelled } else { 1.0 };
            let is_selected = question.is_in_subsample(details, self.fraction);
            let is_labelled = question.is_in_subsample(details, self.fraction * labelled);
            is_selected.then_some(is_labelled)
        })
    }
}

impl PictureChoicesData {
    /// The questions of a split, those of all tables one after another.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<DescribedPicture<'c>>, RunError> {
        let own = self.picture_choices.iter().map(|options| options.selected(corpora, split));
        Ok(own.collect::<Result<Vec<_>, RunError>>()?.concat())
    }
}

/// What such a task predicts: the place of a description.
pub(super) fn description() -> TaskDescription<'static> {
    TaskDescription::from(PredictionKind::Choice)
}

/// The choice that scores stand for.
pub(super) fn prediction(scores: &[f32]) -> Prediction {
    ChoiceAnswer::of_scores(scores.to_vec())
        .map_or(Prediction::Nothing, |answer| Prediction::Choice(answer.choice))
}

/// The scores of a model for the descriptions of each picture.
pub(super) fn scores(
    pipeline: &PictureChoicePipeline,
    questions: &[DescribedPicture<'_>],
) -> Result<Vec<Vec<f32>>, RunError> {
    let mut store = ImageStore::new(pipeline.image_processor().clone());
    let placed = questions.iter().map(|own| Ok((*own, store.add(own.picture)?)));
    let placed = placed.collect::<Result<Vec<_>, RunError>>()?;
    scores_of(pipeline, &store, &placed)
}

/// The same, the picture of each question given by its place in a store. Only so many pictures are in memory at a time.
pub(super) fn scores_of(
    pipeline: &PictureChoicePipeline,
    store: &ImageStore<'_>,
    questions: &[(DescribedPicture<'_>, usize)],
) -> Result<Vec<Vec<f32>>, RunError> {
    let scores = in_turns(questions.chunks(MAX_IN_MEMORY), |some| {
        let processed =
            store.processed_images(&some.iter().map(|(_, place)| *place).collect::<Vec<_>>(), None)?;
        let inputs: Vec<DescribedImage<'_>> = some
            .iter()
            .zip(&processed)
            .map(|((own, _), image)| (image.as_ref(), own.descriptions()))
            .collect();
        Ok::<_, RunError>(pipeline.scores(&inputs)?)
    })?;
    Ok(scores.concat())
}

/// The words of a text, by which choices are made without the picture.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
    let mut words: Vec<String> = words.map(str::to_lowercase).collect();
    words.sort();
    words.dedup();
    words
}

/// Choices by the descriptions alone: that whose words were, in the questions seen, oftener in the true description than in others.
/// Each word adds the logarithm of its odds, one being added to both counts; of equal ones the first is chosen.
pub(super) fn without_picture(
    seen: &[DescribedPicture<'_>],
    asked: &[DescribedPicture<'_>],
) -> Vec<Prediction> {
    let mut counts: HashMap<String, [f64; 2]> = HashMap::new();
    for own in seen {
        let others = (own.question.descriptions.len().max(2) - 1) as f64;
        for (place, text) in own.question.descriptions.iter().enumerate() {
            let is_true = place == own.question.answer;
            for word in words(text) {
                let counts = counts.entry(word).or_default();
                counts[usize::from(!is_true)] += if is_true { 1.0 } else { 1.0 / others };
            }
        }
    }
    let odds = |word: &String| {
        let [right, wrong] = counts.get(word).copied().unwrap_or_default();
        ((right + 1.0) / (wrong + 1.0)).ln()
    };
    let score = |text: &String| words(text).iter().map(odds).sum::<f64>() as f32;
    let choose = |own: &DescribedPicture<'_>| {
        prediction(&own.question.descriptions.iter().map(score).collect::<Vec<f32>>())
    };
    asked.iter().map(choose).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(descriptions: &[&str], answer: usize) -> PictureChoice {
        let descriptions = descriptions.iter().map(|text| (*text).to_owned()).collect();
        PictureChoice { picture: 0, descriptions, answer, kind: None }
    }

    #[test]
    fn choices_without_the_picture_go_by_words_that_were_oftener_true() {
        let picture = Picture::without_pixels("one".into());
        let questions = [
            question(&["a red fox", "a blue hat"], 0),
            question(&["a blue cup", "a red cup"], 1),
            question(&["A RED: hat", "a blue fox"], 0),
        ];
        let described = |question| DescribedPicture { question, picture: &picture, is_labelled: true };
        let seen: Vec<_> = questions.iter().map(described).collect();
        let asked =
            [question(&["blue", "Red!"], 0), question(&["new", "word"], 1), question(&["", "blue"], 1)];
        let found = without_picture(&seen, &asked.iter().map(described).collect::<Vec<_>>());
        assert_eq!(found, [Prediction::Choice(1), Prediction::Choice(0), Prediction::Choice(0)]);
        assert_eq!(without_picture(&[], &seen[..1]), [Prediction::Choice(0)]);
    }
}
