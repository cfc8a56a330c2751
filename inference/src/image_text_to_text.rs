//! Writing of texts for images and prompts.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Image};
use alambic_models::{Config, GenerationConfig, Hypothesis, ModelFolder, Tokenizer};

use crate::generation::reads_no_images;
use crate::images::image_processor::ImageProcessor;
use crate::images::processed_image::ProcessedImage;
use crate::{GenerationPipeline, InferenceError};

/// Images that are read together.
const BATCH: usize = 32;

/// Image, the prompt about it, and the language to write, which is empty where the prompt says it.
#[derive(Debug, Clone, Copy)]
pub struct ImagePrompt<'a> {
    /// The image.
    pub image: &'a ProcessedImage,
    /// The prompt.
    pub prompt: &'a str,
    /// Code of the language, whose tag the model's vocabulary has.
    pub language: &'a str,
}

/// Model with its tokenizer and image processor, which writes texts for images and prompts: captions, answers.
#[derive(Debug, Clone)]
pub struct ImageTextToTextPipeline {
    generation: GenerationPipeline,
    image_processor: ImageProcessor,
}

impl ImageTextToTextPipeline {
    /// Loads a model folder; decoding is greedy.
    ///
    /// # Errors
    /// When a file is missing or broken, or the architecture does not write texts of images.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        let folder = ModelFolder::open(path)?;
        let config = Config::open(&folder)?;
        let image_processor = image_processor(&config, ImageProcessor::load(&config, path))?;
        Ok(Self { generation: GenerationPipeline::from_folder(&folder)?, image_processor })
    }

    /// Pipeline over a network in memory; decoding is greedy.
    ///
    /// # Errors
    /// When the architecture does not write texts of images.
    pub fn new(
        config: impl Into<Config>,
        network: Arc<dyn Architecture>,
        tokenizer: impl Into<Arc<Tokenizer>>,
    ) -> Result<Self, InferenceError> {
        let config = config.into();
        let image_processor = image_processor(&config, ImageProcessor::new(&config, None))?;
        Ok(Self { generation: GenerationPipeline::new(config, network, tokenizer)?, image_processor })
    }

    /// Decodes as [`GenerationPipeline::set_generation`] has it.
    ///
    /// # Errors
    /// When the folder's settings of generation are broken.
    pub fn set_generation(&mut self, generation: GenerationConfig) -> Result<(), InferenceError> {
        self.generation.set_generation(generation)
    }

    /// The pipeline of the same model over texts alone, and its decoding.
    #[must_use]
    pub fn generation(&self) -> &GenerationPipeline {
        &self.generation
    }

    /// Configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        self.generation.config()
    }

    /// Image processor.
    #[must_use]
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// The best text for each image and prompt, with its hypothesis.
    ///
    /// # Errors
    /// When a language is not among the model's, or an image does not fit it.
    pub fn predict(&self, inputs: &[ImagePrompt<'_>]) -> Result<Vec<(String, Hypothesis)>, InferenceError> {
        let mut written = Vec::with_capacity(inputs.len());
        for inputs in inputs.chunks(BATCH) {
            let image = self.images(inputs.iter())?;
            written.extend(self.generation.predict_of(&texts(inputs), image.as_ref())?);
        }
        Ok(written)
    }

    /// The hypotheses for each image and prompt, best first, decoded in batches of prompts of similar length; none for a prompt with
    /// more tokens than the model reads. `progress` gets the size of each batch done.
    ///
    /// # Errors
    /// When a language is not among the model's, or an image does not fit it.
    pub fn generate(
        &self,
        inputs: &[ImagePrompt<'_>],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(String, Hypothesis)>>, InferenceError> {
        let images = |batch: &[usize]| self.images(batch.iter().map(|&index| &inputs[index]));
        self.generation.generate_of(&texts(inputs), BATCH, &images, progress)
    }

    /// Images of prompts as the network reads them.
    pub(crate) fn images<'i>(
        &self,
        inputs: impl Iterator<Item = &'i ImagePrompt<'i>>,
    ) -> Result<Option<Image>, InferenceError> {
        let images: Vec<&ProcessedImage> = inputs.map(|input| input.image).collect();
        let generation = &self.generation;
        self.image_processor.input_of_writer(&images, (generation.config(), generation.tokenizer()))
    }
}

/// The processor of a model that reads images, and the error about one that reads none.
fn image_processor(
    config: &Config,
    found: Result<ImageProcessor, InferenceError>,
) -> Result<ImageProcessor, InferenceError> {
    if config.reads_images() { found } else { Err(reads_no_images(config)) }
}

/// Prompts and languages.
fn texts<'i>(inputs: &[ImagePrompt<'i>]) -> Vec<(&'i str, &'i str)> {
    inputs.iter().map(|input| (input.prompt, input.language)).collect()
}
