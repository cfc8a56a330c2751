//! Pre-training on texts about the regions of images: masked words and regions, and texts that may not belong to an image.

use std::sync::Arc;

use alambic_data::{DetectedRegions, Split};
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_losses::Targets;
use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, Pass, Tokenizer};
use alambic_tensor::Streams;
use rand::Rng;

use super::examples::{RegionTextExample, TextKind};
use super::mask::mask_regions;
use super::options::{RegionMaskOptions, RegionTextsData};
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

/// How often another text is drawn before the own one stays.
const DRAWS: usize = 20;

/// The class of a text that belongs to its image.
const BELONGS: u32 = 1;

/// An example whose image is in a store.
struct StoredExample {
    tokens: EncodedText,
    kind: TextKind,
    image: usize,
}

/// The examples of one split.
struct Examples<'p> {
    store: ImageStore<'p>,
    examples: Vec<StoredExample>,
}

/// The text of an example in an epoch.
struct DrawnText<'e> {
    tokens: &'e EncodedText,
    /// Whether it belongs to the image, if that counts.
    relation: Option<u32>,
    answer: Option<u32>,
}

/// Texts about regions of images, and the student that reads them.
pub(crate) struct RegionTextTraining<'a> {
    config: &'a Config,
    masking: Masking,
    mask_regions: RegionMaskOptions,
    streams: Streams,
    mismatched_probability: f64,
    /// Whether false statements show what does not belong to an image.
    false_for_image: bool,
    train: Examples<'a>,
    validation: Examples<'a>,
    /// Whether some texts have answers in the first epoch, and whether some count for belonging to their image.
    has_answers: bool,
    has_relations: bool,
    taps: Taps,
    statistics: DatasetStatistics,
}

impl<'a> RegionTextTraining<'a> {
    /// Takes the texts of a training, and prepares the regions of their images.
    pub(crate) fn new(
        data: &'a RegionTextsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let Some(options) = data.region_texts.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no texts about regions", job.stage)));
        };
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let answers = data.answers(&context.corpora)?;
        let encoder = job.tokenizer.with_max_length(options.max_length.min(config.max_length()))?;
        let take = |split: Split, max: usize| -> Result<Examples<'a>, RunError> {
            let mut all = Vec::new();
            for options in data.region_texts.iter() {
                all.extend(options.examples(&context.corpora, split, &answers)?);
            }
            subsample(&mut all, max);
            Examples::new(all, image_processor.clone(), &encoder)
        };
        let train = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let statistics = DatasetStatistics {
            examples: train.examples.len(),
            labelled: train.examples.len(),
            truncated: train.examples.iter().filter(|example| example.tokens.truncated).count(),
            validation: validation.examples.len(),
            ..DatasetStatistics::default()
        };
        let mut own = Self {
            config,
            masking: Masking::new(&options.mask, job.tokenizer, job.seed)?.independently(),
            mask_regions: options.mask_regions.clone(),
            streams: Streams::new(job.seed),
            mismatched_probability: options.mismatched_probability,
            false_for_image: data.has_false_statements(&context.corpora)?,
            train,
            validation,
            has_answers: false,
            has_relations: false,
            taps: job.taps(),
            statistics,
        };
        let drawn = |row: usize| own.draw(&own.train, row, 0);
        let rows = 0..own.train.examples.len();
        let has_answers = rows.clone().any(|row| drawn(row).answer.is_some());
        let has_relations = rows.clone().any(|row| drawn(row).relation.is_some());
        (own.has_answers, own.has_relations) = (has_answers, has_relations);
        Ok(own)
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
        let texts: Vec<DrawnText<'_>> = rows.iter().map(|&row| self.draw(split, row, epoch)).collect();
        let tokens: Vec<&EncodedText> = texts.iter().map(|text| text.tokens).collect();
        let input = TextInput::pad(&tokens, self.config.padding());
        let (input, targets) = self.masking.batch_of_examples(input, epoch, rows);
        // Validation sees images as they are.
        let views = matches!(pass, Pass::Train(_)).then(|| Views::new(self.streams, epoch));
        let places: Vec<usize> = rows.iter().map(|&row| split.examples[row].image).collect();
        let processed = split.store.processed_images(&places, views)?;
        let processed: Vec<&ProcessedImage> = processed.iter().map(AsRef::as_ref).collect();
        let (_, regions) = split.store.image_processor().batch(&processed, None)?;
        let regions = regions
            .ok_or_else(|| RunError::Recipe(format!("a {} reads no regions", self.config.model_type())))?;
        let found: Vec<&DetectedRegions> = processed.iter().flat_map(|image| image.detected()).collect();
        let stream = |row: usize| self.streams.masking_of_regions(epoch, rows[row] as u64);
        let another = |random: &mut _| split.draw_region(random);
        let (regions, of_regions) = mask_regions(&self.mask_regions, regions, &found, stream, another)?;
        let batch = Batch { text: Some(input), regions: Some(regions), ..Batch::default() };
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(&batch, pass, self.taps.of_student())?;
        let is = |yes: bool| f32::from(u8::from(yes));
        let targets = Targets {
            relations: Arc::new(texts.iter().map(|text| text.relation.unwrap_or_default()).collect()),
            related: Arc::new(texts.iter().map(|text| is(text.relation.is_some())).collect()),
            answers: Arc::new(texts.iter().map(|text| text.answer.unwrap_or_default()).collect()),
            answered: Arc::new(texts.iter().map(|text| is(text.answer.is_some())).collect()),
            regions: of_regions,
            ..targets
        };
        Ok(ForwardOutputs { student, teacher: None, targets })
    }

    /// The text of an example in an epoch, its own or that of another image.
    fn draw<'e>(&self, split: &'e Examples<'_>, row: usize, epoch: u64) -> DrawnText<'e> {
        let own = &split.examples[row];
        let answer = match own.kind {
            TextKind::Question(answer) => answer,
            TextKind::Caption | TextKind::Statement(_) => None,
        };
        if self.false_for_image {
            let relation = match own.kind {
                TextKind::Statement(holds) => Some(u32::from(holds)),
                TextKind::Caption | TextKind::Question(_) => None,
            };
            return DrawnText { tokens: &own.tokens, relation, answer };
        }
        let mut random = self.streams.pairing(epoch, row as u64);
        let chance: f64 = random.random();
        let other = || {
            (0..DRAWS).find_map(|_| {
                let drawn = &split.examples[random.random_range(0..split.examples.len())];
                (drawn.image != own.image && drawn.tokens.ids != own.tokens.ids).then_some(drawn)
            })
        };
        match (chance < self.mismatched_probability).then(other).flatten() {
            Some(other) => DrawnText { tokens: &other.tokens, relation: Some(1 - BELONGS), answer: None },
            None => DrawnText { tokens: &own.tokens, relation: Some(BELONGS), answer },
        }
    }
}

impl<'p> Examples<'p> {
    fn new(
        texts: Vec<RegionTextExample<'p>>,
        image_processor: ImageProcessor,
        encoder: &Tokenizer,
    ) -> Result<Self, RunError> {
        let mut store = ImageStore::new(image_processor);
        let mut examples = Vec::with_capacity(texts.len());
        for RegionTextExample { text, kind, picture } in texts {
            let image = store.add(picture)?;
            examples.push(StoredExample { tokens: encoder.encode_text(text, None)?, kind, image });
        }
        Ok(Self { store, examples })
    }

    /// Features of a region by lot of an image by lot.
    fn draw_region(&self, random: &mut impl Rng) -> Result<Vec<f32>, RunError> {
        let place = self.examples[random.random_range(0..self.examples.len())].image;
        let processed = self.store.processed_images(&[place], None)?;
        let all = processed.first().map(|image| image.detected()).unwrap_or_default();
        let Some(found) = all.first().filter(|found| found.regions() > 0) else { return Ok(Vec::new()) };
        let region = random.random_range(0..found.regions());
        Ok(found.features[region * found.width..(region + 1) * found.width].to_vec())
    }
}

impl TrainingTask for RegionTextTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.train.examples.iter().map(|example| (example.tokens.ids.len(), 0)).collect()
    }

    /// The first step needs a text of each sort that a term counts over: an answered question, and one that belongs to its image or not.
    fn has_labels(&self, batch: &[usize]) -> bool {
        let drawn = |&row: &usize| self.draw(&self.train, row, 0);
        (!self.has_answers || batch.iter().any(|row| drawn(row).answer.is_some()))
            && (!self.has_relations || batch.iter().any(|row| drawn(row).relation.is_some()))
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
