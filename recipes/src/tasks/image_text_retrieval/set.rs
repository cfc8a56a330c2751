//! Images and captions that are retrieved by one another.

use alambic_data::Picture;
use alambic_inference::{ProcessedImage, RetrievalPipeline};
use alambic_ranks::in_turns;
use alambic_reports::metrics::Prediction;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;
use rayon::prelude::*;

use crate::error::RunError;
use crate::evaluation::retrieval::{Relevance, rank};

/// Images that are in memory together, and which ranks take in turns.
const MAX_IN_MEMORY: usize = 128;

/// Images and all their captions, each once: what queries are made of, and what they find.
///
/// First every caption is a query for images, and then every image for captions.
pub(super) struct RetrievalSet<'a> {
    pub(super) pictures: Vec<&'a Picture>,
    pub(super) captions: Vec<&'a str>,
    relevance: Relevance,
}

impl<'a> RetrievalSet<'a> {
    pub(super) fn new(pictures: Vec<&'a Picture>) -> Self {
        let mut captions: IndexSet<&str> = IndexSet::new();
        let mut pairs = Vec::new();
        for (image, picture) in pictures.iter().enumerate() {
            for caption in &picture.captions {
                pairs.push((captions.insert_full(caption).0, image));
            }
        }
        let relevance = Relevance::new(&pairs, (captions.len(), pictures.len()));
        Self { pictures, captions: captions.into_iter().collect(), relevance }
    }

    /// The relevant results of each query.
    pub(super) fn relevant(&self) -> &[Prediction] {
        self.relevance.relevant()
    }

    /// The results of each query by a model, the nearest first.
    pub(super) fn rank_by(&self, pipeline: &RetrievalPipeline) -> Result<Vec<Prediction>, RunError> {
        rank(&pipeline.embed_texts(&self.captions)?, &self.embed_images(pipeline)?)
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
        let processed = prepared(pipeline, pictures)?;
        let vectors = pipeline.embed_images(&processed.iter().collect::<Vec<_>>())?;
        Ok::<_, RunError>(vectors.to_vec2()?)
    })?;
    Ok(Tensor::new(rows.concat(), device::current())?)
}

/// Images as a model reads them.
pub(super) fn prepared(
    pipeline: &RetrievalPipeline,
    pictures: &[&Picture],
) -> Result<Vec<ProcessedImage>, RunError> {
    pictures.par_iter().map(|picture| Ok(pipeline.image_processor().process(picture)?)).collect()
}
