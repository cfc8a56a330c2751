//! Weights for `VarBuilder`, by which programs on candle hand weights to networks. The other way round,
//! [`ModelConfig::build_from`](crate::ModelConfig::build_from) makes a model of a builder.

use alambic_tensor::candle::DType;
use alambic_tensor::candle_nn::VarBuilder;
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use crate::{Config, ModelError, ModelFolder};

/// Builder of named tensors in `f32`, for any network that takes its weights from one.
#[must_use]
pub fn var_builder(weights: &Weights) -> VarBuilder<'static> {
    let tensors = weights.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
    VarBuilder::from_tensors(tensors, DType::F32, device::current())
}

impl ModelFolder {
    /// Builder of the weights of the folder in `f32`, under the names that the transformers library has for them, whatever its
    /// files call them.
    ///
    /// The files are read by this crate, within its limits and with its checks, and not by candle.
    ///
    /// # Errors
    /// When the configuration or a file is missing or broken, or the weights lack a tensor.
    pub fn var_builder(&self) -> Result<VarBuilder<'static>, ModelError> {
        Ok(var_builder(&Config::open(self)?.weights(self)?))
    }
}
