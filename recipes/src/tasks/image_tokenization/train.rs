//! Training a model that makes tokens of images, and images of tokens.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_data::{Picture, Raster, Split};
use alambic_files::text::quoted;
use alambic_inference::ImageTokenizerPipeline;
use alambic_losses::Targets;
use alambic_models::image_tokenizer::{
    CodeUsage, Codebook, Coding, ImageTokenizer, ImageTokenizerConfig, Quantizer,
};
use alambic_models::{Config, Images, ModelError};
use alambic_reports::metrics::{ImagePrediction, Metric, Prediction, PredictionKind, Scores, score_all};
use alambic_settings::IndexMap;
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::Weights;
use alambic_tensor::{Streams, device};
use rayon::prelude::*;

use super::codes::{advance, check_usage, temperature};
use super::options::ImagesData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{FinishedStep, ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};

/// Images by which the codes in use are counted where nothing is held out to validate on.
const COUNTED: usize = 500;

/// Figures of a validation beside the metric that chooses checkpoints.
const FIGURES: [&str; 3] = ["l1", "codes-used", "code-perplexity"];

/// An image, with the picture of which views are drawn where it is augmented.
struct TrainingImage {
    raster: Raster,
    augmented: Option<Picture>,
}

/// Images, and the model that learns to make them of tokens.
pub(crate) struct ImageTraining<'a> {
    config: &'a ImageTokenizerConfig,
    images: Vec<TrainingImage>,
    validation: Vec<Raster>,
    streams: Streams,
    taps: Taps,
    metric: &'static Metric,
    statistics: DatasetStatistics,
}

/// The configuration of a model that makes tokens of images.
///
/// # Errors
/// When it is that of another one.
fn tokenizer_of(config: &Config) -> Result<&ImageTokenizerConfig, RunError> {
    match config {
        Config::ImageTokenizer(own) => Ok(own),
        other => Err(ModelError::Configuration(format!(
            "an image tokenizer is needed here, and a {} is none",
            other.model_type()
        ))
        .into()),
    }
}

/// The pixels of a picture that a model reads as it is.
///
/// # Errors
/// When it cannot be read, or has another size than the model reads.
pub(crate) fn raster_of(picture: &Picture, config: &ImageTokenizerConfig) -> Result<Raster, RunError> {
    let (raster, side) = (picture.load()?, config.image_size);
    if (raster.width, raster.height) == (side, side) {
        return Ok(raster);
    }
    Err(RunError::Recipe(format!(
        "the image `{}` has {} × {} pixels, and the image tokenizer reads {side} × {side}: bring all images to one size, or set the model's \
         `image`",
        quoted(&picture.name),
        raster.width,
        raster.height
    )))
}

impl<'a> ImageTraining<'a> {
    /// Takes the images of a training.
    pub(crate) fn new(
        data: &ImagesData,
        context: &RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let config = tokenizer_of(job.config)?;
        let selected = data.selected(&context.corpora, Split::Train)?;
        let images = selected
            .into_par_iter()
            .map(|picture| {
                let augmented = picture.augmentation.is_some().then(|| picture.clone());
                Ok(TrainingImage { raster: raster_of(picture, config)?, augmented })
            })
            .collect::<Result<Vec<_>, RunError>>()?;
        let mut validation = data.selected(&context.corpora, Split::Validation)?;
        subsample(&mut validation, job.train.validation_examples);
        let validation = validation
            .into_iter()
            .map(|picture| raster_of(picture, config))
            .collect::<Result<Vec<_>, _>>()?;
        let statistics = DatasetStatistics {
            examples: images.len(),
            labelled: images.len(),
            validation: validation.len(),
            ..DatasetStatistics::default()
        };
        Ok(Self {
            config,
            images,
            validation,
            streams: Streams::new(job.seed),
            taps: job.taps(),
            metric: job.metric(PredictionKind::Image)?,
            statistics,
        })
    }

    /// An image as it is seen in an epoch.
    fn view<'s>(&self, image: &'s TrainingImage, epoch: u64) -> Cow<'s, Raster> {
        let drawn = image.augmented.as_ref().and_then(|own| Some((own, own.augmentation.as_ref()?)));
        let Some((picture, augmentation)) = drawn else { return Cow::Borrowed(&image.raster) };
        let side = self.config.image_size;
        let view = Views::new(self.streams, epoch).of(picture, augmentation, &image.raster);
        let seen = view.apply(&image.raster, Some((side, side)));
        Cow::Owned(seen.resize(side, side))
    }

    /// The images of a batch.
    fn pixels(&self, batch: &[usize], epoch: u64) -> Result<Images, RunError> {
        let views: Vec<Cow<'_, Raster>> =
            batch.par_iter().map(|&index| self.view(&self.images[index], epoch)).collect();
        let views: Vec<&Raster> = views.iter().map(AsRef::as_ref).collect();
        Ok(ImageTokenizerPipeline::pixels(self.config, &views)?)
    }

    /// What a model makes of images, and the images.
    fn made<'r>(
        &self,
        images: impl Iterator<Item = &'r Raster>,
        weights: &Weights,
    ) -> Result<[Vec<Prediction>; 2], RunError> {
        let pipeline = ImageTokenizerPipeline::new(self.config, weights)?;
        let images: Vec<&Raster> = images.collect();
        let tokens = pipeline.encode(&images)?;
        let made = pipeline.decode(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        let codes = self.config.num_tokens;
        let made = made.into_iter().zip(tokens);
        let made = made.map(|(raster, tokens)| {
            Prediction::Image(ImagePrediction { raster, tokens, codes, state_distance: None })
        });
        let right = images.into_iter().map(|raster| {
            let raster = raster.clone();
            Prediction::Image(ImagePrediction { raster, tokens: Vec::new(), codes: 0, state_distance: None })
        });
        Ok([made.collect(), right.collect()])
    }
}

impl TrainingTask for ImageTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        vec![(self.config.places(), 0); self.images.len()]
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let images = self.pixels(batch, epoch)?;
        let network = ImageTokenizer::new(self.config, context.weights)?;
        let noise;
        let coding = match self.config.quantizer {
            Quantizer::Vq => match Codebook::of(self.config, context.weights)? {
                Some(codebook) if !codebook.has_begun() => Coding::Outputs,
                _ => Coding::Codes,
            },
            Quantizer::Dvae => {
                let shape = (batch.len(), self.config.places(), self.config.num_tokens);
                let uniform = context.dropout.uniform(shape.0 * shape.1 * shape.2);
                let gumbel: Vec<f32> = uniform.into_par_iter().map(|own| -(-own.ln()).ln()).collect();
                noise = Tensor::from_vec(gumbel, shape, device::current())?;
                Coding::Relaxed { temperature: temperature(context.progress), noise: &noise }
            }
        };
        let student = network.trace(&images, coding, self.taps.of_student())?;
        let pixels = images.pixels.flatten_all()?.to_vec1()?;
        let targets = Targets { pixels: Arc::new(pixels), ..Targets::default() };
        Ok(ForwardOutputs { student, teacher: None, targets })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        PrimaryMetric::from(self.metric)
    }

    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let values = self.validate_all(context)?;
        Ok(values.values().copied().next().unwrap_or(f64::NAN))
    }

    fn validate_all(&self, context: &ForwardContext<'_>) -> Result<IndexMap<String, f64>, RunError> {
        let [made, right] = self.made(self.validation.iter(), context.weights)?;
        let others = FIGURES.into_iter().filter(|name| *name != self.metric.name);
        let names: Vec<&str> = [self.metric.name].into_iter().chain(others).collect();
        let scores = score_all(&names, &made, &right, self.streams.seed())?;
        let value = |(name, scores): (String, Scores)| (name, scores.value().unwrap_or(f64::NAN));
        Ok(scores.into_iter().map(value).collect())
    }

    fn schedules(&self, progress: f64) -> IndexMap<String, f64> {
        match self.config.quantizer {
            Quantizer::Vq => IndexMap::new(),
            Quantizer::Dvae => {
                [("codes.temperature".to_owned(), temperature(progress))].into_iter().collect()
            }
        }
    }

    /// Codes follow the outputs that the encoder, as the step left it, gives of the images of all parts of the step. All ranks do the
    /// same.
    fn after_step(&self, step: &FinishedStep<'_>) -> Result<IndexMap<String, f64>, RunError> {
        let weights = step.parameters.detached();
        let mut figures = IndexMap::new();
        let Some(mut codebook) = Codebook::of(self.config, &weights)? else { return Ok(figures) };
        let network = ImageTokenizer::new(self.config, &weights)?;
        let (mut outputs, mut tokens) = (Vec::<f32>::new(), Vec::new());
        for (epoch, batch) in step.batches {
            let latents = network.latents(&self.pixels(batch, *epoch)?)?;
            tokens.extend(network.tokens(&latents)?);
            outputs.extend(latents.flatten_all()?.to_vec1::<f32>()?);
        }
        if let Some(restarted) = advance(&mut codebook, &outputs, &tokens, step.step, self.streams) {
            figures.insert("codes-restarted".to_owned(), restarted as f64);
            let usage = CodeUsage::of(self.config.num_tokens, tokens);
            figures.insert("codes-used".to_owned(), usage.share());
            figures.extend(usage.perplexity().map(|value| ("code-perplexity".to_owned(), value)));
        }
        step.parameters.set(&codebook.weights()?)?;
        Ok(figures)
    }

    fn check_finished(&self, weights: &Weights) -> Result<(), RunError> {
        let pipeline = ImageTokenizerPipeline::new(self.config, weights)?;
        let mut images: Vec<&Raster> = self.validation.iter().collect();
        if images.is_empty() {
            images = self.images.iter().map(|image| &image.raster).collect();
            subsample(&mut images, COUNTED);
        }
        let tokens = pipeline.encode(&images)?;
        let usage = CodeUsage::of(self.config.num_tokens, tokens.into_iter().flatten());
        check_usage(&usage, self.config, images.len())
    }
}
