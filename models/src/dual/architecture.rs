//! Declarations of the architecture, and its forward pass.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use super::config::DualConfig;
use super::model::{Dual, DualImageInput, DualInput};
use crate::architecture::{Architecture, Batch, Image, missing};
use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PREPROCESSOR};
use crate::model_config::{ModelConfig, Role};
use crate::text_encoder::HeadSpec;
use crate::{ModelError, ModelFolder, Outline, Pass, TapSelection, Trace};

impl ModelConfig for DualConfig {
    fn model_types() -> &'static [&'static str] {
        &["dual-encoder"]
    }

    fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open(folder)
    }

    fn model_type(&self) -> &'static str {
        "dual-encoder"
    }

    fn role(&self) -> Role {
        Role::DualEncoder
    }

    fn summary(&self) -> ConfigSummary<'_> {
        self.summary()
    }

    fn outline(&self) -> Outline {
        self.outline()
    }

    fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        self.shapes()
    }

    fn to_json(&self) -> Result<Value, ModelError> {
        self.to_json()
    }

    fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        Dual::initial_weights(self, streams, &Weights::new())
    }

    fn build(&self, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
        Ok(Box::new(Dual::new(self, weights)?))
    }

    fn image_input(&self) -> Option<ImageInput> {
        Some(ImageInput::Patches(self.sizes.patch_input()))
    }

    fn image_embedding_width(&self) -> Option<usize> {
        Some(self.sizes.hidden_size)
    }

    fn with_head(self, head: &HeadSpec) -> Self {
        match head.answers() {
            Some(answers) => self.answering(answers),
            None => self,
        }
    }

    fn with_head_weights(
        &self,
        weights: Weights,
        head: &HeadSpec,
        streams: &Streams,
    ) -> Result<(Self, Weights), ModelError> {
        match head.answers() {
            Some(answers) => Dual::with_answers(self, weights, answers, streams),
            None => Ok((self.clone(), weights)),
        }
    }

    fn extra_files(&self) -> Vec<(&'static str, Value)> {
        self.sizes.images.iter().map(|images| (PREPROCESSOR, images.to_json())).collect()
    }
}

impl Architecture for Dual {
    fn forward(&self, batch: &Batch, pass: Pass<'_>, wanted: TapSelection) -> Result<Trace, ModelError> {
        let sizes = &self.config().sizes;
        let seen = match &batch.image {
            None => None,
            Some(Image::Embedding(embedding)) => Some(DualImageInput::Embedding(embedding.clone())),
            Some(_) => {
                Some(DualImageInput::Patches(batch.patches(sizes.patch_size, sizes.max_image_length)?))
            }
        };
        let input = DualInput {
            tokens: batch.text.as_ref().map(|text| text.tokens.clone()),
            segments: batch.text.as_ref().and_then(|text| text.segments.clone()),
            seen,
        };
        if input.tokens.is_none() && input.seen.is_none() {
            return Err(missing("text (`input_ids`) and no image (`pixel_values`)"));
        }
        self.trace(&input, pass, wanted)
    }
}
