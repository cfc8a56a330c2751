//! Training a model that detects objects in images.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_data::{Object, Picture, Raster, Split};
use alambic_inference::{ObjectDetector, box_iou};
use alambic_losses::Targets;
use alambic_models::architecture::{self, Batch, Image};
use alambic_models::detector::{CellBox, Detector, DetectorConfig};
use alambic_models::{Config, ImageNormalization, Images, ModelError, Pass, Patches};
use alambic_ranks::in_turns;
use alambic_reports::metrics::Direction;
use alambic_tensor::Streams;
use indexmap::IndexMap;
use rayon::prelude::*;

use super::options::ObjectsData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};

/// The least intersection over union of a region and an object that it is taken to be.
const MIN_OVERLAP: f32 = 0.5;

/// An image with its objects, each by its tag and its edges.
#[derive(Clone)]
struct Scene {
    /// In the size in which the detector reads it.
    raster: Raster,
    objects: Vec<(u32, [f32; 4])>,
    /// The image of which views are drawn, with its pixels; none where it is seen as it is.
    augmented: Option<(Picture, Raster)>,
}

/// Images, and the detector that learns what is in them.
pub(crate) struct ObjectTraining<'a> {
    config: &'a DetectorConfig,
    scenes: Vec<Scene>,
    validation: Vec<Scene>,
    streams: Streams,
    taps: Taps,
    statistics: DatasetStatistics,
}

impl<'a> ObjectTraining<'a> {
    /// Takes the images of a training.
    pub(crate) fn new(
        data: &ObjectsData,
        context: &RunContext<'_>,
        job: &'a Job<'a>,
    ) -> Result<Self, RunError> {
        let Config::Detector(config) = job.config else {
            return Err(ModelError::Configuration(format!(
                "a detector is needed here, and a {} is none",
                job.config.model_type()
            ))
            .into());
        };
        let index: IndexMap<&str, u32> =
            config.tags.iter().enumerate().map(|(index, tag)| (tag.as_str(), index as u32)).collect();
        let scene = |picture: &Picture| -> Result<Scene, RunError> {
            let object = |object: &Object| Some((*index.get(object.tag.as_str())?, object.bounds));
            let whole = picture.load()?;
            Ok(Scene {
                raster: ObjectDetector::resize(config, &whole),
                objects: picture.objects.iter().filter_map(object).collect(),
                augmented: picture.augmentation.is_some().then(|| (picture.clone(), whole)),
            })
        };
        let take = |split: Split, max: usize| -> Result<Vec<Scene>, RunError> {
            let mut pictures = data.selected(&context.corpora, split)?;
            subsample(&mut pictures, max);
            pictures.into_iter().map(scene).collect()
        };
        let scenes = take(Split::Train, usize::MAX)?;
        let validation = take(Split::Validation, job.train.validation_examples)?;
        let statistics = DatasetStatistics {
            examples: scenes.len(),
            labelled: scenes.len(),
            validation: validation.len(),
            ..DatasetStatistics::default()
        };
        let streams = Streams::new(job.seed);
        Ok(Self { config, scenes, validation, streams, taps: job.taps(), statistics })
    }

    /// An image as it is seen in an epoch, with the boxes of what is seen of its objects.
    fn view<'s>(&self, scene: &'s Scene, epoch: u64) -> Cow<'s, Scene> {
        let Some((picture, whole)) = &scene.augmented else { return Cow::Borrowed(scene) };
        let Some(augmentation) = &picture.augmentation else { return Cow::Borrowed(scene) };
        let view = Views::new(self.streams, epoch).of(picture, augmentation, whole);
        let size = (scene.raster.width, scene.raster.height);
        let mut raster = view.apply(whole, Some(size));
        if (raster.width, raster.height) != size {
            raster = ObjectDetector::resize(self.config, &raster);
        }
        let bounds = |&(tag, bounds): &(u32, [f32; 4])| {
            view.bounds((whole.width, whole.height), bounds).map(|bounds| (tag, bounds))
        };
        let objects = scene.objects.iter().filter_map(bounds).collect();
        Cow::Owned(Scene { raster, objects, augmented: None })
    }

    /// Targets of the cells of these images: row by row, and image by image.
    fn targets(scenes: &[&Scene], grid: [usize; 2]) -> Targets {
        let cells = scenes.len() * grid[0] * grid[1];
        let (mut scores, mut classes, mut numbers) = (vec![0.0; cells], vec![0; cells], vec![0.0; cells * 4]);
        for (row, scene) in scenes.iter().enumerate() {
            for &(tag, bounds) in &scene.objects {
                let located = CellBox::of(bounds, grid);
                let cell = (row * grid[0] + located.cell[0]) * grid[1] + located.cell[1];
                scores[cell] = 1.0;
                classes[cell] = tag;
                numbers[cell * 4..cell * 4 + 4].copy_from_slice(&located.numbers);
            }
        }
        Targets {
            classes: Arc::new(classes),
            labelled: Arc::new(scores.clone()),
            scores: Arc::new(scores),
            numbers: Arc::new(numbers),
            ..Targets::default()
        }
    }
}

impl TrainingTask for ObjectTraining<'_> {
    fn statistics(&self) -> &DatasetStatistics {
        &self.statistics
    }

    /// An image is as long as it is large, so that a batch has images of about one size.
    fn lengths(&self, _: u64) -> Vec<(usize, usize)> {
        self.scenes.iter().map(|scene| (scene.raster.width * scene.raster.height, 0)).collect()
    }

    fn forward(
        &self,
        batch: &[usize],
        epoch: u64,
        context: &ForwardContext<'_>,
    ) -> Result<ForwardOutputs, RunError> {
        let scenes: Vec<Cow<'_, Scene>> =
            batch.par_iter().map(|&index| self.view(&self.scenes[index], epoch)).collect();
        let scenes: Vec<&Scene> = scenes.iter().map(AsRef::as_ref).collect();
        let images: Vec<(usize, usize, &[u8])> = scenes
            .iter()
            .map(|Scene { raster, .. }| (raster.width, raster.height, raster.rgb.as_slice()))
            .collect();
        let patches =
            Patches::of(&Images::of_rgb(&images, ImageNormalization::VILT)?, self.config.patch_size)?;
        let targets = Self::targets(&scenes, patches.rectangle()?);
        let network = architecture::build(&Config::Detector(self.config.clone()), context.weights)?;
        let batch = Batch { image: Some(Image::Patches(patches)), ..Batch::default() };
        let wanted = self.taps.of_student();
        let student = network.forward(&batch, Pass::Train(context.dropout), wanted)?;
        Ok(ForwardOutputs { student, teacher: None, targets })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        PrimaryMetric { name: "object-f1", direction: Direction::Higher }
    }

    /// The F1 of objects found: a region counts where it has the tag of an object that it overlaps enough, each object once.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let detector = ObjectDetector::new(Detector::new(self.config, context.weights)?);
        let counts = in_turns(&self.validation, |scene| {
            let found = detector.detect(&scene.raster)?;
            let mut left = scene.objects.clone();
            let (predicted, there) = (found.bounds.len(), left.len());
            let mut right = 0;
            for (tag, &bounds) in found.tags.iter().zip(&found.bounds) {
                let is_it = |&(own, edges): &(u32, [f32; 4])| {
                    self.config.tags[own as usize] == *tag && box_iou(edges, bounds) >= MIN_OVERLAP
                };
                if let Some(place) = left.iter().position(is_it) {
                    left.swap_remove(place);
                    right += 1;
                }
            }
            Ok::<_, RunError>((right, predicted + there))
        })?;
        let right: usize = counts.iter().map(|(right, _)| right).sum();
        let both: usize = counts.iter().map(|(_, both)| both).sum();
        Ok(2.0 * right as f64 / (both as f64).max(1.0))
    }
}
