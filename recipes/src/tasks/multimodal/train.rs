//! Pre-training on texts, images and pairs.

use std::ops::Range;
use std::sync::Arc;

use alambic_data::{Picture, Split};
use alambic_inference::ImageProcessor;
use alambic_losses::{RELEVANCE, RegionTargets, TargetKind, Targets, Term};
use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{
    Config, EncodedText, OBJECT_LOGITS, PREDICTED_FEATURES, PREDICTION_LOGITS, Pass, TARGET_LOGITS,
    TapSelection, Trace,
};
use alambic_settings::IndexMap;
use alambic_teachers::Teacher;
use alambic_tensor::Streams;

use super::examples::{MultimodalExample, PairExample};
use super::left_out::LeftOutSpans;
use super::mask::mask_images;
use super::options::{ImageMaskOptions, Modality, MultimodalsData};
use super::pair_lists::{PairLists, Source};
use super::pair_reader::PairReader;
use super::pairs::DrawnPair;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::job::Job;
use crate::training::masking::{Masking, VALIDATION};
use crate::training::statistics::DatasetStatistics;
use crate::training::task::{BatchGroup, ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::validation_loss_of;

/// Pairs of which the shares of positives are recorded in validation, at most.
const RECORDED: usize = 64;

/// An example as it is held.
enum StoredExample<'a> {
    Text(EncodedText),
    Image(&'a Picture),
    Pair(PairExample<'a>),
}

/// How examples of a table are read.
struct Table {
    reads: Modality,
    /// None where no words are predicted.
    masking: Option<Masking>,
    /// None where no spans are written.
    left_out: Option<LeftOutSpans>,
    mask_images: ImageMaskOptions,
    paired_negatives: usize,
    /// How often a batch is of it.
    share: f64,
    /// Its examples among those of the training, and of the validation split.
    train: Range<usize>,
    validation: Range<usize>,
}

/// Texts, images and pairs, and the student and the teacher that read them.
pub(crate) struct MultimodalTraining<'a> {
    config: &'a Config,
    streams: Streams,
    student: PairReader<'a>,
    teacher: Option<(&'a dyn Teacher, PairReader<'a>)>,
    tables: Vec<Table>,
    train: Vec<StoredExample<'a>>,
    validation: Vec<StoredExample<'a>>,
    /// Tokens of each example of the training.
    lengths: Vec<(usize, usize)>,
    batch_size: usize,
    /// Whether pairs are compared.
    compares_pairs: bool,
    /// Classes of objects that are predicted of regions; 0 where none are.
    object_classes: usize,
    statistics: DatasetStatistics,
}

/// Whether a term counts over examples of a kind.
fn is_of(term: &Term, reads: Modality) -> bool {
    let kinds: &[TargetKind] = match reads {
        Modality::Texts => &[TargetKind::MaskedWords, TargetKind::LeftOutSpans],
        Modality::Images => &[TargetKind::Regions, TargetKind::RegionClasses],
        Modality::Pairs => &[TargetKind::MaskedWords, TargetKind::LeftOutSpans, TargetKind::PassageLists],
    };
    term.targets.iter().any(|target| kinds.contains(target))
}

impl<'a> MultimodalTraining<'a> {
    /// Takes the examples of a training, and prepares their images.
    pub(crate) fn new(
        data: &'a MultimodalsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let processor = ImageProcessor::with_detector(config, job.detector)?;
        let mut student = PairReader::new(config, processor, job.tokenizer, data.max_length())?;
        let is_taught = job.terms.iter().any(|term| term.teacher_taps.iter().any(|tap| tap == RELEVANCE));
        let mut teacher = match job.teacher.filter(|_| is_taught) {
            Some(teacher) => Some((teacher, PairReader::of_teacher(teacher, data.max_length())?)),
            None => None,
        };
        let counts_over = |kind: TargetKind| job.terms.iter().any(|term| term.targets.contains(&kind));
        let predicts_words = counts_over(TargetKind::MaskedWords);
        let (mut train, mut validation, mut tables) = (Vec::new(), Vec::new(), Vec::new());
        let most = job.train.validation_examples / data.multimodal.len().max(1);
        for options in data.multimodal.iter() {
            let mut pictures: Vec<&'a Picture> = Vec::new();
            if options.reads == Modality::Pairs {
                // Those that are retrieved are of the training part, whatever share of it is trained on.
                pictures.extend(context.corpora.pictures(&options.data, Split::Train)?);
            }
            let mut take = |split, max, all: &mut Vec<StoredExample<'a>>| -> Result<Range<usize>, RunError> {
                let first = all.len();
                let mut examples = options.examples(&context.corpora, split)?;
                subsample(&mut examples, max);
                for example in examples {
                    all.push(match example {
                        MultimodalExample::Text(text) => StoredExample::Text(student.encode(text)?),
                        MultimodalExample::Image(picture) => {
                            pictures.push(picture);
                            StoredExample::Image(picture)
                        }
                        MultimodalExample::Pair(pair) => {
                            pictures.push(pair.picture);
                            StoredExample::Pair(pair)
                        }
                    });
                }
                Ok(first..all.len())
            };
            let (of_training, of_validation) = (
                take(Split::Train, usize::MAX, &mut train)?,
                take(Split::Validation, most, &mut validation)?,
            );
            for picture in pictures {
                // Both have it at the same place.
                student.add(picture)?;
                if let Some((_, own)) = &mut teacher {
                    own.add(picture)?;
                }
            }
            tables.push(Table {
                reads: options.reads,
                masking: predicts_words
                    .then(|| Masking::new(&options.mask, job.tokenizer, job.seed))
                    .transpose()?,
                left_out: counts_over(TargetKind::LeftOutSpans).then(|| {
                    let most = data.max_length().min(config.max_length());
                    LeftOutSpans::new(&options.left_out, job.seed, config.padding(), most)
                }),
                mask_images: options.mask_images.clone(),
                paired_negatives: options.paired_negatives,
                share: options.share,
                train: of_training,
                validation: of_validation,
            });
        }
        let lengths = train.iter().map(|example| length(example, &student)).collect::<Result<Vec<_>, _>>()?;
        let is_cut =
            |example: &&StoredExample<'_>| matches!(example, StoredExample::Text(own) if own.truncated);
        let statistics = DatasetStatistics {
            examples: train.len(),
            labelled: train.len(),
            truncated: train.iter().filter(is_cut).count(),
            validation: validation.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            streams: Streams::new(job.seed),
            student,
            teacher,
            tables,
            train,
            validation,
            lengths,
            batch_size: job.train.batch.size,
            compares_pairs: counts_over(TargetKind::PassageLists),
            object_classes: match &config.outline().regions {
                Some(heads) if counts_over(TargetKind::RegionClasses) => heads.objects,
                _ => 0,
            },
            statistics,
        })
    }

    /// The table of an example of the training.
    fn table(&self, row: usize) -> Option<&Table> {
        self.tables.iter().find(|table| table.train.contains(&row))
    }

    /// The losses' inputs over examples of one table, in an epoch. Views of images are drawn in training alone.
    fn run(
        &self,
        table: &Table,
        examples: &[StoredExample<'_>],
        rows: &[usize],
        epoch: u64,
        (pass, context): (Pass<'_>, &ForwardContext<'_>),
    ) -> Result<ForwardOutputs, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        let views = matches!(pass, Pass::Train(_)).then(|| Views::new(self.streams, epoch));
        match table.reads {
            Modality::Texts => {
                let own = rows.iter().filter_map(|&row| match &examples[row] {
                    StoredExample::Text(tokens) => Some(tokens),
                    _ => None,
                });
                let own: Vec<&EncodedText> = own.collect();
                let (mut student, mut targets) = (Trace::new(TapSelection::All), Targets::default());
                if let Some(masking) = &table.masking {
                    let input = TextInput::pad(&own, self.config.padding());
                    let (text, masked) = masking.batch(input, epoch);
                    let batch = Batch::of_texts(text);
                    record(&mut student, PREDICTION_LOGITS, &batch, (&*network, pass))?;
                    targets = masked;
                }
                if let Some(left_out) = &table.left_out {
                    let split = left_out.batch(&own, (epoch, rows));
                    let batch = Batch { target: Some(split.written), ..Batch::of_texts(split.read) };
                    record(&mut student, TARGET_LOGITS, &batch, (&*network, pass))?;
                    targets.spans = split.targets;
                }
                Ok(ForwardOutputs { student, teacher: None, targets })
            }
            Modality::Images => {
                let own = rows.iter().filter_map(|&row| match &examples[row] {
                    StoredExample::Image(picture) => self.student.place(picture),
                    _ => None,
                });
                let own: Vec<usize> = own.collect();
                let (Batch { image, regions, .. }, object_probabilities) =
                    self.student.images_with_classes(&own, views, self.object_classes)?;
                let stream = |row: usize| self.streams.masking_of_regions(epoch, rows[row] as u64);
                let ((image, regions), regions_known) =
                    mask_images(&table.mask_images, (image, regions), stream)?;
                let batch = Batch { image, regions, ..Batch::default() };
                let mut wanted = vec![PREDICTED_FEATURES];
                wanted.extend((self.object_classes > 0).then_some(OBJECT_LOGITS));
                let wanted = TapSelection::named(wanted).with_padding();
                let student = network.forward(&batch, pass, wanted)?;
                let object_probabilities = Arc::new(object_probabilities);
                let regions = RegionTargets { object_probabilities, ..regions_known };
                let targets = Targets { regions, ..Targets::default() };
                Ok(ForwardOutputs { student, teacher: None, targets })
            }
            Modality::Pairs => {
                let drawn = self.drawn(examples, rows, epoch);
                let lists = PairLists::new(&drawn, table.paired_negatives);
                self.pair_outputs(table, (&drawn, &lists), (rows, epoch), views, (&*network, pass))
            }
        }
    }

    /// Pairs as an epoch has them.
    fn drawn<'e>(&self, examples: &'e [StoredExample<'_>], rows: &[usize], epoch: u64) -> Vec<DrawnPair<'e>> {
        let draw = |&row: &usize| match &examples[row] {
            StoredExample::Pair(pair) => {
                let mut random = self.streams.pairing(epoch, row as u64);
                pair.draw(&mut random, |picture| self.student.place(picture))
            }
            _ => None,
        };
        rows.iter().filter_map(draw).collect()
    }

    /// The losses' inputs over pairs: scores of lists by student and teacher, and masked captions that are read with their images.
    fn pair_outputs(
        &self,
        table: &Table,
        (drawn, lists): (&[DrawnPair<'_>], &PairLists<'_>),
        (rows, epoch): (&[usize], u64),
        views: Option<Views>,
        (network, pass): (&dyn Architecture, Pass<'_>),
    ) -> Result<ForwardOutputs, RunError> {
        let (mut student, mut targets, mut teacher) =
            (Trace::new(TapSelection::All), Targets::default(), None);
        let places: Vec<usize> = drawn.iter().map(|pair| pair.image).collect();
        if let Some(masking) = &table.masking {
            let captions: Vec<&str> = drawn.iter().map(|pair| pair.caption).collect();
            let input = self.student.text(&captions)?;
            let (text, masked) = masking.batch_of_examples(input, epoch, rows);
            let batch = Batch { text: Some(text), ..self.student.images(&places, views)? };
            record(&mut student, PREDICTION_LOGITS, &batch, (network, pass))?;
            targets = masked;
        }
        if let Some(left_out) = &table.left_out {
            let captions = drawn.iter().map(|pair| self.student.encode(pair.caption));
            let captions: Vec<EncodedText> = captions.collect::<Result<_, _>>()?;
            let split = left_out.batch(&captions.iter().collect::<Vec<_>>(), (epoch, rows));
            let (text, target) = (Some(split.read), Some(split.written));
            let batch = Batch { text, target, ..self.student.images(&places, views)? };
            record(&mut student, TARGET_LOGITS, &batch, (network, pass))?;
            targets.spans = split.targets;
        }
        if self.compares_pairs {
            let forward = |batch: &Batch, wanted| Ok(network.forward(batch, pass, wanted)?);
            student.record(RELEVANCE, &self.student.scores(lists, views, &forward)?);
            targets.lists = lists.targets().lists;
            if let Some((teacher_model, reader)) = &self.teacher {
                let forward = |batch: &Batch, wanted| Ok(teacher_model.trace(batch.into(), &wanted)?);
                let scores = reader.scores(lists, views.map(Views::of_teacher), &forward)?;
                let mut trace = Trace::new(TapSelection::named([RELEVANCE]));
                trace.record(RELEVANCE, &scores.detach());
                teacher = Some(trace);
            }
        }
        Ok(ForwardOutputs { student, teacher, targets })
    }

    /// What each source has of the sum over the positives of pairs of the validation split, by its name, a mean over pairs.
    fn shares_of_positives(&self, context: &ForwardContext<'_>) -> Result<IndexMap<String, f64>, RunError> {
        let mut sums = [0.0; Source::OF_POSITIVES.len()];
        let mut pairs = 0;
        let network = architecture::build(self.config, context.weights)?;
        for table in self.tables.iter().filter(|table| table.reads == Modality::Pairs && self.compares_pairs)
        {
            let rows: Vec<usize> = table.validation.clone().take(RECORDED).collect();
            for some in rows.chunks(self.batch_size.max(2)) {
                let drawn = self.drawn(&self.validation, some, VALIDATION);
                let lists = PairLists::new(&drawn, table.paired_negatives);
                let forward = |batch: &Batch, wanted| Ok(network.forward(batch, Pass::Evaluate, wanted)?);
                let scores = self.student.scores(&lists, None, &forward)?;
                for (sum, share) in sums.iter_mut().zip(lists.shares(&scores.to_vec2()?)) {
                    *sum += share;
                }
                pairs += drawn.len();
            }
        }
        let share = |((_, name), sum): (&(Source, &str), f64)| ((*name).to_owned(), sum / pairs as f64);
        Ok(Source::OF_POSITIVES.iter().zip(sums).map(share).filter(|_| pairs > 0).collect())
    }
}

/// Records a tap of a pass over a batch.
fn record(
    trace: &mut Trace,
    tap: &str,
    batch: &Batch,
    (network, pass): (&dyn Architecture, Pass<'_>),
) -> Result<(), RunError> {
    if let Some(found) = network.forward(batch, pass, TapSelection::named([tap]))?.get(tap) {
        trace.record(tap, found);
    }
    Ok(())
}

/// Tokens of an example, its longest caption among them.
fn length(example: &StoredExample<'_>, reader: &PairReader<'_>) -> Result<(usize, usize), RunError> {
    Ok(match example {
        StoredExample::Text(tokens) => (tokens.ids.len(), 0),
        StoredExample::Image(_) => (1, 0),
        StoredExample::Pair(pair) => {
            let lengths = pair.captions.iter().map(|text| Ok(reader.encode(text)?.ids.len()));
            (lengths.collect::<Result<Vec<_>, RunError>>()?.into_iter().max().unwrap_or_default(), 0)
        }
    })
}

impl TrainingTask for MultimodalTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.lengths.clone()
    }

    fn groups(&self) -> Vec<BatchGroup> {
        let group = |table: &Table| BatchGroup { examples: table.train.clone(), share: table.share };
        self.tables.iter().map(group).collect()
    }

    fn counts(&self, term: &Term, batch: &[usize]) -> bool {
        batch.first().and_then(|&row| self.table(row)).is_some_and(|table| is_of(term, table.reads))
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let table = batch.first().and_then(|&row| self.table(row));
        let table = table.ok_or_else(|| RunError::Recipe("a batch has no example".into()))?;
        self.run(table, &self.train, batch, epoch, (Pass::Train(context.dropout), context))
    }

    fn primary_metric(&self) -> PrimaryMetric {
        PrimaryMetric::LOSS
    }

    /// The weighted sum of the terms over the validation split, those of each table over its examples.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let mut sum = 0.0;
        for table in &self.tables {
            let (first, count) = (table.validation.start, table.validation.len());
            let counts = |term: &Term| is_of(term, table.reads);
            let value = validation_loss_of(counts, count, self.batch_size, context, |rows| {
                let rows: Vec<usize> = rows.iter().map(|row| first + row).collect();
                self.run(table, &self.validation, &rows, VALIDATION, (Pass::Evaluate, context))
            })?;
            sum += value * count as f64;
        }
        Ok(sum / self.validation.len().max(1) as f64)
    }

    fn validate_all(&self, context: &ForwardContext<'_>) -> Result<IndexMap<String, f64>, RunError> {
        let value = (self.primary_metric().name.to_owned(), self.validate(context)?);
        let mut values: IndexMap<String, f64> = [value].into_iter().collect();
        values.extend(self.shares_of_positives(context)?);
        Ok(values)
    }
}
