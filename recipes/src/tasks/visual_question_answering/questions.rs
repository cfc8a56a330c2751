//! Questions with their images, as they are selected and answered.

use alambic_data::questions::best;
use alambic_data::{Question, Split, is_in_subsample};
use alambic_inference::{QuestionInput, VisualQuestionAnsweringPipeline};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Prediction, PredictionKind, TaskDescription};

use super::options::QuestionData;
use crate::corpora::Corpora;
use crate::corpora::images::QuestionExample;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::subsample::subsample;

/// Questions whose images are in memory together where models are evaluated, and which ranks take in turns.
const MAX_IN_MEMORY: usize = 128;

impl QuestionData {
    /// The questions of a split that a stage's data ask for.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<QuestionExample<'c>>, RunError> {
        let mut questions = corpora.questions(&self.data, split, self.languages())?;
        questions.retain(|example| is_in_subsample(example.picture, self.fraction));
        Ok(questions)
    }
}

/// The logits of a model over questions, the image of each given by its place. Only so many images are in memory at a time.
pub(crate) fn answer_all(
    pipeline: &VisualQuestionAnsweringPipeline,
    store: &ImageStore<'_>,
    questions: &[(&str, usize)],
) -> Result<Vec<Vec<f32>>, RunError> {
    let logits = in_turns(questions.chunks(MAX_IN_MEMORY), |some| {
        let processed =
            store.processed_images(&some.iter().map(|(_, place)| *place).collect::<Vec<_>>(), None)?;
        let inputs: Vec<QuestionInput<'_>> =
            some.iter().zip(&processed).map(|((text, _), image)| (*text, image.as_ref())).collect();
        Ok::<_, RunError>(pipeline.logits(&inputs)?)
    })?;
    Ok(logits.concat())
}

/// Keeps at most `max` of some questions, of each language the same ones where all are asked in all.
pub(super) fn subsample_languages(questions: &mut Vec<QuestionExample<'_>>, max: usize) {
    let languages = questions.iter().map(|example| example.language).max().map_or(1, |last| last + 1);
    let mut kept = Vec::with_capacity(questions.len().min(max));
    for language in 0..languages {
        let mut own: Vec<QuestionExample<'_>> =
            questions.iter().filter(|example| example.language == language).copied().collect();
        subsample(&mut own, max / languages);
        kept.append(&mut own);
    }
    *questions = kept;
}

/// The known answers of a question with their scores.
pub(super) fn reference(question: &Question, names: &[String]) -> Prediction {
    let known = |&(answer, score): &(u32, f32)| Some((names.get(answer as usize)?.as_str(), score));
    Prediction::scores(question.answers.iter().filter_map(known))
}

/// The best answer of a question in words; empty where none is known.
pub(super) fn best_answer(question: &Question, names: &[String]) -> String {
    best(&question.answers).and_then(|answer| names.get(answer as usize).cloned()).unwrap_or_default()
}

/// Kind of predictions for questions with these references.
pub(super) fn description(references: &[Prediction]) -> TaskDescription<'static> {
    TaskDescription::from(PredictionKind::Class)
        .with_references(PredictionKind::Scores)
        .graded(references.iter().any(Prediction::is_graded))
}
