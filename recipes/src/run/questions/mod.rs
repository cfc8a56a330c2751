//! Questions about images that are answered.

pub(crate) mod exam;
mod gallery;

use std::sync::Arc;

use alambic_data::Split;
use alambic_losses::{Targets, Term};
use alambic_models::architecture::{self, Batch, Image};
use alambic_models::bert::TextInput;
use alambic_models::{Config, EncodedText, Pass, Patches, Tokenizer, Wanted};
use alambic_reports::metrics::{Metric, find, score_all};
use alambic_students::{Answerer, Eyes, Sighted};
use alambic_teachers::Teacher;

use self::gallery::Gallery;
use super::RunError;
use super::corpora::Shown;
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::stage::Job;
use super::texts::taps;
use super::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// What answers are measured by where a recipe does not say it, the most important first.
const METRICS: [&str; 2] = ["accuracy", "accuracy-of-majority"];

/// Questions, the images that they are about, and the student and the teacher that answer them.
pub(crate) struct QuestionLesson<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    /// Most tokens of a question.
    longest: usize,
    examples: Vec<Example>,
    validation: Vec<Example>,
    gallery: Gallery,
    answers: Vec<String>,
    taps: (Vec<String>, Vec<String>),
    /// None where no loss looks at it.
    teacher: Option<&'a dyn Teacher>,
    metric: &'static Metric,
    material: Material,
}

/// A question in tokens.
struct Example {
    text: String,
    tokens: EncodedText,
    /// The image, by its place in the gallery.
    image: usize,
    /// Indices of right answers with their scores.
    answers: Vec<(u32, f32)>,
}

impl<'a> QuestionLesson<'a> {
    /// Takes the questions of a training and encodes them, and brings their images to the size in which they are read.
    pub(crate) fn new(
        workshop: &Workshop<'_>,
        job: &Job<'a>,
        config: &'a Config,
        terms: &[Term],
    ) -> Result<Self, RunError> {
        let eyes = Eyes::of(config)?;
        let asked = job.data.questions.iter().map(|options| options.longest).max().unwrap_or_default();
        let longest = asked.min(config.longest());
        let encoder = job.tokenizer.truncating(longest)?;
        let mut gallery = Gallery::new(eyes);
        let mut take = |part: Split, most: usize| -> Result<Vec<Example>, RunError> {
            let mut shown: Vec<Shown<'_>> = Vec::new();
            for options in job.data.questions.iter() {
                shown.extend(workshop.corpora.selected_questions(options, part)?);
            }
            thin(&mut shown, most);
            shown
                .into_iter()
                .map(|Shown { question, picture }| {
                    Ok(Example {
                        text: question.text.clone(),
                        tokens: encoder.encode_text(&question.text, None)?,
                        image: gallery.hang(picture)?,
                        answers: question.answers.clone(),
                    })
                })
                .collect()
        };
        let examples = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let taps = taps(terms);
        let material = Material {
            examples: examples.len(),
            labelled: examples.len(),
            truncated: examples.iter().filter(|example| example.tokens.truncated).count(),
            validation: validation.len(),
            ..Material::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            longest,
            examples,
            validation,
            gallery,
            answers: config.outline().labels,
            teacher: job.teacher.filter(|_| !taps.1.is_empty()),
            taps,
            metric: find(metrics(&workshop.recipe.evaluation)[0])?,
            material,
        })
    }

    /// What student and teacher are shown of these examples: the same tokens and the same patches.
    fn batch(&self, rows: &[&Example]) -> Result<Batch, RunError> {
        let texts: Vec<&EncodedText> = rows.iter().map(|row| &row.tokens).collect();
        let images: Vec<_> = rows.iter().map(|row| self.gallery.image(row.image)).collect();
        let patches = Patches::of(&Eyes::images(&images)?, self.gallery.eyes().patch())?;
        Ok(Batch {
            text: Some(TextInput::pad(&texts, self.config.padding())),
            image: Some(Image::Patches(patches)),
            ..Batch::default()
        })
    }

    /// What is right, of each question: the best answer, and the score of every answer.
    fn targets(&self, rows: &[&Example]) -> Targets {
        let mut scores = vec![0.0; rows.len() * self.answers.len()];
        for (row, example) in rows.iter().enumerate() {
            for &(answer, score) in &example.answers {
                scores[row * self.answers.len() + answer as usize] = score;
            }
        }
        let best = |row: &&Example| best(&row.answers).unwrap_or_default();
        let answered = |row: &&Example| f32::from(u8::from(!row.answers.is_empty()));
        Targets {
            classes: Arc::new(rows.iter().map(best).collect()),
            labelled: Arc::new(rows.iter().map(answered).collect()),
            taught: Arc::new(vec![1.0; rows.len()]),
            scores: Arc::new(scores),
            ..Targets::default()
        }
    }
}

impl Lesson for QuestionLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.examples.iter().map(|example| (example.tokens.ids.len(), 0)).collect()
    }

    fn passes(&self, batch: &[usize], _: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        let rows: Vec<&Example> = batch.iter().map(|&index| &self.examples[index]).collect();
        let batch = self.batch(&rows)?;
        let network = architecture::over(self.config, study.weights)?;
        let wanted = Wanted::named(self.taps.0.iter().cloned());
        let student = network.read(&batch, Pass::Train(study.dropout), wanted)?;
        let wanted = Wanted::named(self.taps.1.iter().cloned());
        let teacher = self.teacher.map(|teacher| teacher.trace((&batch).into(), &wanted)).transpose()?;
        Ok(Passes { student, teacher, targets: self.targets(&rows) })
    }

    fn measure(&self) -> Measure {
        self.metric.into()
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let network = architecture::over(self.config, study.weights)?;
        let answerer = Answerer::new(self.config, network.into(), self.tokenizer, self.longest)?;
        let questions: Vec<Sighted<'_>> = self
            .validation
            .iter()
            .map(|example| (example.text.as_str(), self.gallery.image(example.image)))
            .collect();
        let references: Vec<String> =
            self.validation.iter().map(|example| reference(&example.answers, &self.answers)).collect();
        let scores = score_all(&[self.metric.name], &answerer.answers(&questions)?, &references, 0)?;
        let value = scores.values().next().and_then(alambic_reports::metrics::Scores::value);
        value.ok_or_else(|| {
            RunError::Recipe(format!("`{}` has no value over the validation part", self.metric.name))
        })
    }
}

/// The answer with the highest score; of equal ones the first.
fn best(answers: &[(u32, f32)]) -> Option<u32> {
    let highest = answers.iter().map(|(_, score)| *score).fold(f32::NEG_INFINITY, f32::max);
    answers.iter().find(|(_, score)| *score == highest).map(|(answer, _)| *answer)
}

/// The best answer in words.
fn reference(answers: &[(u32, f32)], names: &[String]) -> String {
    best(answers).and_then(|answer| names.get(answer as usize).cloned()).unwrap_or_default()
}

/// What answers are measured by, the most important first.
fn metrics(options: &EvaluationOptions) -> Vec<&str> {
    if options.metrics.is_empty() {
        METRICS.to_vec()
    } else {
        options.metrics.iter().map(|name| name.value.as_str()).collect()
    }
}
