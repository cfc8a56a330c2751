//! Training a model that writes about images, or the spans that are left out of texts.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::{ImageProcessor, ProcessedImage};
use alambic_losses::{TargetKind, Targets, Term};
use alambic_models::architecture::{self, Batch, Image};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, Pass, Tokenizer, Tokens};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Metric, Prediction, PredictionKind};
use alambic_settings::IndexMap;
use alambic_teachers::Teacher;
use alambic_tensor::Streams;
use rand::Rng;

use super::caption_mask::{CaptionMaskOptions, CaptionMasking};
use super::contrast::{ContrastTraining, counts_over_pairs};
use super::example_set::{DrawnVersion, Encoded, EncodedContent, EncodedVersion, ExampleSet, picture_read};
use super::image_codes::{DrawnRow, ImageCodes};
use super::options::{GenerationEntry, Written, WrittenData};
use super::span_corruption::SpanCorruption;
use super::teacher_texts::{TeacherTexts, Unlabelled};
use super::token_losses::{figures, token_losses};
use super::writer::{ToWrite, Writer};
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::tasks::generation::targets::forced_targets;
use crate::training::job::Job;
use crate::training::masking::VALIDATION;
use crate::training::sampler::validation_batches;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{BatchGroup, ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::{defined_value, validation_loss_of};

/// Examples of images and of texts, and the student and the teacher that write about them.
pub(crate) struct WrittenTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    teacher: Option<&'a dyn Teacher>,
    taps: Taps,
    training: ExampleSet<'a>,
    groups: Vec<BatchGroup>,
    /// How spans are left out of texts, by entry.
    corruptions: Vec<Option<SpanCorruption>>,
    /// How words of captions are masked, for a student that writes a word in place of a mask.
    masking: Option<CaptionMasking>,
    entries: &'a [GenerationEntry],
    start: u32,
    streams: Streams,
    validation: Validation<'a>,
    max_new_tokens: usize,
    /// Examples of a batch of validation.
    batch_size: usize,
    statistics: DatasetStatistics,
    /// Pairs, which come after the examples.
    contrast: Option<ContrastTraining<'a>>,
}

/// By what checkpoints are chosen.
enum Validation<'a> {
    /// A metric of what is written about images.
    Texts(Box<ValidatedTexts<'a>>),
    /// A metric of retrieval over pairs.
    Pairs(&'static Metric),
    /// The losses: over texts, of which the same spans are left out each time, or over images that are drawn and what else is written,
    /// each entry's examples by themselves.
    Loss(Box<ExampleSet<'a>>, Vec<Range<usize>>),
}

/// What is written about images in validation, and what is right.
struct ValidatedTexts<'a> {
    store: ImageStore<'a>,
    inputs: Vec<ToWrite>,
    references: Vec<Prediction>,
    metric: &'static Metric,
}

impl<'a> WrittenTraining<'a> {
    /// Takes the examples of a training in tokens, and prepares their images; for those without labels the teacher writes. Those with
    /// targets that are too long are left out.
    pub(crate) fn new(
        data: &'a WrittenData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let image_processor = (!data.writes_only_spans() || config.reads_images())
            .then(|| ImageProcessor::with_detector(config, job.detector))
            .transpose()?;
        let start = config.decoder_start().ok_or_else(|| {
            RunError::Recipe(format!(
                "stage `{}` trains a model to write texts, and a {} writes none",
                job.stage,
                config.model_type()
            ))
        })?;
        let mut contrast = None;
        if let Some(processor) = image_processor.as_ref().filter(|_| !data.contrast.is_empty()) {
            contrast = Some(ContrastTraining::new(data, context, job, processor)?);
        }
        let mut training = ExampleSet::new(image_processor.clone(), config);
        let (mut groups, mut corruptions) = (Vec::new(), Vec::new());
        let mut statistics = DatasetStatistics::default();
        for (index, entry) in data.generation.iter().enumerate() {
            let spans = entry.writes == Written::Spans;
            let corruption =
                spans.then(|| SpanCorruption::new(entry, job.tokenizer, job.seed)).transpose()?;
            corruptions.push(corruption);
            let split = (Split::Train, usize::MAX);
            let examples = training.add((index, entry), (context, job), split, &mut statistics, observer)?;
            groups.push(BatchGroup { examples, share: entry.share });
        }
        let validation = match image_processor {
            Some(_) if !data.writes() => Validation::Pairs(job.metric(PredictionKind::Ranking)?),
            Some(processor) if !data.writes_only_spans() && !data.draws() => {
                validated_texts(data, context, job, ImageStore::new(processor), &mut statistics, observer)?
            }
            processor => {
                let most = job.train.validation_examples / data.generation.len().max(1);
                let mut held = ExampleSet::new(processor, config);
                let ignored = &mut DatasetStatistics::default();
                let mut ranges = Vec::new();
                for entry in data.generation.iter().enumerate() {
                    let split = (Split::Validation, most);
                    ranges.push(held.add(entry, (context, job), split, ignored, observer)?);
                }
                Validation::Loss(Box::new(held), ranges)
            }
        };
        let examples = &training.examples;
        statistics.examples = examples.len();
        statistics.labelled = examples.iter().filter(|example| example.has_label()).count();
        statistics.validation = match &validation {
            Validation::Texts(texts) => texts.inputs.len(),
            Validation::Pairs(_) => contrast.as_ref().map_or(0, ContrastTraining::validated),
            Validation::Loss(held, _) => held.examples.len(),
        };
        if let Some(contrast) = &contrast {
            groups.extend(contrast.groups(examples.len()));
            statistics.examples += contrast.count();
            statistics.truncated += contrast.truncated;
        }
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            teacher: job.teacher,
            taps: Taps::of(job.terms.iter().filter(|term| counts_over_texts(term))),
            training,
            groups,
            corruptions,
            masking: matches!(config, Config::Oscar(_))
                .then(|| CaptionMasking::new(job.tokenizer, start, job.seed))
                .transpose()?,
            entries: &data.generation.0,
            start,
            streams: Streams::new(job.seed),
            validation,
            max_new_tokens: data.generation.iter().map(|own| own.max_new_tokens).max().unwrap_or(1),
            batch_size: job.train.batch.size,
            statistics,
            contrast,
        })
    }

    /// The pairs of a batch, by their numbers; none where texts are written.
    fn pairs(&self, batch: &[usize]) -> Option<(&ContrastTraining<'a>, Vec<usize>)> {
        let contrast = self.contrast.as_ref()?;
        let examples = self.training.examples.len();
        batch.first().filter(|first| **first >= examples)?;
        Some((contrast, batch.iter().map(|row| row - examples).collect()))
    }

    /// Prompt and target of an example of the training, in the language or with the spans that are drawn for it in an epoch.
    fn version(&self, row: usize, epoch: u64) -> Cow<'_, EncodedVersion> {
        let drawn = |count| self.streams.language(epoch, row as u64).random_range(0..count);
        self.version_of(&self.training.examples[row], epoch, drawn)
    }

    fn version_of<'e>(
        &self,
        example: &'e Encoded,
        epoch: u64,
        drawn: impl FnOnce(usize) -> usize,
    ) -> Cow<'e, EncodedVersion> {
        match &example.content {
            EncodedContent::Versions(versions) => Cow::Borrowed(match versions.as_slice() {
                [only] => only,
                several => &several[drawn(several.len())],
            }),
            EncodedContent::Text(tokens) => {
                let [prompt, target] = match &self.corruptions[example.entry] {
                    Some(corruption) => corruption.corrupt(tokens, epoch),
                    None => [tokens.clone(), tokens.clone()],
                };
                Cow::Owned(EncodedVersion { prompt, target, is_teacher_target: false, drawn: None })
            }
            EncodedContent::Drawn(versions) => {
                let DrawnVersion { caption, teacher } = match versions.as_slice() {
                    [only] => only,
                    several => &several[drawn(several.len())],
                };
                let (prompt, is_teacher_target) = (caption.clone(), teacher.is_some());
                let drawn = teacher.clone();
                Cow::Owned(EncodedVersion { prompt, target: Vec::new(), is_teacher_target, drawn })
            }
        }
    }

    /// The losses' inputs over rows of one kind, whose versions are given, with the images in views.
    fn batch_outputs(
        &self,
        set: &ExampleSet<'_>,
        (epoch, rows, versions): (u64, &[usize], &[Cow<'_, EncodedVersion>]),
        views: Option<Views>,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        if set.draws(rows) {
            return self.drawn_outputs(set, (rows, versions), views, pass, context);
        }
        // Batches are of one entry: of all rows images are read, or of none.
        let places: Option<Vec<usize>> = rows.iter().map(|&row| set.examples[row].image).collect();
        let image = match (places, &set.store, &set.codes) {
            (Some(places), Some(store), Some(codes)) => {
                Some(codes.of(store, &places, views, context.weights)?.image())
            }
            (Some(places), Some(store), None) => {
                let images = store.processed_images(&places, views)?;
                let images: Vec<&ProcessedImage> = images.iter().map(AsRef::as_ref).collect();
                store.image_processor().input_of_writer(&images, (self.config, self.tokenizer))?
            }
            _ => None,
        };
        match (&self.masking, image) {
            (Some(masking), Some(Image::Regions(image))) => {
                let options: Vec<&CaptionMaskOptions> =
                    rows.iter().map(|&row| &self.entries[set.examples[row].entry].mask).collect();
                let padding = self.config.padding();
                let (text, targets) = masking.batch(&options, (epoch, rows, versions), &image, padding);
                let regions = Some(image.regions);
                self.forward_batch(
                    &Batch { text: Some(text), regions, ..Batch::default() },
                    targets,
                    pass,
                    context,
                )
            }
            (_, image) => self.outputs(versions, image, pass, context),
        }
    }

    /// The same over rows of which images are drawn.
    fn drawn_outputs(
        &self,
        set: &ExampleSet<'_>,
        (rows, versions): (&[usize], &[Cow<'_, EncodedVersion>]),
        views: Option<Views>,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let (Some(store), Some(codes)) = (&set.store, &set.codes) else {
            return Err(RunError::Recipe("images are drawn by a model that has an image tokenizer".into()));
        };
        let known = rows.iter().zip(versions).filter(|(_, version)| version.drawn.is_none());
        let places: Vec<usize> = known.filter_map(|(&row, _)| set.examples[row].image).collect();
        let known = if places.is_empty() {
            Vec::new()
        } else {
            codes.of(store, &places, views, context.weights)?.into_rows(codes)?
        };
        let mut known = known.into_iter();
        let mut drawn = Vec::with_capacity(versions.len());
        for version in versions {
            let row = match &version.drawn {
                Some(image) => DrawnRow::of_teacher(image)?,
                None => known
                    .next()
                    .ok_or_else(|| RunError::Recipe("an image is to be drawn that is not known".into()))?,
            };
            drawn.push(row);
        }
        let forced = codes.forced(&drawn);
        self.forced_outputs(versions, None, forced, pass, context)
    }

    /// The same of rows of a range of examples that are held out, counted from its beginning.
    fn held_outputs(
        &self,
        held: &ExampleSet<'_>,
        range: &Range<usize>,
        rows: &[usize],
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let rows: Vec<usize> = rows.iter().map(|row| range.start + row).collect();
        let version = |&row: &usize| self.version_of(&held.examples[row], VALIDATION, |_| 0);
        let versions: Vec<Cow<'_, EncodedVersion>> = rows.iter().map(version).collect();
        self.batch_outputs(held, (VALIDATION, &rows, &versions), None, Pass::Evaluate, context)
    }

    /// The losses' inputs over a batch.
    fn outputs(
        &self,
        versions: &[Cow<'_, EncodedVersion>],
        image: Option<Image>,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let written: Vec<&[u32]> = versions.iter().map(|own| own.target.as_slice()).collect();
        let padding = self.config.padding();
        let is_teachers = |row: usize| versions[row].is_teacher_target;
        let (decoder, mut targets) = forced_targets(&written, |_| self.start, padding, is_teachers);
        // The teacher is forced on labels as on what it wrote.
        targets.teacher_mask = Arc::new(decoder.mask.iter().map(|&kept| f32::from(kept)).collect());
        self.forced_outputs(versions, image, (decoder, targets), pass, context)
    }

    /// The same with a decoder's inputs and what it is to predict.
    fn forced_outputs(
        &self,
        versions: &[Cow<'_, EncodedVersion>],
        image: Option<Image>,
        (decoder, targets): (Tokens, Targets),
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let prompts: Vec<&[u32]> = versions.iter().map(|own| own.prompt.as_slice()).collect();
        let padding = self.config.padding();
        let batch = Batch {
            text: Some(TextInput::new(Tokens::pad(&prompts, padding))),
            image,
            target: Some(decoder),
            ..Batch::default()
        };
        self.forward_batch(&batch, targets, pass, context)
    }

    /// The same with what student and teacher read.
    fn forward_batch(
        &self,
        batch: &Batch,
        targets: Targets,
        pass: Pass<'_>,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(batch, pass, self.taps.of_student())?;
        let teacher = match self.teacher {
            Some(teacher) if !self.taps.teacher.is_empty() => {
                Some(teacher.trace(batch.into(), &self.taps.of_teacher())?)
            }
            _ => None,
        };
        Ok(ForwardOutputs { student, teacher, targets })
    }
}

/// What is written about images of the validation split, and what is right: of each entry as many, so that one with many examples does
/// not decide alone.
fn validated_texts<'a>(
    data: &'a WrittenData,
    context: &'a RunContext<'_>,
    job: &Job<'_>,
    mut store: ImageStore<'a>,
    statistics: &mut DatasetStatistics,
    observer: &mut dyn Observer,
) -> Result<Validation<'a>, RunError> {
    let entries = data.generation.iter().enumerate().filter(|(_, entry)| entry.writes != Written::Spans);
    let most = job.train.validation_examples / entries.clone().count().max(1);
    let (mut inputs, mut references) = (Vec::new(), Vec::new());
    for (index, entry) in entries {
        let mut held = Vec::new();
        for example in entry.examples(&context.corpora, Split::Validation)? {
            let picture = example.picture;
            held.extend(example.versions.into_iter().map(|version| (picture, version)));
        }
        subsample(&mut held, most);
        let unlabelled: Vec<Unlabelled<'_>> = held
            .iter()
            .filter(|(_, version)| version.targets.is_empty())
            .map(|(picture, version)| (*picture, version.prompt.as_str(), version.language))
            .collect();
        let generation = &mut statistics.generation;
        let written = TeacherTexts::write(
            (index, entry),
            &unlabelled,
            Split::Validation,
            (context, job),
            generation,
            observer,
        )?;
        for (picture, version) in &held {
            // Each caption is an example of its own.
            let label = version.targets.first().copied();
            let Some(target) = label.or_else(|| written.of(entry, *picture, &version.prompt)) else {
                continue;
            };
            references.push(Prediction::Text(target.to_owned()));
            let image = picture_read(entry, *picture).map(|own| store.add(own)).transpose()?;
            inputs.push(ToWrite { prompt: version.prompt.clone(), image });
        }
    }
    let metric = job.metric(PredictionKind::Text)?;
    Ok(Validation::Texts(Box::new(ValidatedTexts { store, inputs, references, metric })))
}

/// Whether a term counts over images that are drawn, and over nothing else.
pub(super) fn is_over_images(term: &Term) -> bool {
    term.targets.contains(&TargetKind::Images)
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
            let version = self.version(row, epoch);
            let drawn = self.training.codes.as_ref().filter(|_| self.training.draws(&[row]));
            (version.prompt.len(), drawn.map_or(version.target.len(), ImageCodes::count))
        };
        (0..self.training.examples.len())
            .map(length)
            .chain(self.contrast.iter().flat_map(|own| own.lengths(epoch)))
            .collect()
    }

    fn groups(&self) -> Vec<BatchGroup> {
        self.groups.clone()
    }

    fn has_labels(&self, rows: &[usize]) -> bool {
        // Where there are none at all, no batch has any; pairs need none.
        self.statistics.labelled == 0
            || self.pairs(rows).is_some()
            || rows.iter().any(|&row| self.training.examples[row].has_label())
    }

    fn counts(&self, term: &Term, batch: &[usize]) -> bool {
        match self.pairs(batch) {
            Some(_) => counts_over_pairs(term),
            None if is_over_images(term) => self.training.draws(batch),
            None => counts_over_texts(term),
        }
    }

    fn forward(
        &self,
        rows: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        if let Some((contrast, pairs)) = self.pairs(rows) {
            let network = architecture::build(self.config, context.weights)?;
            return contrast.forward(&pairs, epoch, &*network, context);
        }
        let versions: Vec<Cow<'_, EncodedVersion>> =
            rows.iter().map(|&row| self.version(row, epoch)).collect();
        let views = Some(Views::new(self.streams, epoch));
        let pass = Pass::Train(context.dropout);
        self.batch_outputs(&self.training, (epoch, rows, &versions), views, pass, context)
    }

    fn primary_metric(&self) -> PrimaryMetric {
        match &self.validation {
            Validation::Texts(texts) => texts.metric.into(),
            Validation::Pairs(metric) => (*metric).into(),
            Validation::Loss(..) => PrimaryMetric::LOSS,
        }
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        match &self.validation {
            Validation::Texts(texts) => {
                let network = architecture::build(self.config, context.weights)?;
                let writer =
                    Writer::greedy(self.config, network.into(), self.tokenizer, self.max_new_tokens)?;
                let written = writer.write(&texts.store, &texts.inputs, &mut |_| {})?;
                let predictions: Vec<Prediction> =
                    written.into_iter().map(|(text, _)| Prediction::Text(text)).collect();
                defined_value(texts.metric, &predictions, &texts.references)
            }
            Validation::Pairs(metric) => {
                let network = architecture::build(self.config, context.weights)?;
                let contrast = self.contrast.as_ref();
                contrast.map_or(Ok(f64::NAN), |contrast| contrast.validate(metric, network.into()))
            }
            Validation::Loss(held, ranges) => {
                let mut sum = 0.0;
                for range in ranges {
                    let counts = |term: &Term| !is_over_images(term) || held.draws(&[range.start]);
                    let value = validation_loss_of(counts, range.len(), self.batch_size, context, |rows| {
                        self.held_outputs(held, range, rows, context)
                    })?;
                    sum += value * range.len() as f64;
                }
                Ok(sum / held.examples.len().max(1) as f64)
            }
        }
    }

    fn validate_all(&self, context: &ForwardContext<'_>) -> Result<IndexMap<String, f64>, RunError> {
        let value = (self.primary_metric().name.to_owned(), self.validate(context)?);
        let mut values: IndexMap<String, f64> = [value].into_iter().collect();
        if let Validation::Loss(held, ranges) = &self.validation {
            let mut losses = Vec::new();
            for range in ranges.iter().filter(|range| held.draws(&[range.start])) {
                let batches = validation_batches(range.len(), self.batch_size, context.terms);
                let own = in_turns(batches, |rows| {
                    let outputs = self.held_outputs(held, range, &rows, context)?;
                    token_losses(&outputs.student, &outputs.targets)
                })?;
                losses.extend(own.concat());
            }
            values.extend(figures(&losses));
        }
        Ok(values)
    }
}
