//! A teacher's outputs over the texts of a training: asked for, cached, or computed at every step.

use alambic_data::Text;
use alambic_reports::numbers::thousands;
use alambic_teachers::{Answer, AnsweringTeacher, Asking};

use super::answers::{AnswerOutputs, AskedExample, answered};
use super::encoded::EncodedSplits;
use super::job::Job;
use super::taps::Taps;
use super::teacher_outputs::{Request, TeacherOutputs, open};
use crate::error::RunError;
use crate::observer::Observer;

/// The examples of a training for whose texts a teacher that is asked about them has an answer.
pub(crate) struct AnsweredSplits<T, V> {
    pub(crate) texts: Vec<T>,
    pub(crate) validation: Vec<V>,
    pub(crate) answers: Answers,
}

/// The answers for the texts of a training, one after another, and then for those of its validation.
pub(crate) struct Answers {
    answers: Vec<Answer>,
    summary: String,
}

impl<T: AskedExample, V: AskedExample> AnsweredSplits<T, V> {
    /// Asks a teacher about examples to train on, and to validate on.
    ///
    /// # Errors
    /// When it fails, or lacks answers that are not to be left out.
    pub(crate) fn ask(
        label: &str,
        teacher: &dyn AnsweringTeacher,
        (texts, validation): (Vec<T>, Vec<V>),
        asking: &Asking<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let of_training: usize = texts.iter().map(|own| own.texts().len()).sum();
        let count = of_training + validation.iter().map(|own| own.texts().len()).sum::<usize>();
        observer.task(&format!("{label}: {} answers", teacher.source()), count, 0);
        let mut done = 0;
        let mut progress = |count| {
            done += count;
            observer.progress(done);
        };
        let (texts, mut answers, _) = answered(teacher, texts, asking, &mut progress)?;
        let (validation, of_validation, _) = answered(teacher, validation, asking, &mut progress)?;
        answers.extend(of_validation);
        let (answered, count) = (thousands(answers.len() as u64), thousands(count as u64));
        let summary = match teacher.summary() {
            None => format!("answers for {answered} of {count} texts"),
            Some(summary) => format!("answers for {answered} of {count} texts; {summary}"),
        };
        observer.finished(&summary);
        Ok(Self { texts, validation, answers: Answers { answers, summary } })
    }
}

/// The outputs of a training's teacher over its texts, which are those of the splits in their order, and what the report says of
/// them; none where no loss reads any.
///
/// # Errors
/// When a teacher or its cache fails, or answers do not fit.
pub(crate) fn outputs_over<'a, 't>(
    job: &Job<'a>,
    taps: &Taps,
    splits: &EncodedSplits,
    texts: impl Iterator<Item = &'t Text>,
    answers: Option<Answers>,
    observer: &mut dyn Observer,
) -> Result<(Option<TeacherOutputs<'a>>, Option<String>), RunError> {
    let Some(teacher) = job.teacher.filter(|_| !taps.teacher.is_empty()) else { return Ok((None, None)) };
    if let (Some(answering), Some(Answers { answers, summary })) = (teacher.answering(), answers) {
        let tokens = splits.examples.first_tokens().chain(splits.validation.first_tokens());
        let answers = texts.zip(answers).zip(tokens).map(|((text, answer), tokens)| (text, answer, tokens));
        let classes = &job.config.outline().labels;
        let outputs = TeacherOutputs::Answered(AnswerOutputs::new(answering, answers, classes)?);
        return Ok((Some(outputs), Some(summary)));
    }
    let request = Request { stage: job.stage, taps: &taps.teacher, texts: splits.read_by_teacher() };
    let reads = job.cache.reads_per_text(splits.examples.count());
    let (outputs, cached) = open(job.cache, teacher, &request, reads, observer)?;
    Ok((Some(outputs), cached))
}
