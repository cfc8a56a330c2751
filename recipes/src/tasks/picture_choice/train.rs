//! Training a model that chooses among descriptions of pictures.

use std::sync::Arc;

use alambic_data::Split;
use alambic_inference::{ChoiceAnswer, ImageProcessor, PictureChoicePipeline};
use alambic_losses::{AlignedWord, TargetKind, Targets};
use alambic_models::{Config, EncodedText, ModelFolder, Pass, Tokenizer, Trace, architecture};
use alambic_reports::metrics::{Metric, Prediction};
use alambic_teachers::{Teacher, TeacherBatch};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use rand::seq::index::sample;

use super::options::PictureChoicesData;
use super::questions::{DescribedPicture, description, prediction, scores_of};
use super::words::{WordFrequencies, aligned_words, with_lots};
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::inputs::{PairedInputs, TextImagePair};
use crate::images::store::ImageStore;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

/// The tap of the scores.
const LOGITS: &str = "logits";

/// Pictures with descriptions, and the student and the teacher that score the descriptions.
pub(crate) struct PictureChoiceTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    max_length: usize,
    questions: Vec<DescribedPicture<'a>>,
    /// Descriptions of each question; all have as many.
    choices: usize,
    /// The descriptions of all questions, one after another, each with its picture.
    inputs: PairedInputs<'a>,
    teacher: Option<ChoosingTeacher<'a>>,
    taps: Taps,
    /// Words of every description that student and teacher both read; none where no loss compares them.
    words: Vec<Vec<AlignedWord>>,
    validation: ImageStore<'a>,
    /// Questions of the validation split, and the picture of each by its place.
    validated: Vec<(DescribedPicture<'a>, usize)>,
    metric: &'static Metric,
    streams: Streams,
    statistics: DatasetStatistics,
}

/// The teacher with the descriptions as it reads them.
struct ChoosingTeacher<'a> {
    teacher: &'a dyn Teacher,
    inputs: PairedInputs<'a>,
    /// Whether its logits are of every picture with every description of a batch.
    pairs: bool,
}

impl<'a> PictureChoiceTraining<'a> {
    /// Takes the questions of a training, encodes their descriptions, and prepares their pictures for student and teacher.
    pub(crate) fn new(
        data: &'a PictureChoicesData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let questions = data.selected(&context.corpora, Split::Train)?;
        let mut to_validate = data.selected(&context.corpora, Split::Validation)?;
        subsample(&mut to_validate, job.train.validation_examples);
        let choices = questions.first().map_or(0, |own| own.question.descriptions.len());
        if questions.iter().any(|own| own.question.descriptions.len() != choices) {
            return Err(RunError::Recipe(
                "the pictures of a stage have different numbers of descriptions".into(),
            ));
        }
        let pairs: Vec<TextImagePair<'a>> = questions
            .iter()
            .flat_map(|own| own.question.descriptions.iter().map(|text| (text.as_str(), own.picture)))
            .collect();
        let max_length = data.max_length().min(config.max_length());
        let image_processor = ImageProcessor::with_detector(config, job.detector)?;
        let tokenizer = job.tokenizer.with_max_length(max_length)?;
        let inputs = PairedInputs::new(&pairs, image_processor.clone(), &tokenizer, config.padding())?;
        let taps = job.taps();
        let mut words = Vec::new();
        let mut teacher = None;
        if let Some(own) = job.teacher.filter(|_| !taps.teacher.is_empty()) {
            let (Some(folder), Some(other)) = (own.folder(), own.tokenizer()) else {
                return Err(RunError::Recipe(format!("the teacher of `{}` reads no pictures", job.label)));
            };
            let config = Config::open(&ModelFolder::open(folder)?)?;
            let other = other.with_max_length(data.max_length().min(config.max_length()))?;
            let processor = ImageProcessor::load(&config, folder)?;
            let inputs = PairedInputs::new(&pairs, processor, &other, config.padding())?;
            teacher = Some(ChoosingTeacher { teacher: own, inputs, pairs: config.outline().pairs });
            if job.terms.iter().any(|term| term.targets.contains(&TargetKind::Words)) {
                let frequencies = WordFrequencies::new(&questions);
                let align =
                    |(text, _): &TextImagePair<'_>| aligned_words(text, [&tokenizer, &other], &frequencies);
                words = pairs.iter().map(align).collect::<Result<_, RunError>>()?;
            }
        }
        let mut validation = ImageStore::new(image_processor);
        let validated = to_validate
            .into_iter()
            .map(|own| Ok((own, validation.add(own.picture)?)))
            .collect::<Result<Vec<_>, RunError>>()?;
        let truncated = inputs.tokens().chunks(choices.max(1));
        let statistics = DatasetStatistics {
            examples: questions.len(),
            labelled: questions.iter().filter(|own| own.is_labelled).count(),
            truncated: truncated.filter(|own| own.iter().any(|tokens| tokens.truncated)).count(),
            validation: validated.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            max_length,
            questions,
            choices,
            inputs,
            teacher,
            taps,
            words,
            validation,
            validated,
            metric: job.metric(description())?,
            streams: Streams::new(job.seed),
            statistics,
        })
    }

    /// The rows of the descriptions of questions.
    fn rows(&self, batch: &[usize]) -> Vec<usize> {
        batch.iter().flat_map(|&index| index * self.choices..(index + 1) * self.choices).collect()
    }

    /// The choice of each question that its terms are over: the true one, or, where a training does not know it, the teacher's.
    fn described(&self, batch: &[usize], teacher: Option<&Tensor>) -> Result<Vec<usize>, RunError> {
        let scores: Option<Vec<Vec<f32>>> = teacher.map(Tensor::to_vec2).transpose()?;
        let choice = |(row, &index): (usize, &usize)| {
            let own = &self.questions[index];
            let chosen = scores.as_ref().and_then(|scores| ChoiceAnswer::of_scores(scores[row].clone()));
            match chosen.filter(|_| !own.is_labelled) {
                Some(chosen) => chosen.choice,
                None => own.question.answer,
            }
        };
        Ok(batch.iter().enumerate().map(choice).collect())
    }

    /// A trace of all descriptions brought to questions: scores `[questions, choices]`, and of all else the rows of one description
    /// each.
    fn by_question(
        &self,
        trace: &Trace,
        logits: Option<Tensor>,
        described: &[usize],
    ) -> Result<Trace, RunError> {
        let rows: Vec<u32> =
            (0u32..).zip(described).map(|(row, choice)| row * self.choices as u32 + *choice as u32).collect();
        let mut own = trace.rows(&rows)?;
        if let Some(logits) = logits {
            own.record(LOGITS, &logits);
        }
        Ok(own)
    }

    /// What the losses know of the questions of a batch.
    fn targets(&self, batch: &[usize], described: &[usize], epoch: u64) -> Targets {
        let is = |yes: bool| f32::from(u8::from(yes));
        let words = |(&index, choice): (&usize, &usize)| match self.words.get(index * self.choices + choice) {
            Some(words) => {
                with_lots(words, self.streams, epoch, &self.questions[index].question.descriptions[*choice])
            }
            None => Vec::new(),
        };
        Targets {
            classes: Arc::new(described.iter().map(|choice| *choice as u32).collect()),
            labelled: Arc::new(batch.iter().map(|&index| is(self.questions[index].is_labelled)).collect()),
            teacher_mask: Arc::new(vec![1.0; batch.len()]),
            words: Arc::new(batch.iter().zip(described).map(words).collect()),
            ..Targets::default()
        }
    }
}

impl ChoosingTeacher<'_> {
    /// The teacher's trace over the descriptions of questions, one image a question where it reads them apart, and its scores
    /// `[questions, choices]`, where its logits are wanted.
    fn trace(
        &self,
        (batch, choices): (&[usize], usize),
        taps: &Taps,
        sampler: &mut dyn FnMut(usize, usize) -> Vec<usize>,
        views: Views,
    ) -> Result<(Trace, Option<Tensor>), RunError> {
        let rows: Vec<usize> =
            batch.iter().flat_map(|&index| index * choices..(index + 1) * choices).collect();
        let tokens: Vec<&EncodedText> = rows.iter().map(|&row| &self.inputs.tokens()[row]).collect();
        let firsts: Vec<usize> = batch.iter().map(|&index| index * choices).collect();
        let images = if self.pairs { &firsts } else { &rows };
        let read = self.inputs.batch_of(images, &tokens, sampler, Some(views.of_teacher()))?;
        let trace = self.teacher.trace(TeacherBatch::from(&read), &taps.of_teacher())?;
        let Some(logits) = trace.get(LOGITS) else { return Ok((trace, None)) };
        let logits = if self.pairs {
            let own: Vec<Tensor> = (0..batch.len())
                .map(|row| logits.narrow(0, row, 1)?.narrow(1, row * choices, choices))
                .collect::<Result<_, _>>()?;
            Tensor::cat(&own, 0)?
        } else {
            logits.reshape((batch.len(), choices))?
        };
        Ok((trace, Some(logits.detach())))
    }

    /// The teacher's trace brought to questions. Of taps of pictures that are read once a question, all rows stay.
    fn by_question(
        &self,
        (trace, logits): (Trace, Option<Tensor>),
        (described, choices): (&[usize], usize),
    ) -> Result<Trace, RunError> {
        let rows: Vec<u32> =
            (0u32..).zip(described).map(|(row, choice)| row * choices as u32 + *choice as u32).collect();
        let mut own = Trace::new(trace.wanted().clone());
        let index = Tensor::new(rows.as_slice(), alambic_tensor::device::current())?;
        for (name, tensor) in trace.taps().iter().filter(|(name, _)| *name != LOGITS) {
            let is_of_pictures =
                self.pairs && tensor.dim(0)? == described.len() && name.starts_with("image.");
            let tensor =
                if is_of_pictures { tensor.clone() } else { tensor.contiguous()?.index_select(&index, 0)? };
            own.record(name, &tensor);
        }
        for (stream, mask) in trace.masks() {
            let all = if self.pairs && stream.starts_with("image") {
                described.len()
            } else {
                described.len() * choices
            };
            let length = mask.len() / all.max(1);
            let is_of_pictures = all == described.len();
            let kept = |(row, &chosen): (usize, &u32)| {
                let row = if is_of_pictures { row } else { chosen as usize };
                mask[row * length..][..length].to_vec()
            };
            own.record_mask(stream, &Arc::new(rows.iter().enumerate().flat_map(kept).collect()));
        }
        if let Some(logits) = logits {
            own.record(LOGITS, &logits);
        }
        Ok(own)
    }
}

impl TrainingTask for PictureChoiceTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        let longest =
            |own: &[EncodedText]| own.iter().map(|tokens| tokens.ids.len()).max().unwrap_or_default();
        self.inputs.tokens().chunks(self.choices.max(1)).map(|own| (longest(own), 0)).collect()
    }

    fn has_labels(&self, batch: &[usize]) -> bool {
        self.statistics.labelled == 0 || batch.iter().any(|&index| self.questions[index].is_labelled)
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let first = batch.first().copied().unwrap_or_default();
        let mut random = self.streams.patches(epoch, first as u64);
        let mut sampler = |count: usize, most: usize| {
            let mut picked = sample(&mut random, count, most).into_vec();
            picked.sort_unstable();
            picked
        };
        let views = Views::new(self.streams, epoch);
        let read = self.inputs.batch(&self.rows(batch), &mut sampler, Some(views))?;
        let network = architecture::build(self.config, context.weights)?;
        let student = network.forward(&read, Pass::Train(context.dropout), self.taps.of_student())?;
        let teacher = self.teacher.as_ref();
        let teacher = teacher
            .map(|own| own.trace((batch, self.choices), &self.taps, &mut sampler, views))
            .transpose()?;
        let described = self.described(batch, teacher.as_ref().and_then(|(_, logits)| logits.as_ref()))?;
        let logits =
            student.get(LOGITS).map(|logits| logits.reshape((batch.len(), self.choices))).transpose()?;
        let teacher = match (&self.teacher, teacher) {
            (Some(own), Some(traced)) => Some(own.by_question(traced, (&described, self.choices))?),
            _ => None,
        };
        Ok(ForwardOutputs {
            student: self.by_question(&student, logits, &described)?,
            teacher,
            targets: self.targets(batch, &described, epoch),
        })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        let pipeline = PictureChoicePipeline::new(
            self.config,
            network.into(),
            self.validation.image_processor().clone(),
            self.tokenizer,
            self.max_length,
        )?;
        let scores = scores_of(&pipeline, &self.validation, &self.validated)?;
        let predictions: Vec<Prediction> = scores.iter().map(|scores| prediction(scores)).collect();
        let references: Vec<Prediction> = self.validated.iter().map(|(own, _)| own.reference()).collect();
        defined_value(self.metric, &predictions, &references)
    }
}
