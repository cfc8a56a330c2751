//! Evaluating detectors by the objects that they find.

use std::path::Path;

use alambic_data::{Picture, Split};
use alambic_inference::ObjectDetector;
use alambic_ranks::in_turns;
use alambic_reports::document::Image;
use alambic_reports::metrics::{ObjectPrediction, ObjectsPrediction, Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::Teacher;

use crate::error::RunError;
use crate::evaluation::evaluator::{CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet};
use crate::evaluation::timing::{Model, measure};
use crate::images::thumbnail::thumbnail;
use crate::subsample::subsample;

/// Evaluates models that find objects in images.
pub(crate) struct ObjectEvaluator<'a> {
    pictures: Vec<&'a Picture>,
    test_set: TestSet,
}

impl<'a> ObjectEvaluator<'a> {
    /// Takes the test images.
    pub(crate) fn new(context: &'a EvaluationContext<'a>) -> Result<Self, RunError> {
        let options = context.options;
        let mut pictures = context.run.corpora.pictures(&options.data, Split::Test)?;
        subsample(&mut pictures, options.limit.unwrap_or(usize::MAX));
        if pictures.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no image".into()));
        }
        let references = pictures.iter().map(|picture| Prediction::Objects(objects_of(picture))).collect();
        let slices: Vec<String> = pictures.iter().filter_map(|picture| picture.style.clone()).collect();
        let test_set = TestSet {
            // A style of some images says nothing of the others.
            slices: if slices.len() == pictures.len() { slices } else { Vec::new() },
            ..TestSet::new("image", "images", PredictionKind::Objects, references)
        };
        Ok(Self { pictures, test_set: test_set.with_metrics(options)? })
    }
}

/// The objects of an image, with their attributes.
pub(super) fn objects_of(picture: &Picture) -> ObjectsPrediction {
    let object = |own: &alambic_data::Object| ObjectPrediction {
        class: own.tag.clone(),
        bounds: own.bounds,
        confidence: 1.0,
    };
    ObjectsPrediction {
        objects: picture.objects.iter().map(object).collect(),
        attributes: picture
            .objects
            .iter()
            .map(|own| own.attributes.iter().map(|name| (name.clone(), 1.0)).collect())
            .collect(),
    }
}

/// What a detector finds in an image, and which attributes the objects that are there have by it.
pub(super) fn found_in(detector: &ObjectDetector, picture: &Picture) -> Result<ObjectsPrediction, RunError> {
    let bounds: Vec<[f32; 4]> = picture.objects.iter().map(|own| own.bounds).collect();
    let (found, described) = detector.detect_and_describe(&picture.load()?, &bounds)?;
    let names = &detector.config().attributes;
    let objects = (0..found.regions()).map(|region| ObjectPrediction {
        class: found.tags[region].clone(),
        bounds: found.bounds[region],
        confidence: found.confidence(region),
    });
    let attributes = described.into_iter().map(|own| names.iter().cloned().zip(own).collect());
    Ok(ObjectsPrediction { objects: objects.collect(), attributes: attributes.collect() })
}

impl Evaluator for ObjectEvaluator<'_> {
    fn test_set(&self) -> &TestSet {
        &self.test_set
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        None
    }

    fn predict(
        &self,
        folder: &Path,
        _: ModelRole,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Prediction>, RunError> {
        let detector = ObjectDetector::load(folder)?;
        let found = in_turns(&self.pictures, |picture| found_in(&detector, picture))?;
        progress(found.len());
        Ok(found.into_iter().map(Prediction::Objects).collect())
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of an image whose regions are found.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let detector = ObjectDetector::load(student)?;
        let images: Vec<_> = self
            .pictures
            .iter()
            .take(max.max(1))
            .map(|picture| Ok(picture.load()?))
            .collect::<Result<_, RunError>>()?;
        let detect = |batch: &[usize]| -> Result<(), RunError> {
            for &index in batch {
                detector.detect(&images[index])?;
            }
            Ok(())
        };
        let models: [(&str, Model<'_>); 1] = [(STUDENT, &detect)];
        measure(images.len(), max, &models)
    }

    fn source_image(&self, index: usize) -> Result<Option<Image>, RunError> {
        thumbnail(self.pictures[index]).map(Some)
    }

    fn purpose(&self) -> Option<String> {
        Some(
            "A detector finds the objects in an image, each with its class, its box and how sure it is; models that read regions are \
             given its features. Attributes are measured at the places of the objects that are there, whether they were found or not."
                .to_owned(),
        )
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.pictures[index].name, None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        Text::new(&prediction.to_string(), None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        CardMetadata {
            task: "object-detection",
            tags: vec!["detector", "regions"],
            languages: Vec::new(),
            example: UsageExample::default(),
            output: None,
            command: "alambic predict student --image IMAGE.png".to_owned(),
            limits: vec![
                "It was evaluated on images like those that it was trained on, and on no others; it knows no other classes than theirs."
                    .into(),
            ],
        }
    }
}
