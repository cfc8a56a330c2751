//! Training a model that writes about images.

use alambic_data::Split;
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_losses::{TargetKind, Term};
use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, Pass, Tokenizer, Tokens};
use alambic_reports::metrics::{Metric, Prediction, PredictionKind};
use alambic_teachers::Teacher;
use alambic_tensor::Streams;
use rand::Rng;

use super::contrast::{ContrastTraining, counts_over_pairs};
use super::options::WrittenData;
use super::writer::{ToWrite, Writer};
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::tasks::generation::targets::forced_targets;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{BatchGroup, ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

/// An example in tokens.
struct Encoded {
    /// The image, by its place in the store; none where it is not read.
    image: Option<usize>,
    /// Prompt and target in each language, the target with its end.
    versions: Vec<[Vec<u32>; 2]>,
}

/// Examples of images, and the student and the teacher that write about them.
pub(crate) struct WrittenTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    teacher: Option<&'a dyn Teacher>,
    taps: Taps,
    store: ImageStore<'a>,
    examples: Vec<Encoded>,
    groups: Vec<BatchGroup>,
    start: u32,
    streams: Streams,
    validation: ImageStore<'a>,
    validated: Vec<ToWrite>,
    references: Vec<Prediction>,
    max_new_tokens: usize,
    metric: &'static Metric,
    statistics: DatasetStatistics,
    /// Pairs, which come after the examples.
    contrast: ContrastTraining<'a>,
}

impl<'a> WrittenTraining<'a> {
    /// Takes the examples of a training in tokens, and prepares their images. Those with targets that are too long are left out.
    pub(crate) fn new(
        data: &'a WrittenData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let start = config.decoder_start().ok_or_else(|| {
            RunError::Recipe(format!(
                "stage `{}` trains a model to write texts, and a {} writes none",
                job.stage,
                config.model_type()
            ))
        })?;
        let contrast = ContrastTraining::new(data, context, job, &image_processor)?;
        let mut store = ImageStore::new(image_processor.clone());
        let (mut examples, mut groups) = (Vec::new(), Vec::new());
        let mut statistics = DatasetStatistics::default();
        for entry in data.generation.iter() {
            let tokenizer = job.tokenizer.with_max_length(entry.max_length.min(config.max_length()))?;
            let first = examples.len();
            for example in entry.examples(&context.corpora, Split::Train)? {
                let mut versions = Vec::with_capacity(example.versions.len());
                for version in &example.versions {
                    let Some(target) = version.targets.first() else { continue };
                    let (prompt, target) =
                        (tokenizer.encode_text(&version.prompt, None)?, job.tokenizer.encode_target(target)?);
                    if target.len() > entry.max_new_tokens {
                        statistics.too_long += 1;
                        continue;
                    }
                    statistics.truncated += usize::from(prompt.truncated);
                    versions.push([prompt.ids, target]);
                }
                if versions.is_empty() {
                    continue;
                }
                let picture = example.picture.filter(|_| entry.reads_images());
                let image = picture.map(|picture| store.add(picture)).transpose()?;
                examples.push(Encoded { image, versions });
            }
            groups.push(BatchGroup { examples: first..examples.len(), share: entry.share });
        }
        let mut validation = ImageStore::new(image_processor);
        let (mut validated, mut references) = (Vec::new(), Vec::new());
        // Of each entry as many, so that one with many examples does not decide alone.
        let most = job.train.validation_examples / data.generation.len().max(1);
        for entry in data.generation.iter() {
            let mut held = Vec::new();
            for example in entry.examples(&context.corpora, Split::Validation)? {
                let picture = example.picture;
                held.extend(example.versions.into_iter().map(|version| (picture, version)));
            }
            subsample(&mut held, most);
            for (picture, version) in held {
                let picture = picture.filter(|_| entry.reads_images());
                let image = picture.map(|picture| validation.add(picture)).transpose()?;
                // Each caption is an example of its own.
                let target = version.targets.first().copied().unwrap_or_default();
                validated.push(ToWrite { prompt: version.prompt, image });
                references.push(Prediction::Text(target.to_owned()));
            }
        }
        groups.extend(contrast.groups(examples.len()));
        statistics.examples = examples.len() + contrast.count();
        statistics.labelled = examples.len();
        statistics.truncated += contrast.truncated;
        statistics.validation = validated.len() + contrast.validated();
        let kind = if data.writes() { PredictionKind::Text } else { PredictionKind::Ranking };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            teacher: job.teacher,
            taps: Taps::of(job.terms.iter().filter(|term| counts_over_texts(term))),
            store,
            examples,
            groups,
            start,
            streams: Streams::new(job.seed),
            validation,
            validated,
            references,
            max_new_tokens: data.generation.iter().map(|own| own.max_new_tokens).max().unwrap_or(1),
            metric: job.metric(kind)?,
            statistics,
            contrast,
        })
    }

    /// Whether a batch is of pairs, and not of texts that are written.
    fn are_pairs(&self, batch: &[usize]) -> bool {
        batch.first().is_some_and(|first| *first >= self.examples.len())
    }

    /// Prompt and target of an example, in the language that is drawn for it in an epoch.
    fn version(&self, row: usize, epoch: u64) -> &[Vec<u32>; 2] {
        let versions = &self.examples[row].versions;
        let drawn = match versions.len() {
            1 => 0,
            count => self.streams.language(epoch, row as u64).random_range(0..count),
        };
        &versions[drawn]
    }
}

/// Whether a term counts over texts that are written.
pub(super) fn counts_over_texts(term: &Term) -> bool {
    !term.targets.contains(&TargetKind::ContrastPairs)
}

impl TrainingTask for WrittenTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let length = |row| {
            let [prompt, target] = self.version(row, epoch);
            (prompt.len(), target.len())
        };
        (0..self.examples.len()).map(length).chain(self.contrast.lengths(epoch)).collect()
    }

    fn groups(&self) -> Vec<BatchGroup> {
        self.groups.clone()
    }

    fn counts(&self, term: &Term, batch: &[usize]) -> bool {
        if self.are_pairs(batch) { counts_over_pairs(term) } else { counts_over_texts(term) }
    }

    fn forward(
        &self,
        rows: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        if self.are_pairs(rows) {
            let rows: Vec<usize> = rows.iter().map(|row| row - self.examples.len()).collect();
            let network = architecture::build(self.config, context.weights)?;
            return self.contrast.forward(&rows, epoch, &*network, context);
        }
        let versions: Vec<&[Vec<u32>; 2]> = rows.iter().map(|&row| self.version(row, epoch)).collect();
        let prompts: Vec<&[u32]> = versions.iter().map(|[prompt, _]| prompt.as_slice()).collect();
        let written: Vec<&[u32]> = versions.iter().map(|[_, target]| target.as_slice()).collect();
        let padding = self.config.padding();
        let (decoder, mut targets) = forced_targets(&written, |_| self.start, padding, |_| false);
        // The teacher is forced on the same targets.
        targets.teacher_mask = targets.labelled.clone();
        // Batches are of one entry: of all rows images are read, or of none.
        let places: Option<Vec<usize>> = rows.iter().map(|&row| self.examples[row].image).collect();
        let image = match places {
            Some(places) => {
                let processed =
                    self.store.processed_images(&places, Some(Views::new(self.streams, epoch)))?;
                let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
                self.store.image_processor().batch(&processed, None)?.0
            }
            None => None,
        };
        let batch = Batch {
            text: Some(TextInput::new(Tokens::pad(&prompts, padding))),
            image,
            target: Some(decoder),
            ..Batch::default()
        };
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(&batch, Pass::Train(context.dropout), self.taps.of_student())?;
        let teacher = match self.teacher {
            Some(teacher) if !self.taps.teacher.is_empty() => {
                Some(teacher.trace((&batch).into(), &self.taps.of_teacher())?)
            }
            _ => None,
        };
        Ok(ForwardOutputs { student, teacher, targets })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        if self.validated.is_empty() {
            return self.contrast.validate(self.metric, network.into());
        }
        let writer = Writer::greedy(self.config, network.into(), self.tokenizer, self.max_new_tokens)?;
        let written = writer.write(&self.validation, &self.validated, &mut |_| {})?;
        let predictions: Vec<Prediction> =
            written.into_iter().map(|(text, _)| Prediction::Text(text)).collect();
        defined_value(self.metric, &predictions, &self.references)
    }
}
