//! Questions about images that are answered.

pub(crate) mod exam;
pub(crate) mod gallery;
pub(crate) mod image_texts;
pub(crate) mod showing;
mod timings;

use std::sync::Arc;

use alambic_data::questions::best;
use alambic_data::{Split, is_chosen};
use alambic_losses::{Targets, Term};
use alambic_models::{Config, Pass, Tokenizer, Wanted, architecture};
use alambic_reports::metrics::{Metric, find, score_all};
use alambic_students::{Answerer, Eyes, Sighted};

use alambic_tensor::Streams;
use rand::seq::index::sample;

use self::gallery::Gallery;
use self::showing::{Beside, Onlooker, Showing};
use super::RunError;
use super::corpora::Shown;
use super::exam::{measured_by, typed};
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::stage::Job;
use super::texts::taps;
use super::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// What answers are measured by where a recipe does not say it, the most important first: where each question has one
/// right answer, and where answers have scores.
const METRICS: [&str; 2] = ["accuracy", "accuracy-of-majority"];
pub(crate) const METRICS_OF_SCORES: [&str; 3] = [SCORED, "accuracy", "accuracy-of-majority"];

/// Questions whose images are in memory together where models are judged.
const SHOWN: usize = 512;

/// The metric that holds an answer against the scores of all known ones.
const SCORED: &str = "vqa-accuracy";

/// Questions, the images that they are about, and the student and the teacher that answer them.
pub(crate) struct QuestionLesson<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    /// Most tokens of a question, with what is read beside it.
    longest: usize,
    /// Right answers of each example, with their scores; none where only the teacher answers.
    answers: Vec<Option<&'a [(u32, f32)]>>,
    own: Showing<'a>,
    validation: Gallery<'a>,
    /// Questions of the validation part, the image of each by its place, and what its answer is held against.
    validated: Vec<(String, usize, String)>,
    /// How many answers there are.
    classes: usize,
    /// For the patches that are read where an image has too many.
    streams: Streams,
    taps: Vec<String>,
    /// None where no loss looks at it.
    teacher: Option<Onlooker<'a>>,
    metric: &'static Metric,
    material: Material,
}

impl<'a> QuestionLesson<'a> {
    /// Takes the questions of a training and encodes them, and prepares their images for student and teacher.
    pub(crate) fn new(
        workshop: &'a Workshop<'_>,
        job: &Job<'a>,
        config: &'a Config,
        terms: &[Term],
    ) -> Result<Self, RunError> {
        let eyes = Eyes::with_detector(config, job.detector.as_deref())?;
        let asked = job.data.questions.iter().map(|options| options.longest).max().unwrap_or_default();
        let longest = asked.min(config.longest());
        let names = config.outline().labels;
        let (mut questions, mut answers, mut to_validate) = (Vec::new(), Vec::new(), Vec::new());
        for options in job.data.questions.iter() {
            for shown in workshop.corpora.selected_questions(options, Split::Train)? {
                let told = is_chosen(shown.picture, options.fraction * options.labelled);
                answers.push(told.then_some(shown.question.answers.as_slice()));
                questions.push(shown);
            }
            to_validate.extend(workshop.corpora.selected_questions(options, Split::Validation)?);
        }
        thin_alike(&mut to_validate, job.train.validation_examples);
        let told: Vec<_> = questions.iter().map(|shown| (shown.text, shown.picture)).collect();
        let own = Showing::new(&told, eyes.clone(), &job.tokenizer.truncating(longest)?, config.padding())?;
        let (taps, teachers) = taps(terms);
        let taught: Vec<_> = questions.iter().map(|shown| (shown.taught, shown.picture)).collect();
        let beside = Beside { eyes: &eyes, same_texts: job.data.shares_vocabulary() };
        let teacher = Onlooker::new(job.teacher, teachers, &taught, &beside, asked)?;
        let mut validation = Gallery::new(eyes);
        let metric = find(metrics(&workshop.recipe.evaluation, &to_validate)[0])?;
        let validated = to_validate
            .into_iter()
            .map(|Shown { question, picture, text, .. }| {
                let reference = if metric.name == SCORED { scores } else { reference };
                let answer = reference(&question.answers, &names);
                Ok((text.to_owned(), validation.hang(picture)?, answer))
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let material = Material {
            examples: questions.len(),
            labelled: answers.iter().flatten().count(),
            truncated: own.tokens().iter().filter(|tokens| tokens.truncated).count(),
            validation: validated.len(),
            ..Material::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            longest,
            answers,
            own,
            validation,
            validated,
            classes: names.len(),
            streams: Streams::new(job.seed),
            teacher,
            taps,
            metric,
            material,
        })
    }

    /// What is right, of each question: the best answer, and the score of every answer.
    fn targets(&self, rows: &[usize]) -> Targets {
        let mut scores = vec![0.0; rows.len() * self.classes];
        for (row, &index) in rows.iter().enumerate() {
            for &(answer, score) in self.answers[index].unwrap_or_default() {
                scores[row * self.classes + answer as usize] = score;
            }
        }
        let known = |index: usize| self.answers[index].unwrap_or_default();
        let best = |&index: &usize| best(known(index)).unwrap_or_default();
        let is = |yes: bool| f32::from(u8::from(yes));
        let answered = |&index: &usize| is(!known(index).is_empty());
        let told = |&index: &usize| is(self.answers[index].is_some());
        let all_told = rows.iter().all(|&index| self.answers[index].is_some());
        Targets {
            classes: Arc::new(rows.iter().map(best).collect()),
            labelled: Arc::new(rows.iter().map(answered).collect()),
            teacher_mask: Arc::new(vec![1.0; rows.len()]),
            scores: Arc::new(scores),
            scored: Arc::new(if all_told { Vec::new() } else { rows.iter().map(told).collect() }),
            ..Targets::default()
        }
    }
}

impl Lesson for QuestionLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.own.tokens().iter().map(|tokens| (tokens.ids.len(), 0)).collect()
    }

    fn is_told(&self, rows: &[usize]) -> bool {
        self.material.labelled == 0 || rows.iter().any(|&index| self.answers[index].is_some())
    }

    fn passes(&self, rows: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        let first = rows.first().copied().unwrap_or_default();
        let mut random = self.streams.patches(epoch, first as u64);
        let mut pick = |count: usize, most: usize| {
            let mut picked = sample(&mut random, count, most).into_vec();
            picked.sort_unstable();
            picked
        };
        let batch = self.own.batch(rows, &mut pick)?;
        let network = architecture::over(self.config, study.weights)?;
        let wanted = Wanted::named(self.taps.iter().cloned());
        let student = network.read(&batch, Pass::Train(study.dropout), wanted)?;
        let teacher = self.teacher.as_ref().map(|teacher| teacher.trace(rows, &batch, &mut pick));
        let teacher = teacher.transpose()?;
        Ok(Passes { student, teacher, targets: self.targets(rows) })
    }

    fn measure(&self) -> Measure {
        self.metric.into()
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let network = architecture::over(self.config, study.weights)?;
        let eyes = self.validation.eyes().clone();
        let answerer = Answerer::new(self.config, network.into(), eyes, self.tokenizer, self.longest)?;
        let asked: Vec<(&str, usize)> =
            self.validated.iter().map(|(text, place, _)| (text.as_str(), *place)).collect();
        let logits = ask(&answerer, &self.validation, &asked)?;
        let answers: Vec<String> = logits.iter().map(|logits| answerer.answer(logits)).collect();
        let references: Vec<String> = self.validated.iter().map(|(.., answer)| answer.clone()).collect();
        let scores = score_all(
            &[self.metric.name],
            &typed(self.metric, &answers, false),
            &typed(self.metric, &references, true),
            0,
        )?;
        let value = scores.values().next().and_then(alambic_reports::metrics::Scores::value);
        value.ok_or_else(|| {
            RunError::Recipe(format!("`{}` has no value over the validation part", self.metric.name))
        })
    }
}

/// The logits of a model over questions, the image of each given by its place. Only so many images are in memory at a time.
fn ask(
    answerer: &Answerer,
    gallery: &Gallery<'_>,
    questions: &[(&str, usize)],
) -> Result<Vec<Vec<f32>>, RunError> {
    let mut all = Vec::with_capacity(questions.len());
    for some in questions.chunks(SHOWN) {
        let sights = gallery.sights(&some.iter().map(|(_, place)| *place).collect::<Vec<_>>())?;
        let sighted: Vec<Sighted<'_>> =
            some.iter().zip(&sights).map(|((text, _), sight)| (*text, sight.as_ref())).collect();
        all.extend(answerer.logits(&sighted)?);
    }
    Ok(all)
}

/// Keeps at most `most` of some questions, of each language the same ones where all are asked in all.
fn thin_alike(questions: &mut Vec<Shown<'_>>, most: usize) {
    let languages = questions.iter().map(|shown| shown.language).max().map_or(1, |last| last + 1);
    let mut kept = Vec::with_capacity(questions.len().min(most));
    for language in 0..languages {
        let mut own: Vec<Shown<'_>> =
            questions.iter().filter(|shown| shown.language == language).copied().collect();
        thin(&mut own, most / languages);
        kept.append(&mut own);
    }
    *questions = kept;
}

/// The best answer in words.
fn reference(answers: &[(u32, f32)], names: &[String]) -> String {
    best(answers).and_then(|answer| names.get(answer as usize).cloned()).unwrap_or_default()
}

/// All known answers in words, with their scores.
fn scores(answers: &[(u32, f32)], names: &[String]) -> String {
    let known = |&(answer, score): &(u32, f32)| Some((names.get(answer as usize)?.as_str(), score));
    let lines: Vec<String> =
        answers.iter().filter_map(known).map(|(answer, score)| format!("{score} {answer}")).collect();
    lines.join("\n")
}

/// What answers to questions are measured by, the most important first.
fn metrics<'o>(options: &'o EvaluationOptions, questions: &[Shown<'_>]) -> Vec<&'o str> {
    let one = |shown: &Shown<'_>| matches!(shown.question.answers[..], [] | [(_, 1.0)]);
    let usual = if questions.iter().all(one) { &METRICS[..] } else { &METRICS_OF_SCORES };
    measured_by(options, &METRICS_OF_SCORES, usual)
}
