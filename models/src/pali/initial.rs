//! Initial weights.

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use super::PaliConfig;
use crate::initialise::deviation;
use crate::{Initialiser, ModelError};

impl PaliConfig {
    /// Initial weights: the image encoder's as CLIP's, the language model's as T5's, and between them a matrix that makes patches as
    /// large as embeddings of words.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        let (shapes, mut initialiser) = (self.shapes(), Initialiser::new(streams));
        let (wide, width) = (self.vision_config.hidden_size, self.text_config.d_model);
        let tower = shapes.keys().filter(|name| name.starts_with(Self::IMAGE_ENCODER));
        let mut weights = initialiser.fill(&shapes, tower, deviation(wide))?;
        let (name, class) = self.vision_config.initial_class(&mut initialiser)?;
        weights.insert(name, class);
        // Norms leave every number of a patch at a deviation of 1, which is that of words.
        let projector = initialiser.normal(width, wide, (wide.max(1) as f64).powf(-0.5))?;
        weights.insert(format!("{}.weight", Self::PROJECTOR), projector);
        let bias = Tensor::zeros(width, DType::F32, device::current())?;
        weights.insert(format!("{}.bias", Self::PROJECTOR), bias);
        let language = self.text_config.draw(&mut initialiser)?;
        weights.extend(language.into_iter().map(|(name, tensor)| (Self::of_language_model(&name), tensor)));
        Ok(weights)
    }
}
