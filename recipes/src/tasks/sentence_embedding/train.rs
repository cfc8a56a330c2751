//! Training embeddings of sentences.

use std::sync::{Arc, Mutex};

use alambic_data::Split;
use alambic_data::sampling::expected_counts;
use alambic_inference::EncoderPipeline;
use alambic_losses::Targets;
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelError, Pass, Tokenizer, Trace};
use alambic_reports::metrics::{Metric, PredictionKind};
use alambic_teachers::Teacher;
use alambic_teachers::cache::EncodedTexts;
use alambic_tensor::Streams;
use indexmap::{IndexMap, IndexSet};
use rand::seq::SliceRandom;

use super::bitext::{BitextSet, TeacherEmbeddings};
use super::options::{SentencesData, Side, Sides};
use super::pairs::BitextPair;
use crate::context::RunContext;
use crate::error::RunError;
use crate::observer::Observer;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::sides::SideRows;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::teacher_outputs::{Request, TeacherOutputs, open};
use crate::training::validation::defined_value;

/// Sentences and translations, and the student and the teacher that read them.
pub(crate) struct SentenceTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    /// Side of each pair that the student reads: sentence and translation, or one of them.
    read: Vec<Vec<EncodedText>>,
    /// The number of each of these texts, by which those that say the same are known.
    numbers: Vec<Vec<u32>>,
    /// Side of each pair that the teacher reads.
    teacher_inputs: Vec<EncodedText>,
    teacher_padding: u32,
    outputs: Option<TeacherOutputs<'a>>,
    taps: Taps,
    /// The pairs of each language.
    languages: Vec<Vec<usize>>,
    smoothing: f64,
    streams: Streams,
    /// The pairs of an epoch, in the order in which they are numbered there.
    epoch: Mutex<Option<(u64, Vec<usize>)>>,
    validation: BitextSet<'a>,
    teacher_embeddings: Option<TeacherEmbeddings>,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

impl<'a> SentenceTraining<'a> {
    /// Takes the pairs of a training, encodes them, and has the teacher read its side where its outputs are to be kept.
    pub(crate) fn new(
        data: &'a SentencesData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
        observer: &mut dyn Observer,
    ) -> Result<Self, RunError> {
        let (config, corpora) = (job.config, &context.corpora);
        let Some(options) = data.parallel.iter().next() else {
            return Err(RunError::Recipe(format!("stage `{}` has no sentences", job.stage)));
        };
        let train = data.pairs(corpora, Split::Train)?;
        let mut validation = data.pairs(corpora, Split::Validation)?;
        subsample(&mut validation, job.train.validation_examples);
        let tokenizer = job.tokenizer.with_max_length(options.max_length.min(config.max_length()))?;
        let (mut read, mut numbers) = (Vec::with_capacity(train.len()), Vec::with_capacity(train.len()));
        let mut known: IndexSet<&str> = IndexSet::new();
        for pair in &train {
            let texts: &[&str] = match options.student_side {
                Sides::Both => &[pair.source, pair.target],
                Sides::Source => &[pair.source],
                Sides::Target => &[pair.target],
            };
            let encoded = texts.iter().map(|text| tokenizer.encode_text(text, None));
            read.push(encoded.collect::<Result<Vec<EncodedText>, ModelError>>()?);
            numbers.push(texts.iter().map(|text| known.insert_full(text).0 as u32).collect());
        }
        let taps = job.taps();
        let teacher = job.teacher.filter(|_| !taps.teacher.is_empty());
        let (teacher_inputs, teacher_padding) = match teacher.and_then(Teacher::tokenizer) {
            None => (Vec::new(), 0),
            Some(other) => {
                let room = teacher.and_then(Teacher::max_length).unwrap_or(usize::MAX);
                let other = other.with_max_length(options.max_length.min(room))?;
                let text = |pair: &BitextPair<'_>| match options.teacher_side {
                    Side::Source => other.encode_text(pair.source, None),
                    Side::Target => other.encode_text(pair.target, None),
                };
                (train.iter().map(text).collect::<Result<Vec<_>, ModelError>>()?, other.padding()?)
            }
        };
        let (outputs, cached) = match teacher {
            None => (None, None),
            Some(teacher) => {
                let texts = EncodedTexts { texts: teacher_inputs.iter().collect(), padding: teacher_padding };
                let request = Request { stage: job.stage, taps: &taps.teacher, texts };
                let reads = job.cache.reads_per_text(train.len());
                let (outputs, cached) = open(job.cache, teacher, &request, reads, observer)?;
                (Some(outputs), cached)
            }
        };
        let mut languages: IndexMap<&str, Vec<usize>> = IndexMap::new();
        for (index, pair) in train.iter().enumerate() {
            languages.entry(pair.language).or_default().push(index);
        }
        let validation = BitextSet::new(&validation);
        let statistics = DatasetStatistics {
            examples: train.len(),
            labelled: train.len(),
            truncated: read.iter().filter(|sides| sides.iter().any(|text| text.truncated)).count(),
            validation: validation.relevant().len(),
            cached,
            ..DatasetStatistics::default()
        };
        let is_embedding = job.teacher.and_then(Teacher::folder).is_some();
        let other = job.teacher_name.filter(|_| is_embedding && options.student_side.other().is_some());
        let pipeline = other.map(|name| Ok::<_, RunError>(context.models.encoder(name)?.encoder_pipeline()?));
        let pipeline = pipeline.transpose()?;
        let teacher_embeddings =
            TeacherEmbeddings::new(&validation, options.student_side, pipeline.as_ref())?;
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            read,
            numbers,
            teacher_inputs,
            teacher_padding,
            outputs,
            taps,
            languages: languages.into_values().collect(),
            smoothing: options.smoothing,
            streams: Streams::new(job.seed),
            epoch: Mutex::new(None),
            validation,
            teacher_embeddings,
            metric: job.metric(PredictionKind::Ranking)?,
            statistics,
        })
    }

    /// The pairs of an epoch: as many as there are, of each language by its share.
    fn sampled(&self, epoch: u64) -> Vec<usize> {
        let counts: Vec<usize> = self.languages.iter().map(Vec::len).collect();
        let mut sampled = Vec::with_capacity(counts.iter().sum());
        let expected = expected_counts(&counts, self.smoothing);
        for (number, (own, expected)) in self.languages.iter().zip(expected).enumerate() {
            let wanted = expected.round() as usize;
            // Whole passes over a language, and of the last one a part.
            for _ in 0..wanted / own.len() {
                sampled.extend_from_slice(own);
            }
            let rest = wanted % own.len();
            if rest > 0 {
                let mut order = own.clone();
                order.shuffle(&mut self.streams.pairing(epoch, number as u64));
                sampled.extend_from_slice(&order[..rest]);
            }
        }
        sampled
    }

    /// Batches of the pairs of an epoch.
    fn in_epoch<T>(&self, epoch: u64, work: impl FnOnce(&[usize]) -> T) -> T {
        let mut held = self.epoch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*held {
            Some((own, pairs)) if *own == epoch => work(pairs),
            _ => work(&held.insert((epoch, self.sampled(epoch))).1),
        }
    }
}

impl TrainingTask for SentenceTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, epoch: u64) -> Vec<(usize, usize)> {
        let length = |&index: &usize| {
            let longest = self.read[index].iter().map(|text| text.ids.len()).max().unwrap_or(0);
            (longest, 0)
        };
        self.in_epoch(epoch, |pairs| pairs.iter().map(length).collect())
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let rows: Vec<usize> =
            self.in_epoch(epoch, |pairs| batch.iter().map(|&index| pairs[index]).collect());
        // All sentences, and then all translations; what is there more than once is read once.
        let examples: Vec<&[u32]> = rows.iter().map(|&row| self.numbers[row].as_slice()).collect();
        let (sides, read) =
            (examples.first().map_or(0, |sides| sides.len()), SideRows::new(&examples, false));
        let model = self.config.build(context.weights)?;
        let texts: Vec<&EncodedText> =
            read.read.iter().map(|&(example, side)| &self.read[rows[example]][side]).collect();
        let input = Batch::of_texts(TextInput::pad(&texts, self.config.padding()));
        let wanted = self.taps.of_student();
        let student = read.spread(model.forward(&input, Pass::Train(context.dropout), wanted)?)?;
        let teacher = self.outputs.as_ref().map(|outputs| -> Result<Trace, RunError> {
            let texts: Vec<&EncodedText> = rows.iter().map(|&row| &self.teacher_inputs[row]).collect();
            let input = TextInput::pad(&texts, self.teacher_padding);
            let often: Vec<u32> = (0..sides).flat_map(|_| 0..rows.len() as u32).collect();
            Ok(outputs.trace(&rows, &input, &self.taps)?.rows(&often)?)
        });
        Ok(ForwardOutputs {
            student,
            teacher: teacher.transpose()?,
            targets: Targets { texts: Arc::new(read.numbers), ..Targets::default() },
        })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let pipeline = EncoderPipeline::new(
            self.config,
            self.config.build(context.weights)?.into(),
            self.tokenizer,
            usize::MAX,
        )?;
        let results = self.validation.rank_by(&pipeline, self.teacher_embeddings.as_ref())?;
        defined_value(self.metric, &results, self.validation.relevant())
    }
}
