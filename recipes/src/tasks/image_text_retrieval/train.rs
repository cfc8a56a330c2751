//! Training a model that retrieves images by captions, and captions by images.

use alambic_data::{Picture, Split, is_in_subsample};
use alambic_inference::{ImageProcessor, RetrievalPipeline};
use alambic_losses::{RELEVANCE, Targets};
use alambic_models::{Config, Pass, TapSelection, Tokenizer, architecture};
use alambic_reports::metrics::{Metric, PredictionKind};
use alambic_tensor::Streams;
use rand::Rng;

use super::lists::HardLists;
use super::options::{CaptionData, CaptionsData};
use super::ranker::Ranker;
use super::set::{CaptionedPicture, RetrievalSet};
use crate::context::RunContext;
use crate::corpora::Corpora;
use crate::error::RunError;
use crate::images::inputs::{PairedInputs, StudentInputs, TeacherInputs, TextImagePair};
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::tasks::task::Task;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

impl CaptionData {
    /// The images of a split that have captions.
    pub(super) fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<&'c Picture>, RunError> {
        let mut pictures = corpora.captioned(&self.data, split, &self.languages)?;
        pictures.retain(|picture| is_in_subsample(picture, self.fraction));
        Ok(pictures)
    }
}

impl CaptionsData {
    /// The images of a split with the captions that are read, those of all tables one after another.
    fn selected<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<CaptionedPicture<'c>>, RunError> {
        let mut pictures = Vec::new();
        for options in self.captions.iter() {
            let selected = options.selected(corpora, split)?;
            pictures.extend(selected.into_iter().map(|own| CaptionedPicture::new(own, &options.languages)));
        }
        Ok(pictures)
    }

    /// Each caption of a split with its image.
    pub(super) fn captioned<'c>(
        &self,
        corpora: &'c Corpora,
        split: Split,
    ) -> Result<Vec<TextImagePair<'c>>, RunError> {
        let all = self.selected(corpora, split)?.into_iter();
        Ok(all
            .flat_map(|own| own.captions.into_iter().map(move |caption| (caption.text.as_str(), own.picture)))
            .collect())
    }
}

/// Images, each with one of its captions, and the student and the teacher that compare them.
pub(crate) struct CaptionTraining<'a> {
    config: &'a Config,
    tokenizer: &'a Tokenizer,
    inputs: PairedInputs<'a>,
    /// The first caption of each image among those shown, and how many it has.
    captions: Vec<(usize, usize)>,
    validation: RetrievalSet<'a>,
    /// Every caption of the training with its image.
    pairs: Vec<TextImagePair<'a>>,
    /// Wrong texts and images of a list; none where no loss is over lists.
    negatives: Option<usize>,
    /// Whether the teacher scores the pairs of lists, and is not read otherwise.
    has_scores_of_teacher: bool,
    streams: Streams,
    taps: Taps,
    /// None where no loss reads its taps.
    teacher: Option<TeacherInputs<'a>>,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

impl<'a> CaptionTraining<'a> {
    /// Takes the images of a training that have captions, and prepares both.
    pub(crate) fn new(
        data: &CaptionsData,
        context: &'a RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = job.config;
        let image_processor = ImageProcessor::new(config, None)?;
        let pictures = data.selected(&context.corpora, Split::Train)?;
        let (mut pairs, mut captions) = (Vec::new(), Vec::with_capacity(pictures.len()));
        for own in &pictures {
            captions.push((pairs.len(), own.captions.len()));
            pairs.extend(own.captions.iter().map(|caption| (caption.text.as_str(), own.picture)));
        }
        let tokenizer = job.tokenizer.with_max_length(data.max_length().min(config.max_length()))?;
        let inputs = PairedInputs::new(&pairs, image_processor.clone(), &tokenizer, config.padding())?;
        let taps = job.taps();
        let student = StudentInputs { image_processor: &image_processor, same_texts: true };
        let is_of_lists = taps.student.iter().any(|tap| tap == RELEVANCE);
        let most = data.captions.iter().map(|options| options.negatives).max().unwrap_or_default();
        let negatives = is_of_lists.then_some(most);
        let teacher =
            TeacherInputs::new(job.teacher, taps.of_teacher(), &pairs, &student, data.max_length())?;
        // Of pairs the teacher's logits are read, of which the task makes scores.
        let has_scores_of_teacher = taps.teacher.iter().any(|tap| tap == RELEVANCE);
        let teacher = teacher.map(|teacher| {
            if has_scores_of_teacher { teacher.wanting(TapSelection::named(["logits"])) } else { teacher }
        });
        let mut validation = data.selected(&context.corpora, Split::Validation)?;
        subsample(&mut validation, job.train.validation_examples);
        let statistics = DatasetStatistics {
            examples: pictures.len(),
            labelled: pictures.len(),
            truncated: inputs.tokens().iter().filter(|tokens| tokens.truncated).count(),
            validation: validation.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            tokenizer: job.tokenizer,
            inputs,
            captions,
            validation: RetrievalSet::new(validation, false),
            pairs,
            negatives,
            has_scores_of_teacher,
            streams: Streams::new(job.seed),
            taps,
            teacher,
            metric: job.metric(PredictionKind::Ranking)?,
            statistics,
        })
    }
}

impl TrainingTask for CaptionTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        let length = |&(first, _): &(usize, usize)| (self.inputs.tokens()[first].ids.len(), 0);
        self.captions.iter().map(length).collect()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let drawn = |&image: &usize| {
            let (first, count) = self.captions[image];
            first + self.streams.pairing(epoch, image as u64).random_range(0..count)
        };
        let rows: Vec<usize> = batch.iter().map(drawn).collect();
        let views = Some(Views::new(self.streams, epoch));
        // Every patch is read.
        let mut all = |count: usize, _: usize| (0..count).collect();
        let shown = self.inputs.batch(&rows, &mut all, views)?;
        let network = architecture::build(self.config, context.weights)?;
        let mut wanted: Vec<&str> = self.taps.student.iter().map(String::as_str).collect();
        if self.negatives.is_some() {
            wanted.push("logits");
        }
        let wanted = TapSelection::named(wanted);
        let mut student = network.forward(&shown, Pass::Train(context.dropout), wanted)?;
        if let Some(negatives) = self.negatives {
            let logits = student
                .get("logits")
                .cloned()
                .ok_or_else(|| RunError::Recipe("the student has no logits of images with texts".into()))?;
            let pairs: Vec<TextImagePair<'_>> = rows.iter().map(|&row| self.pairs[row]).collect();
            let lists = HardLists::new(&logits.detach().to_vec2()?, &pairs, negatives);
            student.record(RELEVANCE, &lists.scores(&logits)?);
            let teacher = match &self.teacher {
                Some(own) if self.has_scores_of_teacher => {
                    Some(lists.teacher_scores(own, &rows, &pairs, &shown, views)?)
                }
                Some(own) => Some(own.trace(&rows, &shown, &mut all, views)?),
                None => None,
            };
            return Ok(ForwardOutputs { student, teacher, targets: lists.targets() });
        }
        let teacher = self.teacher.as_ref().map(|teacher| teacher.trace(&rows, &shown, &mut all, views));
        let teacher = teacher.transpose()?;
        Ok(ForwardOutputs { student, teacher, targets: Targets::default() })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        self.metric.into()
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let network = architecture::build(self.config, context.weights)?;
        let pipeline = RetrievalPipeline::new(self.config, network.into(), self.tokenizer)?;
        let found = self.validation.rank_by(&Ranker::Towers(Box::new(pipeline)))?;
        defined_value(self.metric, &found, self.validation.relevant())
    }
}
