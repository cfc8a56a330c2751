//! Evaluating models by the images that they make of tokens.

use std::path::Path;

use alambic_data::{Interpolation, Picture, Raster, Split};
use alambic_inference::{ImageTokenizerPipeline, RetrievalPipeline};
use alambic_models::{Config, ModelFolder};
use alambic_reports::document::Image;
use alambic_reports::metrics::{ImagePrediction, Prediction, PredictionKind};
use alambic_reports::outcome::{Latency, STUDENT};
use alambic_reports::report::Text;
use alambic_settings::IndexMap;
use alambic_students::UsageExample;
use alambic_teachers::Teacher;

use super::train::raster_of;
use crate::error::RunError;
use crate::evaluation::evaluator::{
    CardMetadata, EvaluationContext, Evaluator, ModelRole, TestSet, TrivialBaseline,
};
use crate::evaluation::timing::{Model, measure};
use crate::images::scorer::state_distances;
use crate::images::thumbnail::thumbnail_of;
use crate::names::BILINEAR;
use crate::subsample::subsample;

/// Evaluates models that make images of tokens.
pub(crate) struct ImageEvaluator<'a> {
    pictures: Vec<&'a Picture>,
    images: Vec<Raster>,
    /// The model by whose states of patches images are compared.
    scorer: Option<RetrievalPipeline>,
    test_set: TestSet,
}

/// An image that no model made.
fn plain(raster: Raster, state_distance: Option<f64>) -> Prediction {
    Prediction::Image(ImagePrediction { raster, tokens: Vec::new(), codes: 0, state_distance })
}

/// How far images are from those that they were made of, by the scorer; none without one.
fn distances(
    scorer: Option<&RetrievalPipeline>,
    made: &[Raster],
    real: &[Raster],
) -> Result<Vec<Option<f64>>, RunError> {
    scorer.map_or_else(|| Ok(vec![None; made.len()]), |scorer| state_distances(scorer, made, real))
}

impl<'a> ImageEvaluator<'a> {
    /// Takes the test images.
    pub(crate) fn new(context: &'a EvaluationContext<'a>) -> Result<Self, RunError> {
        let options = context.options;
        let mut pictures = context.run.corpora.pictures(&options.data, Split::Test)?;
        subsample(&mut pictures, options.limit.unwrap_or(usize::MAX));
        if pictures.is_empty() {
            return Err(RunError::Recipe("the evaluation's test splits hold no image".into()));
        }
        let Config::ImageTokenizer(config) = Config::open(&ModelFolder::open(context.student)?)? else {
            return Err(RunError::Recipe("the student of the last stage makes no images of tokens".into()));
        };
        let images: Vec<Raster> =
            pictures.iter().map(|picture| raster_of(picture, &config)).collect::<Result<_, _>>()?;
        let (side, grid) = (config.image_size, config.grid());
        let coarse = |image: &Raster| {
            let small = image.resize_with(grid, grid, Interpolation::Linear);
            small.resize_with(side, side, Interpolation::Linear)
        };
        let scorer = match &options.scorer {
            None => None,
            Some(name) => Some(RetrievalPipeline::load(&context.run.models.checkpoint_folder(name)?)?),
        };
        let blurred: Vec<Raster> = images.iter().map(coarse).collect();
        let apart = distances(scorer.as_ref(), &blurred, &images)?;
        let trivial = TrivialBaseline {
            name: BILINEAR,
            description: "no model: each image brought down to a pixel a token and up again, with linear interpolation",
            predictions: blurred.into_iter().zip(apart).map(|(image, apart)| plain(image, apart)).collect(),
        };
        let references = images.iter().map(|image| plain(image.clone(), None)).collect();
        let test_set = TestSet {
            slices: pictures.iter().filter_map(|picture| picture.style.clone()).collect(),
            trivial: vec![trivial],
            ..TestSet::new("image", "images", PredictionKind::Image, references)
        };
        // A style of some images says nothing of the others.
        let slices = if test_set.slices.len() == images.len() { test_set.slices.clone() } else { Vec::new() };
        let test_set = TestSet { slices, ..test_set }.with_metrics(options)?;
        Ok(Self { pictures, images, scorer, test_set })
    }
}

impl Evaluator for ImageEvaluator<'_> {
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
        let pipeline = ImageTokenizerPipeline::load(folder)?;
        let tokens = pipeline.encode(&self.images.iter().collect::<Vec<_>>())?;
        let made = pipeline.decode(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        progress(made.len());
        let codes = pipeline.config().num_tokens;
        let apart = distances(self.scorer.as_ref(), &made, &self.images)?;
        let made = made.into_iter().zip(tokens).zip(apart);
        Ok(made
            .map(|((raster, tokens), state_distance)| {
                Prediction::Image(ImagePrediction { raster, tokens, codes, state_distance })
            })
            .collect())
    }

    fn similarities(&self, _: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        Ok(IndexMap::new())
    }

    /// Times of an image whose tokens are made, and of which an image is made again.
    fn timings(
        &self,
        student: &Path,
        max: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let pipeline = ImageTokenizerPipeline::load(student)?;
        let both = |batch: &[usize]| -> Result<(), RunError> {
            let images: Vec<&Raster> = batch.iter().map(|&index| &self.images[index]).collect();
            let tokens = pipeline.encode(&images)?;
            pipeline.decode(&tokens.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            Ok(())
        };
        let models: [(&str, Model<'_>); 1] = [(STUDENT, &both)];
        measure(self.images.len(), max, &models)
    }

    fn shown_image(&self, index: usize, prediction: &Prediction) -> Result<Option<Image>, RunError> {
        match prediction {
            Prediction::Image(image) => thumbnail_of(&image.raster, &self.pictures[index].name).map(Some),
            _ => Ok(None),
        }
    }

    fn purpose(&self) -> Option<String> {
        Some(
            "An image tokenizer makes a few whole numbers of an image, for models that read or write images as they do texts, and an \
             image of such numbers. Each image of the test split is shown beside what is made of its tokens."
                .to_owned(),
        )
    }

    fn source(&self, index: usize) -> Text {
        Text::new(&self.pictures[index].name, None)
    }

    fn shown(&self, _: usize, prediction: &Prediction) -> Text {
        let text = match prediction {
            Prediction::Image(image) if !image.tokens.is_empty() => prediction.to_string(),
            _ => String::new(),
        };
        Text::new(&text, None)
    }

    fn card(&self, _: Option<&Prediction>) -> CardMetadata {
        CardMetadata {
            task: "image-to-image",
            tags: vec!["image-tokenizer", "vq-vae"],
            languages: Vec::new(),
            example: UsageExample::default(),
            output: None,
            command: "alambic predict student --image IMAGE.png --draw AGAIN.png".to_owned(),
            limits: vec![
                "It was evaluated on images like those that it was trained on, and on no others; images of another size are refused."
                    .into(),
            ],
        }
    }
}
