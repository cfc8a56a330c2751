//! Texts that a model writes about images.

use std::sync::Arc;

use alambic_inference::{ImageProcessor, ImageTextGenerationPipeline, LoadedModel, ProcessedImage};
use alambic_models::architecture::Architecture;
use alambic_models::{Config, GenerationConfig, Hypothesis, Tokenizer};
use alambic_ranks::in_turns;

use crate::error::RunError;
use crate::images::store::ImageStore;

/// Texts that are written together, and whose images are in memory.
const BATCH: usize = 64;

/// What a text is written of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToWrite {
    pub(super) prompt: String,
    /// The image, by its place in a store; none where it is not read.
    pub(super) image: Option<usize>,
}

/// A model that writes.
pub(super) struct Writer {
    pipeline: ImageTextGenerationPipeline,
}

impl Writer {
    /// A finished model, decoding as it is told.
    pub(super) fn of_model(model: &LoadedModel, generation: GenerationConfig) -> Result<Self, RunError> {
        let mut pipeline = ImageTextGenerationPipeline::from_model(model)?;
        pipeline.set_generation(generation)?;
        Ok(Self { pipeline })
    }

    /// What prepares the images that it reads.
    pub(super) fn image_processor(&self) -> &ImageProcessor {
        self.pipeline.image_processor()
    }

    /// A network that writes the likeliest token at each step.
    pub(super) fn greedy(
        config: &Config,
        network: Arc<dyn Architecture>,
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        max_new_tokens: usize,
    ) -> Result<Self, RunError> {
        let mut pipeline = ImageTextGenerationPipeline::new(config, network, image_processor, tokenizer)?;
        pipeline.set_generation(GenerationConfig::greedy(max_new_tokens))?;
        Ok(Self { pipeline })
    }

    /// The text of each input, with its hypothesis. `progress` hears how many are done.
    pub(super) fn write(
        &self,
        store: &ImageStore<'_>,
        inputs: &[ToWrite],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<(String, Hypothesis)>, RunError> {
        let mut done = 0;
        let written = in_turns(inputs.chunks(BATCH), |some| {
            let places: Vec<usize> = some.iter().filter_map(|input| input.image).collect();
            let mut processed = store.processed_images(&places)?.into_iter();
            let images: Vec<Option<_>> =
                some.iter().map(|input| input.image.and_then(|_| processed.next())).collect();
            let read: Vec<(&str, Option<&ProcessedImage>)> =
                some.iter().zip(&images).map(|(input, image)| (input.prompt.as_str(), image.as_deref())).collect();
            let written = self.pipeline.predict(&read)?;
            done += some.len();
            progress(some.len());
            Ok::<_, RunError>(written)
        })?;
        // What other ranks wrote.
        progress(inputs.len() - done);
        Ok(written.concat())
    }
}
