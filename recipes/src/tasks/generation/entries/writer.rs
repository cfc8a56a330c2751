//! Texts that a model writes about images.

use std::path::Path;
use std::sync::Arc;

use alambic_inference::{ImageProcessor, ImagePrompt, ImageTextToTextPipeline};
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
    pipeline: ImageTextToTextPipeline,
}

impl Writer {
    /// The model of a folder, decoding as it is told.
    pub(super) fn load(folder: &Path, generation: GenerationConfig) -> Result<Self, RunError> {
        let mut pipeline = ImageTextToTextPipeline::load(folder)?;
        pipeline.set_generation(generation)?;
        Ok(Self { pipeline })
    }

    /// A network that writes the likeliest token at each step.
    pub(super) fn greedy(
        config: &Config,
        network: Arc<dyn Architecture>,
        tokenizer: &Tokenizer,
        max_new_tokens: usize,
    ) -> Result<Self, RunError> {
        let mut pipeline = ImageTextToTextPipeline::new(config.clone(), network, tokenizer.clone())?;
        pipeline.set_generation(GenerationConfig::greedy(max_new_tokens))?;
        Ok(Self { pipeline })
    }

    /// The pipeline by itself.
    pub(super) fn into_pipeline(self) -> ImageTextToTextPipeline {
        self.pipeline
    }

    /// What prepares the images that it reads.
    pub(super) fn image_processor(&self) -> &ImageProcessor {
        self.pipeline.image_processor()
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
            let written = self.write_batch(store, some)?;
            done += some.len();
            progress(some.len());
            Ok::<_, RunError>(written)
        })?;
        // What other ranks wrote.
        progress(inputs.len() - done);
        Ok(written.concat())
    }

    /// Texts of images and those of prompts alone are written apart, and come in the order of the inputs.
    fn write_batch(
        &self,
        store: &ImageStore<'_>,
        inputs: &[ToWrite],
    ) -> Result<Vec<(String, Hypothesis)>, RunError> {
        let (seen, unseen): (Vec<&ToWrite>, Vec<&ToWrite>) =
            inputs.iter().partition(|input| input.image.is_some());
        let places: Vec<usize> = seen.iter().filter_map(|input| input.image).collect();
        let images = store.processed_images(&places, None)?;
        let prompts: Vec<ImagePrompt<'_>> = seen
            .iter()
            .zip(&images)
            .map(|(input, image)| ImagePrompt { image, prompt: &input.prompt, language: "" })
            .collect();
        let texts: Vec<(&str, &str)> = unseen.iter().map(|input| (input.prompt.as_str(), "")).collect();
        let mut of_images = self.pipeline.predict(&prompts)?.into_iter();
        let mut of_prompts = if texts.is_empty() {
            Vec::new().into_iter()
        } else {
            self.pipeline.generation().predict(&texts)?.into_iter()
        };
        let next = |input: &ToWrite| match input.image {
            Some(_) => of_images.next(),
            None => of_prompts.next(),
        };
        Ok(inputs.iter().filter_map(next).collect())
    }
}
