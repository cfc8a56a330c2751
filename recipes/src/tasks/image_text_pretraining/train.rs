//! Pre-training on texts about images: masked tokens, and texts that may belong to another image.

use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_losses::Targets;
use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, Pass, Tokenizer};
use alambic_tensor::Streams;
use rand::Rng;

use super::options::ImageTextsData;
use super::pairs::PretrainingExample;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::masking::{Masking, VALIDATION};
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::validation_loss;

/// Examples that are validated together.
const BATCH: usize = 32;

/// An example whose image is in a store.
struct StoredExample {
    first: String,
    /// The answer, or the tags; none where the model reads no tags.
    second: Option<String>,
    /// Whether the second text are tags.
    tagged: bool,
    image: usize,
}

/// The examples of one split.
struct Examples<'p> {
    store: ImageStore<'p>,
    examples: Vec<StoredExample>,
}

/// Texts about images, and the student that reads them.
pub(crate) struct ImageTextTraining<'a> {
    config: &'a Config,
    encoder: Tokenizer,
    masking: Masking,
    streams: Streams,
    /// Shares of examples whose second text, and whose first text is another's.
    mismatched: (f64, f64),
    train: Examples<'a>,
    validation: Examples<'a>,
    /// Tokens of each example, as they are without masks and other texts.
    lengths: Vec<(usize, usize)>,
    taps: Taps,
    statistics: DatasetStatistics,
}

impl<'a> ImageTextTraining<'a> {
    /// Takes the texts of a training, and prepares their images.
    pub(crate) fn new(
        data: &'a ImageTextsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let Some(options) = data.image_texts.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no texts about images", job.stage)));
        };
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let take = |split: Split, max: usize| -> Result<Examples<'a>, RunError> {
            let mut all = Vec::new();
            for options in data.image_texts.iter() {
                all.extend(options.examples(&context.corpora, split)?);
            }
            subsample(&mut all, max);
            Examples::new(all, image_processor.clone())
        };
        let train = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let encoder = job.tokenizer.with_max_length(options.max_length.min(config.max_length()))?;
        let tokens: Vec<EncodedText> = train
            .examples
            .iter()
            .map(|example| Ok(encoder.encode_text(&example.first, example.second.as_deref())?))
            .collect::<Result<_, RunError>>()?;
        let statistics = DatasetStatistics {
            examples: train.examples.len(),
            labelled: train.examples.len(),
            truncated: tokens.iter().filter(|tokens| tokens.truncated).count(),
            validation: validation.examples.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            masking: Masking::new(&options.mask, job.tokenizer, job.seed)?,
            streams: Streams::new(job.seed),
            mismatched: (options.mismatched_second_probability, options.mismatched_first_probability),
            lengths: tokens.iter().map(|tokens| (tokens.ids.len(), 0)).collect(),
            encoder,
            train,
            validation,
            taps: job.taps(),
            statistics,
        })
    }

    /// The student's pass over examples of a split.
    fn run(
        &self,
        split: &Examples<'_>,
        rows: &[usize],
        epoch: u64,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let (mut texts, mut relations, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for &row in rows {
            let (first, second, relation) = self.paired(split, row, epoch);
            texts.push(self.encoder.encode_text(first, second)?);
            relations.push(relation as u32);
            places.push(split.examples[row].image);
        }
        // Validation sees images as they are.
        let views = matches!(pass, Pass::Train(_)).then(|| Views::new(self.streams, epoch));
        let input = TextInput::pad(&texts.iter().collect::<Vec<_>>(), self.config.padding());
        let (input, targets) = self.masking.batch(input, epoch);
        let processed = split.store.processed_images(&places, views)?;
        let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
        let (image, regions) = split.store.image_processor().batch(&processed, None)?;
        let batch = Batch { text: Some(input), image, regions, ..Batch::default() };
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(&batch, pass, self.taps.of_student())?;
        let targets = Targets { relations: Arc::new(relations), ..targets };
        Ok(ForwardOutputs { student, teacher: None, targets })
    }

    /// The texts of an example in an epoch, and how they belong together: 0 as they are, 1 with the second text of another,
    /// 2 with the first of another.
    fn paired<'e>(
        &self,
        split: &'e Examples<'_>,
        row: usize,
        epoch: u64,
    ) -> (&'e str, Option<&'e str>, usize) {
        let own = &split.examples[row];
        let mut random = self.streams.pairing(epoch, row as u64);
        let chance: f64 = random.random();
        let others = split.examples.len();
        // Another of the same kind with another text; if some draws find none, the own one stays.
        let mut other = |differs: &dyn Fn(&StoredExample) -> bool| {
            (0..20).find_map(|_| {
                let drawn = &split.examples[random.random_range(0..others)];
                (drawn.tagged == own.tagged && differs(drawn)).then_some(drawn)
            })
        };
        let (second, first) = self.mismatched;
        if chance < second && own.second.is_some() {
            if let Some(drawn) = other(&|drawn| drawn.second != own.second) {
                return (&own.first, drawn.second.as_deref(), 1);
            }
        } else if chance >= second
            && chance < second + first
            && let Some(drawn) = other(&|drawn| drawn.first != own.first && drawn.image != own.image)
        {
            return (&drawn.first, own.second.as_deref(), 2);
        }
        (&own.first, own.second.as_deref(), 0)
    }
}

impl<'p> Examples<'p> {
    fn new(pairs: Vec<PretrainingExample<'p>>, image_processor: ImageProcessor) -> Result<Self, RunError> {
        let mut store = ImageStore::new(image_processor);
        let mut examples = Vec::with_capacity(pairs.len());
        for PretrainingExample { first, second, picture } in pairs {
            let image = store.add(picture)?;
            let tagged = second.is_none();
            let second = second.or_else(|| store.second_text(image).map(str::to_owned));
            examples.push(StoredExample { first, second, tagged, image });
        }
        Ok(Self { store, examples })
    }
}

impl TrainingTask for ImageTextTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.lengths.clone()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        self.run(&self.train, batch, epoch, Pass::Train(context.dropout), context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        PrimaryMetric::LOSS
    }

    /// The weighted sum of the terms over the validation split.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        validation_loss(self.validation.examples.len(), BATCH, context, |batch| {
            self.run(&self.validation, batch, VALIDATION, Pass::Evaluate, context)
        })
    }
}
