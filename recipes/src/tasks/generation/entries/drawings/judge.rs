//! Models that see what was drawn.

use std::collections::HashSet;

use alambic_data::{Picture, Raster, SceneContents};
use alambic_inference::{ObjectDetector, RetrievalPipeline};
use alambic_models::ModelError;
use alambic_reports::metrics::Drawing;
use alambic_tensor::candle::Tensor;
use rayon::prelude::*;

use crate::context::RunContext;
use crate::error::RunError;
use crate::images::scorer::{processed, state_distances};
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

/// What a detector finds in an image.
#[derive(Default, Clone)]
struct SeenObjects {
    /// The tags of the objects.
    tags: Option<Vec<String>>,
    /// Whether what the caption says is true of them, where a made-up scene can tell.
    is_as_told: Option<bool>,
    /// Whether the relations of the caption hold, where it states some.
    has_relations: Option<bool>,
}

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
                has_relations: None,
                is_found: None,
                is_reconstruction: false,
                state_distance: None,
            }
        };
        Ok(pictures.iter().zip(images).zip(vectors).map(of).collect())
    }

    /// Drawings of captions, in their order, as the models see them. Those that are made of the tokens of real images are compared with
    /// these.
    pub(super) fn judge(
        &self,
        pictures: &[&Picture],
        captions: &[&str],
        drawn: Vec<DrawnCodes>,
        made_of: Option<&[Raster]>,
    ) -> Result<Vec<Drawing>, RunError> {
        let images: Vec<Raster> = drawn.iter().map(|(raster, _)| raster.clone()).collect();
        let vectors = self.vectors(&images)?;
        let found = self.found(captions, &images)?;
        let seen = self.seen(pictures, captions, &images)?;
        let distances = match (&self.scorer, made_of) {
            (Some(scorer), Some(real)) => state_distances(&scorer.pipeline, &images, real)?,
            _ => vec![None; images.len()],
        };
        let all = drawn.into_iter().zip(vectors).zip(found).zip(seen).zip(distances);
        Ok(all
            .map(|(((((raster, tokens), vector), is_found), seen), state_distance)| Drawing {
                raster,
                tokens,
                vector,
                objects: seen.tags,
                is_as_told: seen.is_as_told,
                has_relations: seen.has_relations,
                is_found,
                is_reconstruction: made_of.is_some(),
                state_distance,
            })
            .collect())
    }

    /// The scorer's vector of each image; empty ones without a scorer.
    fn vectors(&self, images: &[Raster]) -> Result<Vec<Vec<f32>>, RunError> {
        let Some(scorer) = &self.scorer else { return Ok(vec![Vec::new(); images.len()]) };
        let processed = processed(&scorer.pipeline, images)?;
        Ok(scorer.pipeline.project_images(&processed.iter().collect::<Vec<_>>())?)
    }

    /// Whether the scorer puts the caption of each image before those behind it, a hundred in all; captions that say the same do not
    /// count.
    fn found(&self, captions: &[&str], images: &[Raster]) -> Result<Vec<Option<bool>>, RunError> {
        let Some(scorer) = &self.scorer else { return Ok(vec![None; images.len()]) };
        let processed = processed(&scorer.pipeline, images)?;
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

    /// What the detector finds in each image, and what of its caption is true of that.
    fn seen(
        &self,
        pictures: &[&Picture],
        captions: &[&str],
        images: &[Raster],
    ) -> Result<Vec<SeenObjects>, RunError> {
        let Some(detector) = &self.detector else { return Ok(vec![SeenObjects::default(); images.len()]) };
        let all: Vec<usize> = (0..images.len()).collect();
        let of = |&place: &usize| {
            let found = detector.detect(&images[place])?;
            let tags = found.tags.iter().map(String::as_str);
            let contents = SceneContents::of_tags(tags.zip(found.bounds.iter().copied()));
            let is_scene = pictures[place].scene_contents().is_some();
            let is_as_told = is_scene.then(|| contents.is_described_by(captions[place]));
            let has_relations = if is_scene { contents.has_relations_of(captions[place]) } else { None };
            Ok(SeenObjects { tags: Some(found.tags), is_as_told, has_relations })
        };
        all.par_iter().map(of).collect()
    }
}

/// One half of the real images beside the other, which is how near to real ones others can come: the first drawing of every other image has
/// the vector of the image behind it, and the rest none. Several captions tell of one image, which belongs to one half.
pub(super) fn halved(pictures: &[&Picture], real: &[Drawing]) -> Vec<Drawing> {
    let mut met: HashSet<*const Picture> = HashSet::new();
    let firsts: Vec<usize> =
        (0..pictures.len()).filter(|&place| met.insert(std::ptr::from_ref(pictures[place]))).collect();
    let mut all: Vec<Drawing> =
        real.iter().map(|own| Drawing { vector: Vec::new(), objects: None, ..own.clone() }).collect();
    for pair in firsts.chunks_exact(2) {
        let other = &real[pair[1]];
        all[pair[0]] = Drawing { objects: None, ..other.clone() };
    }
    all
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn halves_of_real_images_have_no_image_in_common() {
        let pictures: Vec<Picture> =
            ["a", "b", "c", "d", "e"].map(|name| Picture::of_file(name.into())).into();
        // Two captions of the first image and of the third, and one of the others.
        let told = [0, 0, 1, 2, 2, 3, 4];
        let drawing = |image: usize| Drawing {
            raster: Raster { width: 1, height: 1, rgb: Arc::new(vec![image as u8; 3]) },
            tokens: Vec::new(),
            vector: vec![image as f32],
            objects: Some(vec!["red circle".into()]),
            is_as_told: None,
            has_relations: None,
            is_found: None,
            is_reconstruction: false,
            state_distance: None,
        };
        let real: Vec<Drawing> = told.map(drawing).into();
        let halved = halved(&told.map(|image| &pictures[image]), &real);
        let vectors: Vec<&[f32]> = halved.iter().map(|own| own.vector.as_slice()).collect();
        let none: &[f32] = &[];
        assert_eq!(vectors, [&[1.0][..], none, none, &[3.0], none, none, none]);
        assert!(halved.iter().all(|own| own.objects.is_none()));
    }
}
