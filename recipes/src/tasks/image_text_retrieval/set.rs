//! Images and captions that are retrieved by one another.

use alambic_data::{Caption, Picture};
use alambic_inference::{ImageProcessor, ImageTextMatchingPipeline, ProcessedImage, RetrievalPipeline};
use alambic_ranks::in_turns;
use alambic_reports::metrics::Prediction;
use alambic_settings::At;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexMap;
use rayon::prelude::*;

use super::ranker::{Ranker, best, is_told_by, pair_scores};
use crate::corpora::images::captions;
use crate::error::RunError;
use crate::evaluation::retrieval::{RESULTS, Relevance, rank};

/// The two kinds of queries.
const BY_TEXT: &str = "text to image";
const BY_IMAGE: &str = "image to text";

/// Images that a model reads with all captions before the next ones.
const READ_TOGETHER: usize = 16;

/// Images that are in memory together, and which ranks take in turns.
const MAX_IN_MEMORY: usize = 128;

/// An image with the captions of it that are read.
pub(super) struct CaptionedPicture<'a> {
    pub(super) picture: &'a Picture,
    pub(super) captions: Vec<&'a Caption>,
}

impl<'a> CaptionedPicture<'a> {
    /// An image with its captions in some languages, of which none means any.
    pub(super) fn new(picture: &'a Picture, languages: &[At<String>]) -> Self {
        Self { picture, captions: captions(picture, languages).collect() }
    }
}

/// Images and all their captions, each once: what queries are made of, and what they find.
///
/// First every caption is a query for images, and then every image for captions.
pub(super) struct RetrievalSet<'a> {
    pub(super) pictures: Vec<&'a Picture>,
    pub(super) captions: Vec<&'a str>,
    /// The language of each caption, as far as it is known; that of the first where captions in several are the same.
    pub(super) languages: Vec<Option<&'a str>>,
    relevance: Relevance,
}

impl<'a> RetrievalSet<'a> {
    /// Images with their captions. Where `are_told`, captions of others that are true of an image are right of it as well.
    pub(super) fn new(all: Vec<CaptionedPicture<'a>>, are_told: bool) -> Self {
        let mut captions: IndexMap<&str, Option<&str>> = IndexMap::new();
        let mut pairs = Vec::new();
        for (image, own) in all.iter().enumerate() {
            for caption in &own.captions {
                let entry = captions.entry(caption.text.as_str());
                pairs.push((entry.index(), image));
                entry.or_insert(caption.language.as_deref());
            }
        }
        if are_told {
            for (image, own) in all.iter().enumerate() {
                let told = captions.keys().enumerate().filter(|(_, text)| is_told_by(own.picture, text));
                pairs.extend(told.map(|(caption, _)| (caption, image)));
            }
        }
        let relevance = Relevance::new(&pairs, (captions.len(), all.len()));
        let pictures = all.into_iter().map(|own| own.picture).collect();
        let (captions, languages) = captions.into_iter().unzip();
        Self { pictures, captions, languages, relevance }
    }

    /// The slice of each query: its kind, with the language of a caption and the style of an image where there are several.
    pub(super) fn slices(&self) -> Vec<String> {
        let slices = |kind: &str, values: Vec<Option<&str>>| -> Vec<String> {
            let several = values.iter().any(|value| *value != values[0]);
            let slice = |value: Option<&str>| match value.filter(|_| several) {
                Some(value) => format!("{kind}, {value}"),
                None => kind.to_owned(),
            };
            values.into_iter().map(slice).collect()
        };
        let styles = self.pictures.iter().map(|picture| picture.style.as_deref()).collect();
        [slices(BY_TEXT, self.languages.clone()), slices(BY_IMAGE, styles)].concat()
    }

    /// The relevant results of each query.
    pub(super) fn relevant(&self) -> &[Prediction] {
        self.relevance.relevant()
    }

    /// The results of each query by a model, the nearest first.
    pub(super) fn rank_by(&self, ranker: &Ranker) -> Result<Vec<Prediction>, RunError> {
        match ranker {
            Ranker::Towers(pipeline) => {
                rank(&pipeline.embed_texts(&self.captions)?, &self.embed_images(pipeline)?)
            }
            Ranker::Fusion(pipeline) => self.rank_pairs(pipeline),
        }
    }

    /// The results by a model that reads each caption with each image.
    fn rank_pairs(&self, pipeline: &ImageTextMatchingPipeline) -> Result<Vec<Prediction>, RunError> {
        let by_image: Vec<Vec<Vec<f32>>> = in_turns(self.pictures.chunks(READ_TOGETHER), |pictures| {
            let processed = prepared(pipeline.image_processor(), pictures)?;
            pair_scores(pipeline, &self.captions, &processed)
        })?;
        let row = |caption: usize| -> Vec<f32> {
            by_image.iter().flat_map(|part| part[caption].iter().copied()).collect()
        };
        let scores: Vec<Vec<f32>> = (0..self.captions.len()).map(row).collect();
        let column = |image: usize| -> Vec<f32> { scores.iter().map(|row| row[image]).collect() };
        let texts = scores.iter().map(|row| best(row, RESULTS));
        let images = (0..self.pictures.len()).map(|image| best(&column(image), RESULTS));
        texts.chain(images).map(|places| Ok(Prediction::Ranking(places?))).collect()
    }

    /// The embeddings of all images.
    pub(super) fn embed_images(&self, pipeline: &RetrievalPipeline) -> Result<Tensor, RunError> {
        embed_pictures(pipeline, &self.pictures)
    }

    /// The image that is a query, if it is one.
    pub(super) fn picture(&self, query: usize) -> Option<&'a Picture> {
        self.pictures.get(query.checked_sub(self.captions.len())?).copied()
    }
}

/// The embeddings of images, `[images, width]`, of which only so many are in memory at a time.
pub(crate) fn embed_pictures(
    pipeline: &RetrievalPipeline,
    pictures: &[&Picture],
) -> Result<Tensor, RunError> {
    let rows: Vec<Vec<Vec<f32>>> = in_turns(pictures.chunks(MAX_IN_MEMORY), |pictures| {
        let processed = prepared(pipeline.image_processor(), pictures)?;
        let vectors = pipeline.embed_images(&processed.iter().collect::<Vec<_>>())?;
        Ok::<_, RunError>(vectors.to_vec2()?)
    })?;
    Ok(Tensor::new(rows.concat(), device::current())?)
}

/// Images as a model reads them.
pub(super) fn prepared(
    image_processor: &ImageProcessor,
    pictures: &[&Picture],
) -> Result<Vec<ProcessedImage>, RunError> {
    pictures.par_iter().map(|picture| Ok(image_processor.process(picture)?)).collect()
}
