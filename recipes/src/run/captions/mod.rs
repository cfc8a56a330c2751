//! Images and captions, one of which is found by the other.

pub(crate) mod exam;

use alambic_data::{Picture, Split};
use alambic_losses::{Targets, Term};
use alambic_models::{Config, Pass, Tokenizer, Wanted, architecture};
use alambic_reports::metrics::{Metric, Scores, find, score_all};
use alambic_students::{Eyes, Matcher};
use alambic_tensor::Streams;
use rand::Rng;

use self::exam::Catalogue;
use super::RunError;
use super::exam::{measured_by, typed};
use super::lesson::{Lesson, Material, Measure, Passes, Study, thin};
use super::questions::showing::{Beside, Onlooker, Showing};
use super::retrieval::METRICS;
use super::stage::Job;
use super::texts::taps;
use super::workshop::Workshop;
use crate::schema::EvaluationOptions;

/// Images, each with one of its captions, and the student and the teacher that hold them against each other.
pub(crate) struct CaptionLesson<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    own: Showing<'a>,
    /// The first caption of each image among those shown, and how many it has.
    captions: Vec<(usize, usize)>,
    validation: Vec<&'a Picture>,
    streams: Streams,
    taps: Vec<String>,
    /// None where no loss looks at it.
    teacher: Option<Onlooker<'a>>,
    metric: &'static Metric,
    material: Material,
}

impl<'a> CaptionLesson<'a> {
    /// Takes the images of a training that have captions, and prepares both.
    pub(crate) fn new(
        workshop: &'a Workshop<'_>,
        job: &Job<'a>,
        config: &'a Config,
        terms: &[Term],
    ) -> Result<Self, RunError> {
        let eyes = Eyes::new(config, None)?;
        let asked = job.data.captions.iter().map(|options| options.longest).max().unwrap_or_default();
        let take = |part: Split| -> Result<Vec<&'a Picture>, RunError> {
            let mut pictures = Vec::new();
            for options in job.data.captions.iter() {
                pictures.extend(workshop.corpora.selected_pictures(options, part)?);
            }
            Ok(pictures)
        };
        let pictures = take(Split::Train)?;
        let (mut told, mut captions) = (Vec::new(), Vec::with_capacity(pictures.len()));
        for picture in &pictures {
            captions.push((told.len(), picture.captions.len()));
            told.extend(picture.captions.iter().map(|caption| (caption.as_str(), *picture)));
        }
        let tokenizer = job.tokenizer.truncating(asked.min(config.longest()))?;
        let own = Showing::new(&told, eyes.clone(), &tokenizer, config.padding())?;
        let (taps, teachers) = taps(terms);
        let beside = Beside { eyes: &eyes, same_texts: true };
        let teacher = Onlooker::new(job.teacher, teachers, &told, &beside, asked)?;
        let mut validation = take(Split::Validation)?;
        thin(&mut validation, job.train.validation_examples);
        let material = Material {
            examples: pictures.len(),
            labelled: pictures.len(),
            truncated: own.tokens().iter().filter(|tokens| tokens.truncated).count(),
            validation: validation.len(),
            ..Material::default()
        };
        let metric = find(metrics(&workshop.recipe.evaluation)[0])?;
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            own,
            captions,
            validation,
            streams: Streams::new(job.seed),
            taps,
            teacher,
            metric,
            material,
        })
    }
}

impl Lesson for CaptionLesson<'_> {
    fn material(&self) -> &Material {
        &self.material
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        let length = |&(first, _): &(usize, usize)| (self.own.tokens()[first].ids.len(), 0);
        self.captions.iter().map(length).collect()
    }

    fn passes(&self, batch: &[usize], epoch: u64, study: &Study<'_>) -> Result<Passes, RunError> {
        let drawn = |&image: &usize| {
            let (first, count) = self.captions[image];
            first + self.streams.pairing(epoch, image as u64).random_range(0..count)
        };
        let rows: Vec<usize> = batch.iter().map(drawn).collect();
        // Every patch is read.
        let mut all = |count: usize, _: usize| (0..count).collect();
        let shown = self.own.batch(&rows, &mut all)?;
        let network = architecture::over(self.config, study.weights)?;
        let wanted = Wanted::named(self.taps.iter().cloned());
        let student = network.read(&shown, Pass::Train(study.dropout), wanted)?;
        let teacher = self.teacher.as_ref().map(|teacher| teacher.trace(&rows, &shown, &mut all));
        let teacher = teacher.transpose()?;
        Ok(Passes { student, teacher, targets: Targets::default() })
    }

    fn measure(&self) -> Measure {
        self.metric.into()
    }

    fn validate(&self, study: &Study<'_>) -> Result<f64, RunError> {
        let network = architecture::over(self.config, study.weights)?;
        let matcher = Matcher::new(self.config, network.into(), self.tokenizer)?;
        let catalogue = Catalogue::new(self.validation.clone());
        let scores = score_all(
            &[self.metric.name],
            &typed(self.metric, &catalogue.found_by(&matcher)?, false),
            &typed(self.metric, catalogue.right(), true),
            0,
        )?;
        let value = scores.values().next().and_then(Scores::value);
        value.ok_or_else(|| {
            RunError::Recipe(format!("`{}` has no value over the validation part", self.metric.name))
        })
    }
}

/// What models are measured by, the most important first.
fn metrics(options: &EvaluationOptions) -> Vec<&str> {
    measured_by(options, &METRICS, &METRICS)
}
