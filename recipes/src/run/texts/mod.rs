//! Texts that are read: classified, rated, or turned into states.

pub(crate) mod exam;
mod examples;
mod similarity;

use alambic_data::{Labels, Split, Text};
use alambic_losses::Term;
use alambic_models::bert::{Bert, BertConfig};
use alambic_models::{Pass, Tokenizer, Wanted};
use alambic_reports::metrics::{Direction, Metric, find, score_all};
use alambic_settings::At;
use alambic_students::{Reader, TextPair};
use alambic_teachers::Teacher;

use self::examples::{Examples, Vocabulary};
use super::RunError;
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::stage::Job;
use super::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// Texts that are validated together.
const BATCH: usize = 32;

/// Texts, and the student and the teacher that read them.
pub(crate) struct TextLesson<'a> {
    config: &'a BertConfig,
    tokenizer: &'a Tokenizer,
    teacher: Option<&'a dyn Teacher>,
    longest: usize,
    examples: Examples,
    validation: Examples,
    validation_texts: Vec<Text>,
    /// What the student's answers are measured by; none where it gives none or is not taught to answer, and losses are
    /// what there is.
    metric: Option<&'static Metric>,
    material: Material,
}

impl<'a> TextLesson<'a> {
    /// Takes the texts of a training and encodes them.
    pub(crate) fn new(
        workshop: &Workshop<'_>,
        job: &Job<'a>,
        config: &'a BertConfig,
        terms: &[Term],
    ) -> Result<Self, RunError> {
        let (mut texts, mut validation_texts) = (Vec::new(), Vec::new());
        for options in job.data.texts.iter() {
            texts.extend(workshop.corpora.selected_texts(options, Split::Train)?);
            validation_texts.extend(workshop.corpora.selected_texts(options, Split::Validation)?);
        }
        thin(&mut validation_texts, job.train.validation_examples);
        let asked = job.data.texts.iter().map(|options| options.longest).max().unwrap_or_default();
        let longest = asked.min(config.longest());
        let own = job.tokenizer.truncating(longest)?;
        // Layers can be compared token by token only where both read the same tokens.
        let of_teacher = match job.teacher.and_then(Teacher::tokenizer) {
            Some(tokenizer) if tokenizer.to_json()? != job.tokenizer.to_json()? => {
                Some(tokenizer.truncating(longest)?)
            }
            _ => None,
        };
        let own = Vocabulary { tokenizer: &own, padding: config.padding };
        let of_teacher = of_teacher
            .as_ref()
            .map(|tokenizer| Ok::<_, RunError>(Vocabulary { tokenizer, padding: tokenizer.padding()? }))
            .transpose()?;
        let examples = Examples::new(&texts, &own, of_teacher.as_ref())?;
        let validation = Examples::new(&validation_texts, &own, of_teacher.as_ref())?;
        let names: Vec<At<String>> = job.data.texts.iter().flat_map(|options| options.data.clone()).collect();
        // Where no term teaches the head, its answers say nothing of what is learnt.
        let answers = terms.iter().any(|term| term.student_taps.iter().any(|tap| tap == "logits"));
        let names = metrics(&workshop.recipe.evaluation, workshop.corpora.labels(&names)?);
        let material = Material {
            examples: examples.count(),
            labelled: examples.labelled(),
            truncated: examples.truncated(),
            validation: validation.count(),
            ..Material::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            teacher: job.teacher,
            longest,
            examples,
            validation,
            validation_texts,
            metric: names.first().filter(|_| answers).map(|name| find(name)).transpose()?,
            material,
        })
    }

    fn run(
        &self,
        examples: &Examples,
        batch: &[usize],
        pass: Pass<'_>,
        study: &Study<'_>,
    ) -> Result<Passes, RunError> {
        let batch = examples.batch(batch);
        let model = Bert::new(self.config, study.weights)?;
        let wanted = Wanted::named(study.terms.iter().flat_map(|term| term.student_taps.iter().cloned()));
        let of_teacher: Vec<&String> = study.terms.iter().flat_map(|term| &term.teacher_taps).collect();
        let teacher = match self.teacher {
            Some(teacher) if !of_teacher.is_empty() => {
                let wanted = Wanted::named(of_teacher.into_iter().cloned());
                Some(teacher.trace((&batch.other).into(), &wanted)?)
            }
            _ => None,
        };
        Ok(Passes { student: model.trace(&batch.own, pass, wanted)?, teacher, targets: batch.targets })
    }

    /// The weighted sum of the terms over the validation part.
    fn validation_loss(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let indices: Vec<usize> = (0..self.validation.count()).collect();
        let mut total = 0.0;
        for batch in indices.chunks(BATCH) {
            for (term, loss) in self.run(&self.validation, batch, Pass::Evaluate, study)?.losses(study)? {
                total += term.weight * f64::from(loss.to_scalar::<f32>()?) * batch.len() as f64;
            }
        }
        Ok(total / indices.len().max(1) as f64)
    }
}

impl Lesson for TextLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.examples.lengths()
    }

    fn passes(&self, batch: &[usize], _: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        self.run(&self.examples, batch, Pass::Train(study.dropout), study)
    }

    fn measure(&self) -> Measure {
        self.metric.map_or(Measure { name: "loss", direction: Direction::Lower }, Measure::from)
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let Some(metric) = self.metric else { return self.validation_loss(study) };
        let reader = Reader::new(Bert::new(self.config, study.weights)?, self.tokenizer, self.longest)?;
        let texts: Vec<TextPair<'_>> = self.validation_texts.iter().map(pair).collect();
        let references: Vec<String> =
            self.validation_texts.iter().map(|text| reference(text, &self.config.labels)).collect();
        let scores = score_all(&[metric.name], &reader.answers(&texts)?, &references, 0)?;
        let value = scores.values().next().and_then(alambic_reports::metrics::Scores::value);
        // A correlation of answers that are all the same has no value, and is no better than any other.
        Ok(value.unwrap_or(match metric.direction {
            Direction::Lower => f64::MAX,
            Direction::Higher => -1.0,
        }))
    }
}

/// The text or texts of an example.
fn pair(text: &Text) -> TextPair<'_> {
    (&text.first, text.second.as_deref())
}

/// What the corpus says of a text, in a reader's words.
fn reference(text: &Text, labels: &[String]) -> String {
    match &text.label {
        alambic_data::Label::Class(class) => labels.get(*class as usize).cloned().unwrap_or_default(),
        alambic_data::Label::Number(number) => number.to_string(),
        alambic_data::Label::None | alambic_data::Label::Words(_) => String::new(),
    }
}

/// What answers are measured by, the most important first: what the recipe says, or what suits the labels.
pub(crate) fn metrics<'r>(options: &'r EvaluationOptions, labels: &Labels) -> Vec<&'r str> {
    let suits: &[&str] = match labels {
        Labels::None | Labels::Words(_) => return Vec::new(),
        Labels::Classes(classes) if classes.len() == 2 => {
            &["accuracy", "accuracy-of-majority", "f1", "matthews"]
        }
        Labels::Classes(_) => &["accuracy", "accuracy-of-majority", "f1-macro", "matthews"],
        Labels::Numbers => &["spearman", "pearson"],
    };
    if options.metrics.is_empty() {
        suits.to_vec()
    } else {
        options.metrics.iter().map(|name| name.value.as_str()).collect()
    }
}
