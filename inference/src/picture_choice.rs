//! Which of several descriptions belongs to an image.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::vilt;
use alambic_models::{Config, EncodedText, ModelError, Pass, SIMILARITY, TapSelection, Tokenizer};

use crate::images::image_processor::ImageProcessor;
use crate::images::processed_image::ProcessedImage;
use crate::{InferenceError, LoadedModel};

/// Images in a forward pass, each with its descriptions.
const BATCH: usize = 8;

/// An image with the descriptions that may belong to it.
pub type DescribedImage<'a> = (&'a ProcessedImage, Vec<&'a str>);

/// Model with its tokenizer and image processor, which scores descriptions of images: one that has a logit of how well text and image go
/// together (ViLT), one that embeds both in one space (CLIP), or one that compares the two in one pass (UNIMO).
pub struct PictureChoicePipeline {
    network: Arc<dyn Architecture>,
    /// Truncates.
    tokenizer: Tokenizer,
    image_processor: ImageProcessor,
    padding: u32,
    /// Tokens of a text for which there are positions.
    max_length: usize,
    /// Whether images and texts are read apart.
    is_dual: bool,
    /// The tap of the scores.
    scores: &'static str,
}

impl PictureChoicePipeline {
    /// Loads a model folder.
    ///
    /// # Errors
    /// When a file is missing or broken, or the model scores no descriptions.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model.
    ///
    /// # Errors
    /// When the model scores no descriptions.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        let image_processor = ImageProcessor::load(model.config(), model.folder())?;
        Self::new(model.config(), Arc::clone(model.network()), image_processor, model.tokenizer(), usize::MAX)
    }

    /// Pipeline over a network in memory, which truncates descriptions to `max_length` tokens.
    ///
    /// # Errors
    /// When the model scores no descriptions, or the special tokens alone are longer.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, InferenceError> {
        if !Self::is_scored_by(config) {
            return Err(InferenceError::Unsupported(format!(
                "a {} of this kind does not say how well a text and an image go together, as a ViLT with a head for it and a CLIP do",
                config.model_type()
            )));
        }
        tokenizer.check_rows(config.vocabulary())?;
        let tokenizer = tokenizer.with_max_length(max_length.min(config.max_length()))?;
        let (padding, max_length) = (config.padding(), config.max_length());
        let outline = config.outline();
        let is_dual = outline.pairs && !outline.similarity;
        let scores = if outline.similarity { SIMILARITY } else { "logits" };
        Ok(Self { network, tokenizer, image_processor, padding, max_length, is_dual, scores })
    }

    /// Whether a model scores descriptions of images.
    #[must_use]
    pub fn is_scored_by(config: &Config) -> bool {
        match config {
            Config::Vilt(config) => config.head == vilt::Head::Match,
            other => other.outline().pairs,
        }
    }

    /// The same pipeline, which truncates descriptions to `max_length` tokens.
    ///
    /// # Errors
    /// When the special tokens alone are longer.
    pub fn with_max_length(self, max_length: usize) -> Result<Self, InferenceError> {
        let tokenizer = self.tokenizer.with_max_length(max_length.min(self.max_length))?;
        Ok(Self { tokenizer, ..self })
    }

    /// Image processor.
    #[must_use]
    pub fn image_processor(&self) -> &ImageProcessor {
        &self.image_processor
    }

    /// Whether a description has more tokens than the pipeline reads.
    ///
    /// # Errors
    /// When the text cannot be encoded.
    pub fn is_truncated(&self, text: &str) -> Result<bool, InferenceError> {
        Ok(self.tokenizer.encode_text(text, None)?.truncated)
    }

    /// The score of each description of each image: its logit, or the scaled cosine.
    ///
    /// # Errors
    /// When a text cannot be encoded, or an image was processed for another model.
    pub fn scores(&self, inputs: &[DescribedImage<'_>]) -> Result<Vec<Vec<f32>>, InferenceError> {
        let mut scores = Vec::with_capacity(inputs.len());
        for some in inputs.chunks(BATCH) {
            scores.extend(self.batch_scores(some)?);
        }
        Ok(scores)
    }

    fn batch_scores(&self, inputs: &[DescribedImage<'_>]) -> Result<Vec<Vec<f32>>, InferenceError> {
        if inputs.iter().all(|(_, texts)| texts.is_empty()) {
            return Ok(vec![Vec::new(); inputs.len()]);
        }
        let texts = inputs.iter().flat_map(|(image, texts)| {
            let second = self.image_processor.second_text(image);
            texts.iter().map(move |text| self.tokenizer.encode_text(text, second.as_deref()))
        });
        let encoded: Vec<EncodedText> = texts.collect::<Result<_, ModelError>>()?;
        let text = TextInput::pad(&encoded.iter().collect::<Vec<_>>(), self.padding);
        let images: Vec<&ProcessedImage> = inputs
            .iter()
            .flat_map(|(image, texts)| {
                std::iter::repeat_n(*image, if self.is_dual { 1 } else { texts.len() })
            })
            .collect();
        let (image, regions) = self.image_processor.batch(&images, None)?;
        let batch = Batch { text: Some(text), image, regions, ..Batch::default() };
        let trace = self.network.forward(&batch, Pass::Evaluate, TapSelection::named([self.scores]))?;
        let logits = trace.get(self.scores).ok_or_else(|| {
            InferenceError::Unsupported("the model gives no logit of a text and an image".into())
        })?;
        // A similarity is one number of a pair, as is a single logit.
        let logits = if logits.rank() == 1 { logits.unsqueeze(1) } else { Ok(logits.clone()) };
        let logits: Vec<Vec<f32>> = logits.and_then(|own| own.to_vec2()).map_err(ModelError::from)?;
        let mut first = 0;
        let of_image = |(number, (_, texts)): (usize, &DescribedImage<'_>)| {
            let own = first..first + texts.len();
            first = own.end;
            if self.is_dual { logits[number][own].to_vec() } else { logits[own].concat() }
        };
        Ok(inputs.iter().enumerate().map(of_image).collect())
    }
}
