//! Texts that are read: classified, rated, or turned into states.

pub(crate) mod augment;
pub(crate) mod exam;
mod examples;
pub(crate) mod outputs;
pub(crate) mod reading;
pub(crate) mod similarity;

use alambic_data::{Labels, Split, Text};
use alambic_losses::Term;
use alambic_models::bert::{Bert, BertConfig};
use alambic_models::{Pass, Tokenizer, Wanted};
use alambic_reports::metrics::{Direction, Metric, ScoringContext, TagScheme, find, score_all};
use alambic_settings::At;
use alambic_students::{Reader, TextPair};
use alambic_tensor::ops::{CrossEntropy, cross_entropy};
use indexmap::IndexSet;

use self::examples::{Batch, Examples};
use self::outputs::{Outputs, Request, readings};
use self::reading::Reading;
use super::RunError;
use super::exam::{measured_by, typed};
use super::feed::validation_batches;
use super::lesson::{Lesson, Material, Measure, Passes, Study};
use super::masking::VALIDATION;
use super::stage::Job;
use super::workshop::Workshop;
use crate::observer::Observer;
use crate::schema::EvaluationOptions;

/// Texts that are validated together.
const BATCH: usize = 32;

/// Texts, and the student and the teacher that read them.
pub(crate) struct TextLesson<'a> {
    config: &'a BertConfig,
    tokenizer: &'a Tokenizer,
    reading: Reading,
    /// The taps of the student and of the teacher that the losses look at.
    taps: (Vec<String>, Vec<String>),
    /// What the teacher says; none without a teacher, or where no loss looks at it.
    outputs: Option<Outputs<'a>>,
    /// What the student's answers are measured by; none where it gives none or is not taught to answer, and losses are
    /// what there is.
    metric: Option<&'static Metric>,
    /// Whether it is to say what masked tokens were, and is measured by its perplexity.
    says_tokens: bool,
    material: Material,
}

impl<'a> TextLesson<'a> {
    /// Takes the texts of a training, encodes them, and has the teacher read them where its outputs are to be kept.
    pub(crate) fn new(
        workshop: &Workshop<'_>,
        job: &Job<'a>,
        config: &'a BertConfig,
        terms: &[Term],
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (texts, augmented) =
            augment::vary(workshop, job, reading::chosen(workshop, job.data, Split::Train)?, observer)?;
        let mut reading =
            Reading::new(workshop, job.data, &texts, job.train, job.tokenizer, config, job.teacher)?;
        let mask = job.data.texts.iter().find_map(|options| options.mask.as_ref());
        if let Some(options) = mask {
            let left_out = reading.mask(options, job)?;
            if left_out > 0 {
                observer
                    .note(&format!("{}: {left_out} texts without a token to mask are left out", job.label));
            }
        }
        let taps = taps(terms);
        let (outputs, kept) = match job.teacher {
            // What is masked anew in every epoch is never read twice.
            Some(teacher) if !taps.1.is_empty() && mask.is_some() => (Some(Outputs::Live(teacher)), None),
            Some(teacher) if !taps.1.is_empty() => {
                let request = Request { stage: job.stage, taps: &taps.1, texts: reading.read_by_teacher() };
                let readings = readings(workshop.recipe, job.stage, reading.examples.count());
                let (outputs, kept) = outputs::open(workshop, teacher, &request, readings, observer)?;
                (Some(outputs), kept)
            }
            _ => (None, None),
        };
        let names: Vec<At<String>> = job.data.texts.iter().flat_map(|options| options.data.clone()).collect();
        // Where no term teaches the head, its answers say nothing of what is learnt.
        let answers = taps.0.iter().any(|tap| tap == "logits");
        let names = metrics(&workshop.recipe.evaluation, workshop.corpora.labels(&names)?);
        let material = Material {
            examples: reading.examples.count(),
            labelled: reading.examples.labelled(),
            truncated: reading.examples.truncated(),
            validation: reading.validation.count(),
            kept,
            augmented,
            ..Material::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            reading,
            taps,
            outputs,
            metric: names.first().filter(|_| answers && mask.is_none()).map(|name| find(name)).transpose()?,
            says_tokens: answers && mask.is_some(),
            material,
        })
    }

    /// The passes over texts of a part. `before` texts of others lie before that part in the teacher's cache.
    fn run(
        &self,
        (examples, before): (&Examples, usize),
        batch: &[usize],
        epoch: u64,
        pass: Pass<'_>,
        study: &Study<'_>,
    ) -> Result<Passes, RunError> {
        let rows: Vec<usize> = batch.iter().map(|index| before + index).collect();
        let batch = examples.batch(batch, epoch);
        let model = Bert::new(self.config, study.weights)?;
        let wanted = Wanted::named(self.taps.0.iter().cloned());
        let trace = |outputs: &Outputs<'_>| outputs.trace(&rows, &batch.other, &self.taps.1);
        let teacher = self.outputs.as_ref().map(trace).transpose()?;
        Ok(Passes { student: model.trace(&batch.own, pass, wanted)?, teacher, targets: batch.targets })
    }

    /// The weighted sum of the terms over the validation part.
    fn validation_loss(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let part = (&self.reading.validation, self.reading.examples.count());
        let mut total = 0.0;
        for batch in validation_batches(part.0.count(), BATCH, study.terms) {
            let passes = self.run(part, &batch, VALIDATION, Pass::Evaluate, study)?;
            total += passes.total(study)? * batch.len() as f64;
        }
        Ok(total / part.0.count().max(1) as f64)
    }
}

impl Lesson for TextLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.reading.examples.lengths()
    }

    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        self.run((&self.reading.examples, 0), batch, epoch, Pass::Train(study.dropout), study)
    }

    fn measure(&self) -> Measure {
        let name = if self.says_tokens { "perplexity" } else { "loss" };
        self.metric.map_or(Measure { name, direction: Direction::Lower }, Measure::from)
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        if self.says_tokens {
            return perplexity(&Bert::new(self.config, study.weights)?, &self.reading.validation);
        }
        let Some(metric) = self.metric else { return self.validation_loss(study) };
        let reader =
            Reader::new(Bert::new(self.config, study.weights)?, self.tokenizer, self.reading.longest)?;
        let is_labelled = |text: &&Text| text.label != alambic_data::Label::None;
        let texts: Vec<&Text> = self.reading.validation_texts.iter().filter(is_labelled).collect();
        let references: Vec<String> = texts.iter().map(|text| reference(text, &self.config.labels)).collect();
        let scores = score_all(
            &[metric.name],
            &typed(
                metric,
                &reader.answers(&texts.iter().copied().map(pair).collect::<Vec<TextPair<'_>>>())?,
                false,
            ),
            &typed(metric, &references, true),
            ScoringContext { classes: &self.config.labels, seed: 0 },
        )?;
        let value = scores.values().next().and_then(alambic_reports::metrics::Scores::value);
        // What has no value, as a correlation of answers that are all the same, is no better than any other.
        Ok(value.unwrap_or(match metric.direction {
            Direction::Lower => f64::MAX,
            Direction::Higher => -1.0,
        }))
    }
}

/// The perplexity of a model over masked texts: `exp(-1/N Σ log p)` over the N tokens that were chosen.
fn perplexity(model: &Bert, texts: &Examples) -> Result<f64, RunError> {
    let indices: Vec<usize> = (0..texts.count()).collect();
    let (mut total, mut tokens) = (0.0, 0.0);
    for batch in indices.chunks(BATCH) {
        let Batch { own, targets, .. } = texts.batch(batch, VALIDATION);
        let trace = model.trace(&own, Pass::Evaluate, Wanted::named(["logits"]))?;
        let Some(logits) = trace.get("logits") else { continue };
        let count: f32 = targets.labelled.iter().sum();
        let settings = CrossEntropy { targets: targets.classes, weights: targets.labelled, smoothing: 0.0 };
        total += f64::from(cross_entropy(logits, settings)?.to_scalar::<f32>()?) * f64::from(count);
        tokens += f64::from(count);
    }
    Ok((total / tokens.max(1.0)).exp())
}

/// The taps of student and teacher that terms look at, each once.
pub(crate) fn taps(terms: &[Term]) -> (Vec<String>, Vec<String>) {
    let all = |taps: fn(&Term) -> &Vec<String>| -> Vec<String> {
        let taps: IndexSet<&String> = terms.iter().flat_map(taps).collect();
        taps.into_iter().cloned().collect()
    };
    (all(|term| &term.student_taps), all(|term| &term.teacher_taps))
}

/// The text or texts of an example.
fn pair(text: &Text) -> TextPair<'_> {
    (&text.first, text.second.as_deref())
}

/// What the corpus says of a text, in a reader's words.
fn reference(text: &Text, labels: &[String]) -> String {
    let name = |class: &u32| labels.get(*class as usize).cloned().unwrap_or_default();
    match &text.label {
        alambic_data::Label::Class(class) => name(class),
        alambic_data::Label::Words(tags) => tags.iter().map(name).collect::<Vec<_>>().join(" "),
        alambic_data::Label::Number(number) => number.to_string(),
        alambic_data::Label::None => String::new(),
    }
}

/// What answers are measured by, the most important first: what the recipe says, or what suits the labels.
pub(crate) fn metrics<'r>(options: &'r EvaluationOptions, labels: &Labels) -> Vec<&'r str> {
    let usual: &[&str] = match labels {
        Labels::None => return Vec::new(),
        Labels::Words(_) => suitable(labels),
        Labels::Classes(classes) if classes.len() == 2 => {
            &["accuracy", "accuracy-of-majority", "f1", "matthews"]
        }
        Labels::Classes(_) => &["accuracy", "accuracy-of-majority", "f1-macro", "matthews"],
        Labels::Numbers => &["spearman", "pearson"],
    };
    measured_by(options, suitable(labels), usual)
}

/// All metrics that suit labels.
pub(crate) fn suitable(labels: &Labels) -> &'static [&'static str] {
    match labels {
        Labels::None => &[],
        Labels::Words(tags)
            if tags.iter().any(|tag| TagScheme::is_of_span(tag)) && TagScheme::of(tags).is_ok() =>
        {
            &["span-f1", "token-accuracy", "token-accuracy-of-majority"]
        }
        Labels::Words(_) => &["token-accuracy", "token-accuracy-of-majority"],
        Labels::Classes(classes) if classes.len() == 2 => {
            &["accuracy", "accuracy-of-majority", "f1", "f1-micro", "f1-macro", "matthews"]
        }
        Labels::Classes(_) => &["accuracy", "accuracy-of-majority", "f1-micro", "f1-macro", "matthews"],
        Labels::Numbers => &["spearman", "pearson"],
    }
}
