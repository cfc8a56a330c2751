//! Models that see what was drawn.

use alambic_data::{Picture, Raster, SceneContents};
use alambic_inference::{ObjectDetector, ProcessedImage, RetrievalPipeline};
use alambic_models::ModelError;
use alambic_reports::metrics::Drawing;
use alambic_tensor::candle::Tensor;
use rayon::prelude::*;

use crate::context::RunContext;
use crate::error::RunError;
use crate::options::evaluation::EvaluationOptions;

/// Texts among which that of an image is looked for.
const AMONG: usize = 100;

/// A scorer and a detector, as far as the evaluation names them, and what they know of the captions.
pub(super) struct Judge {
    scorer: Option<Scorer>,
    detector: Option<ObjectDetector>,
}

struct Scorer {
    pipeline: RetrievalPipeline,
    /// The embedding of each caption.
    texts: Vec<Vec<f32>>,
}

/// The tags of the objects that a detector finds in an image, and whether what its caption says is true of them.
type SeenObjects = (Option<Vec<String>>, Option<bool>);

/// A drawn image: its pixels and its codes.
pub(super) type DrawnCodes = (Raster, Vec<u32>);

impl Judge {
    /// Loads the models that measure drawings of captions.
    pub(super) fn load(
        options: &EvaluationOptions,
        context: &RunContext<'_>,
        captions: &[&str],
    ) -> Result<Self, RunError> {
        let scorer = match &options.scorer {
            None => None,
            Some(name) => {
                let pipeline = RetrievalPipeline::load(&context.models.checkpoint_folder(name)?)?;
                let texts = pipeline.embed_texts(captions)?.to_vec2().map_err(ModelError::from)?;
                Some(Scorer { pipeline, texts })
            }
        };
        let detector = match &options.detector {
            None => None,
            Some(name) => Some(ObjectDetector::load(&context.models.checkpoint_folder(name)?)?),
        };
        Ok(Self { scorer, detector })
    }

    /// What is known of the images that captions tell of.
    pub(super) fn real(&self, pictures: &[&Picture], images: &[Raster]) -> Result<Vec<Drawing>, RunError> {
        let vectors = self.vectors(images)?;
        let of = |((picture, raster), vector): ((&&Picture, &Raster), Vec<f32>)| {
            let objects: Vec<String> = picture.objects.iter().map(|object| object.tag.clone()).collect();
            Drawing {
                raster: raster.clone(),
                tokens: Vec::new(),
                vector,
                objects: (!objects.is_empty()).then_some(objects),
                is_as_told: None,
                is_found: None,
            }
        };
        Ok(pictures.iter().zip(images).zip(vectors).map(of).collect())
    }

    /// Drawings of captions, in their order, as the models see them.
    pub(super) fn judge(
        &self,
        pictures: &[&Picture],
        captions: &[&str],
        drawn: Vec<DrawnCodes>,
    ) -> Result<Vec<Drawing>, RunError> {
        let images: Vec<Raster> = drawn.iter().map(|(raster, _)| raster.clone()).collect();
        let vectors = self.vectors(&images)?;
        let found = self.found(captions, &images)?;
        let seen = self.seen(pictures, captions, &images)?;
        let all = drawn.into_iter().zip(vectors).zip(found).zip(seen);
        Ok(all
            .map(|((((raster, tokens), vector), is_found), (objects, is_as_told))| Drawing {
                raster,
                tokens,
                vector,
                objects,
                is_as_told,
                is_found,
            })
            .collect())
    }

    /// The scorer's vector of each image; empty ones without a scorer.
    fn vectors(&self, images: &[Raster]) -> Result<Vec<Vec<f32>>, RunError> {
        let Some(scorer) = &self.scorer else { return Ok(vec![Vec::new(); images.len()]) };
        let processed = scorer.processed(images)?;
        Ok(scorer.pipeline.project_images(&processed.iter().collect::<Vec<_>>())?)
    }

    /// Whether the scorer puts the caption of each image before those behind it, a hundred in all; captions that say the same do not
    /// count.
    fn found(&self, captions: &[&str], images: &[Raster]) -> Result<Vec<Option<bool>>, RunError> {
        let Some(scorer) = &self.scorer else { return Ok(vec![None; images.len()]) };
        let processed = scorer.processed(images)?;
        let images: Tensor = scorer.pipeline.embed_images(&processed.iter().collect::<Vec<_>>())?;
        let images: Vec<Vec<f32>> = images.to_vec2().map_err(ModelError::from)?;
        let of = |(place, image): (usize, &Vec<f32>)| {
            let similarity = |text: usize| -> f32 {
                scorer.texts[text].iter().zip(image).map(|(one, other)| one * other).sum()
            };
            let own = similarity(place);
            let others = (1..captions.len()).map(|step| (place + step) % captions.len());
            let mut others = others.filter(|&other| captions[other] != captions[place]).take(AMONG - 1);
            Some(others.all(|other| similarity(other) < own))
        };
        Ok(images.par_iter().enumerate().map(of).collect())
    }

    /// The tags of the objects that the detector finds in each image, and whether what its caption says is true of them, where a
    /// made-up scene can tell.
    fn seen(
        &self,
        pictures: &[&Picture],
        captions: &[&str],
        images: &[Raster],
    ) -> Result<Vec<SeenObjects>, RunError> {
        let Some(detector) = &self.detector else { return Ok(vec![(None, None); images.len()]) };
        let all: Vec<usize> = (0..images.len()).collect();
        let of = |&place: &usize| {
            let found = detector.detect(&images[place])?;
            let tags = found.tags.iter().map(String::as_str);
            let contents = SceneContents::of_tags(tags.zip(found.bounds.iter().copied()));
            let is_scene = pictures[place].scene_contents().is_some();
            let is_as_told = is_scene.then(|| contents.is_described_by(captions[place]));
            Ok((Some(found.tags), is_as_told))
        };
        all.par_iter().map(of).collect()
    }
}

impl Scorer {
    fn processed(&self, images: &[Raster]) -> Result<Vec<ProcessedImage>, RunError> {
        let processor = self.pipeline.image_processor();
        let of = |image: &Raster| Ok(processor.process_raster(image, "drawn")?);
        images.par_iter().map(of).collect()
    }
}
