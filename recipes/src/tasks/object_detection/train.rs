//! Training a model that detects objects in images.

use std::borrow::Cow;
use std::sync::Arc;

use alambic_data::{Object, Picture, Raster, Split};
use alambic_inference::{ObjectDetector, box_iou};
use alambic_losses::Targets;
use alambic_models::architecture::{self, Batch, Image};
use alambic_models::detector::{CellBox, Detector, DetectorConfig, object_places};
use alambic_models::{Config, ImageNormalization, Images, ModelError, Pass, Patches};
use alambic_ranks::in_turns;
use alambic_reports::metrics::{Direction, Metric, Prediction, find};
use alambic_tensor::Streams;
use indexmap::IndexMap;
use rayon::prelude::*;

use super::evaluate::{found_in, objects_of};
use super::options::ObjectsData;
use crate::context::RunContext;
use crate::error::RunError;
use crate::images::views::Views;
use crate::subsample::subsample;
use crate::training::job::Job;
use crate::training::statistics::DatasetStatistics;
use crate::training::taps::Taps;
use crate::training::task::{ForwardContext, ForwardOutputs, PrimaryMetric, TrainingTask};
use crate::training::validation::defined_value;

/// The least intersection over union of a region and an object that it is taken to be.
const MIN_OVERLAP: f32 = 0.5;

/// An object by the numbers of its tag and of its attributes, and its edges.
#[derive(Clone)]
struct SceneObject {
    tag: u32,
    bounds: [f32; 4],
    attributes: Vec<u32>,
}

/// An image with its objects.
#[derive(Clone)]
struct Scene<'a> {
    picture: &'a Picture,
    /// In the size in which the detector reads it.
    raster: Raster,
    objects: Vec<SceneObject>,
    /// The image of which views are drawn, with its pixels; none where it is seen as it is.
    augmented: Option<Raster>,
}

/// Images, and the detector that learns what is in them.
pub(crate) struct ObjectTraining<'a> {
    config: &'a DetectorConfig,
    scenes: Vec<Scene<'a>>,
    validation: Vec<Scene<'a>>,
    streams: Streams,
    taps: Taps,
    /// The metric by which checkpoints are chosen; none for the usual one.
    metric: Option<&'static Metric>,
    statistics: DatasetStatistics,
}

impl<'a> ObjectTraining<'a> {
    /// Takes the images of a training.
    pub(crate) fn new(
        data: &ObjectsData,
        context: &'a RunContext<'_>,
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
        let attributes: IndexMap<&str, u32> = config
            .attributes
            .iter()
            .enumerate()
            .map(|(index, attribute)| (attribute.as_str(), index as u32))
            .collect();
        let scene = |picture: &'a Picture| -> Result<Scene<'a>, RunError> {
            let object = |object: &Object| {
                let named =
                    object.attributes.iter().filter_map(|name| attributes.get(name.as_str()).copied());
                let tag = *index.get(object.tag.as_str())?;
                Some(SceneObject { tag, bounds: object.bounds, attributes: named.collect() })
            };
            let whole = picture.load()?;
            Ok(Scene {
                picture,
                raster: ObjectDetector::resize(config, &whole),
                objects: picture.objects.iter().filter_map(object).collect(),
                augmented: picture.augmentation.is_some().then_some(whole),
            })
        };
        let take = |split: Split, max: usize| -> Result<Vec<Scene<'a>>, RunError> {
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
        let named = job.train.metric_for_best_model.as_ref();
        let metric = named.map(|name| find(&name.value)).transpose()?;
        Ok(Self { config, scenes, validation, streams, taps: job.taps(), metric, statistics })
    }

    /// An image as it is seen in an epoch, with the boxes of what is seen of its objects.
    fn view<'s>(&self, scene: &'s Scene<'a>, epoch: u64) -> Cow<'s, Scene<'a>> {
        let picture = scene.picture;
        let Some(whole) = &scene.augmented else { return Cow::Borrowed(scene) };
        let Some(augmentation) = &picture.augmentation else { return Cow::Borrowed(scene) };
        let view = Views::new(self.streams, epoch).of(picture, augmentation, whole);
        let size = (scene.raster.width, scene.raster.height);
        let mut raster = view.apply(whole, Some(size));
        if (raster.width, raster.height) != size {
            raster = ObjectDetector::resize(self.config, &raster);
        }
        let bounds = |own: &SceneObject| {
            let bounds = view.bounds((whole.width, whole.height), own.bounds)?;
            Some(SceneObject { bounds, ..own.clone() })
        };
        let objects = scene.objects.iter().filter_map(bounds).collect();
        Cow::Owned(Scene { picture, raster, objects, augmented: None })
    }

    /// Targets of the objects that cells of these images may have: cell by cell, row by row, and image by image.
    fn targets(config: &DetectorConfig, scenes: &[&Scene<'_>], grid: [usize; 2]) -> Targets {
        let (own, width) = (grid[0] * grid[1] * config.slots, config.attributes.len());
        let all = scenes.len() * own;
        let (mut scores, mut classes, mut numbers) = (vec![0.0; all], vec![0; all], vec![0.0; all * 4]);
        let mut attributes = vec![0.0; all * width];
        for (row, scene) in scenes.iter().enumerate() {
            let bounds: Vec<[f32; 4]> = scene.objects.iter().map(|object| object.bounds).collect();
            let places = object_places(&bounds, grid, config.slots);
            for (object, place) in scene.objects.iter().zip(places) {
                let Some(place) = place.map(|place| row * own + place) else { continue };
                scores[place] = 1.0;
                classes[place] = object.tag;
                let located = CellBox::of(object.bounds, grid);
                numbers[place * 4..place * 4 + 4].copy_from_slice(&located.numbers);
                for &attribute in &object.attributes {
                    attributes[place * width + attribute as usize] = 1.0 / object.attributes.len() as f32;
                }
            }
        }
        Targets {
            attributes: Arc::new(attributes),
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
        let scenes: Vec<Cow<'_, Scene<'_>>> =
            batch.par_iter().map(|&index| self.view(&self.scenes[index], epoch)).collect();
        let scenes: Vec<&Scene<'_>> = scenes.iter().map(AsRef::as_ref).collect();
        let images: Vec<(usize, usize, &[u8])> = scenes
            .iter()
            .map(|Scene { raster, .. }| (raster.width, raster.height, raster.rgb.as_slice()))
            .collect();
        let patches =
            Patches::of(&Images::of_rgb(&images, ImageNormalization::VILT)?, self.config.patch_size)?;
        let targets = Self::targets(self.config, &scenes, self.config.grid(patches.rectangle()?));
        let network = architecture::build(&Config::Detector(self.config.clone()), context.weights)?;
        let classes = Some(Arc::clone(&targets.classes));
        let batch = Batch { image: Some(Image::Patches(patches)), classes, ..Batch::default() };
        let wanted = self.taps.of_student();
        let student = network.forward(&batch, Pass::Train(context.dropout), wanted)?;
        Ok(ForwardOutputs { student, teacher: None, targets })
    }

    fn primary_metric(&self) -> PrimaryMetric {
        let usual = PrimaryMetric { name: "object-f1", direction: Direction::Higher };
        self.metric.map_or(usual, Into::into)
    }

    /// The F1 of objects found: a region counts where it has the tag of an object that it overlaps enough, each object once.
    fn validate(&self, context: &ForwardContext<'_>) -> Result<f64, RunError> {
        let detector = ObjectDetector::new(Detector::new(self.config, context.weights)?);
        if let Some(metric) = self.metric {
            let found = in_turns(&self.validation, |scene| found_in(&detector, scene.picture))?;
            let found: Vec<Prediction> = found.into_iter().map(Prediction::Objects).collect();
            let right = self.validation.iter().map(|scene| Prediction::Objects(objects_of(scene.picture)));
            return defined_value(metric, &found, &right.collect::<Vec<_>>());
        }
        let counts = in_turns(&self.validation, |scene| {
            let found = detector.detect(&scene.raster)?;
            let mut left = scene.objects.clone();
            let (predicted, there) = (found.bounds.len(), left.len());
            let mut right = 0;
            for (tag, &bounds) in found.tags.iter().zip(&found.bounds) {
                let is_it = |own: &SceneObject| {
                    self.config.tags[own.tag as usize] == *tag && box_iou(own.bounds, bounds) >= MIN_OVERLAP
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
