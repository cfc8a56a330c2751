//! Matching of texts and images by a fusion encoder, which reads both together.

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::Architecture;
use alambic_models::{Config, ModelError, TapSelection, Tokenizer};

use crate::images::image_processor::ImageProcessor;
use crate::images::processed_image::ProcessedImage;
use crate::question_answering::VisualQuestionAnsweringPipeline;
use crate::{InferenceError, LoadedModel};

/// Names of the classes of pairs, in the order of the logits: whether text and image belong together.
pub const MATCHING_LABELS: [&str; 2] = ["mismatched", "matched"];

/// Pairs in a forward pass.
const BATCH: usize = 64;

/// Fusion encoder with its tokenizer and image processor, which says how likely a text and an image belong together.
pub struct ImageTextMatchingPipeline(VisualQuestionAnsweringPipeline);

impl ImageTextMatchingPipeline {
    /// Whether a model says of a text and an image together whether they match: by two logits of classes without names, as those of
    /// published models are, or with the names of [`MATCHING_LABELS`].
    #[must_use]
    pub fn is_scored_by(config: &Config) -> bool {
        let outline = config.outline();
        let named = outline.labels.iter().map(String::as_str);
        let is_known = named.clone().eq(MATCHING_LABELS) || named.eq(["LABEL_0", "LABEL_1"]);
        config.reads_images()
            && config.reads_texts()
            && !config.writes_texts()
            && !outline.pairs
            && !outline.classes_of_tokens
            && outline.classes == 2
            && is_known
    }

    /// Loads a model folder, with the detector that lies in it.
    ///
    /// # Errors
    /// When a file is missing or broken, or the model has no such head.
    pub fn load(path: &Path) -> Result<Self, InferenceError> {
        Self::from_model(&LoadedModel::load(path)?)
    }

    /// Pipeline over the network of a loaded model, with the detector that lies in its folder.
    ///
    /// # Errors
    /// When the detector is broken, or the model has no such head.
    pub fn from_model(model: &LoadedModel) -> Result<Self, InferenceError> {
        let config = model.config();
        let image_processor = ImageProcessor::load(config, model.folder())?;
        Self::new(config, Arc::clone(model.network()), image_processor, model.tokenizer(), usize::MAX)
    }

    /// Pipeline over a network in memory, which truncates texts with their tags to `max_length` tokens.
    ///
    /// # Errors
    /// When the model has no such head, or the special tokens alone are longer.
    pub fn new(
        config: &Config,
        network: Arc<dyn Architecture>,
        image_processor: ImageProcessor,
        tokenizer: &Tokenizer,
        max_length: usize,
    ) -> Result<Self, InferenceError> {
        if !Self::is_scored_by(config) {
            return Err(InferenceError::Unsupported(format!(
                "a {} with {} classes does not say whether a text and an image belong together: two are needed, `{}` and `{}`",
                config.model_type(),
                config.outline().classes,
                MATCHING_LABELS[0],
                MATCHING_LABELS[1]
            )));
        }
        let pipeline =
            VisualQuestionAnsweringPipeline::new(config, network, image_processor, tokenizer, max_length)?;
        Ok(Self(pipeline))
    }

    /// Image processor.
    #[must_use]
    pub fn image_processor(&self) -> &ImageProcessor {
        self.0.image_processor()
    }

    /// Log-odds that each text belongs to its image: the logit of `matched` less that of `mismatched`.
    ///
    /// # Errors
    /// When a text cannot be encoded or an image does not fit the model.
    pub fn scores(&self, pairs: &[(&str, &ProcessedImage)]) -> Result<Vec<f32>, InferenceError> {
        let mut scores = Vec::with_capacity(pairs.len());
        for batch in pairs.chunks(BATCH) {
            let trace = self.0.trace(batch, TapSelection::named(["logits"]))?;
            let logits = trace.get("logits").ok_or_else(|| ModelError::MissingTensor("logits".to_owned()))?;
            let rows = logits.to_vec2::<f32>().map_err(ModelError::from)?;
            scores.extend(rows.iter().map(|row| log_odds(row)));
        }
        Ok(scores)
    }
}

/// Log-odds of a match, of the two logits of a pair.
#[must_use]
pub fn log_odds(logits: &[f32]) -> f32 {
    match logits {
        [mismatched, matched] => matched - mismatched,
        _ => f32::NAN,
    }
}
