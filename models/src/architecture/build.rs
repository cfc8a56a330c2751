//! Building a model without asking which architecture it is.

use alambic_tensor::parameters::Weights;

use super::network::Architecture;
use crate::{Config, ModelError, ModelFolder};

/// The model of a folder.
///
/// # Errors
/// When a file is missing or broken or the architecture is not known.
pub fn open(folder: &ModelFolder) -> Result<Box<dyn Architecture>, ModelError> {
    let config = Config::open(folder)?;
    build(&config, &config.weights(folder)?)
}

/// The model of a configuration over given weights. Tracked tensors make it trainable.
///
/// # Errors
/// When a tensor is missing or has another shape than the configuration says.
pub fn build(config: &Config, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
    config.build(weights)
}
