//! Questions with their images, as they are selected and answered.

use alambic_data::questions::best;
use alambic_data::{Question, Split, is_chosen};
use alambic_reports::metrics::{Metric, Prediction, PredictionKind, find};
use alambic_students::{Answerer, Sighted};

use super::options::QuestionData;
use crate::corpora::Corpora;
use crate::corpora::images::QuestionExample;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::options::evaluation::EvaluationOptions;
use crate::evaluation::metrics::evaluation_metrics;
use crate::subsample::subsample;
use crate::training::job::Job;

/// The metric of answers that have scores.
const OF_SCORES: &str = "vqa-accuracy";

/// Questions whose images are in memory together where models are evaluated.
const MAX_IN_MEMORY: usize = 512;

impl QuestionData {
    /// The questions of a split that a stage's data ask for.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<QuestionExample<'c>>, RunError> {
        let mut questions = corpora.questions(&self.data, split, self.languages())?;
        questions.retain(|example| is_chosen(example.picture, self.fraction));
        Ok(questions)
    }
}

/// The logits of a model over questions, the image of each given by its place. Only so many images are in memory at a time.
pub(super) fn answer_all(
    answerer: &Answerer,
    store: &ImageStore<'_>,
    questions: &[(&str, usize)],
) -> Result<Vec<Vec<f32>>, RunError> {
    let mut all = Vec::with_capacity(questions.len());
    for some in questions.chunks(MAX_IN_MEMORY) {
        let sights = store.sights(&some.iter().map(|(_, place)| *place).collect::<Vec<_>>())?;
        let sighted: Vec<Sighted<'_>> =
            some.iter().zip(&sights).map(|((text, _), sight)| (*text, sight.as_ref())).collect();
        all.extend(answerer.logits(&sighted)?);
    }
    Ok(all)
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

/// What is right of a question: its answer where there is just one, else all known answers with their scores.
pub(super) fn reference(question: &Question, names: &[String]) -> Prediction {
    let name = |answer: u32| names.get(answer as usize).cloned();
    let known = |&(answer, score): &(u32, f32)| Some((name(answer)?, score));
    Prediction::Scores(question.answers.iter().filter_map(known).collect())
}

/// The best answer of a question in words; empty where none is known.
pub(super) fn best_answer(question: &Question, names: &[String]) -> String {
    best(&question.answers).and_then(|answer| names.get(answer as usize).cloned()).unwrap_or_default()
}

/// Whether questions have several answers, or answers that are right in part.
fn has_scores(references: &[Prediction]) -> bool {
    let is_scored = |reference: &Prediction| match reference {
        Prediction::Scores(scores) => !matches!(scores[..], [] | [(_, 1.0)]),
        _ => false,
    };
    references.iter().any(is_scored)
}

/// The metrics of answers to questions with these references, the one by which models are compared first: those that the
/// recipe names, or the usual ones, of which that of scores is left out where each question has one right answer.
pub(super) fn metrics(
    options: &EvaluationOptions,
    references: &[Prediction],
) -> Result<Vec<&'static Metric>, RunError> {
    let mut metrics = evaluation_metrics(options, PredictionKind::Answer, &[])?;
    if !has_scores(references) && !options.metrics.iter().any(|name| name.value == OF_SCORES) {
        metrics.retain(|metric| metric.name != OF_SCORES);
    }
    Ok(metrics)
}

/// The metric by which checkpoints are chosen, of answers to questions with these references.
pub(super) fn metric(job: &Job<'_>, references: &[Prediction]) -> Result<&'static Metric, RunError> {
    match &job.train.metric_for_best_model {
        None if !has_scores(references) => Ok(find("accuracy")?),
        _ => job.metric(PredictionKind::Answer, &[]),
    }
}
