//! Models of any architecture, for tools that run them on tensors.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::Weights;

use crate::bert::{Bert, TextInput};
use crate::marian::Marian;
use crate::{Config, ModelError, ModelFolder, Pass, Tokens, Trace, Wanted};

/// A model that reads tensors named as transformers names its inputs.
pub trait Architecture {
    /// One forward pass without dropout.
    ///
    /// # Errors
    /// When an input is missing or does not fit the model.
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError>;
}

/// The model of a folder.
///
/// # Errors
/// When a file is missing or broken or the architecture is not known.
pub fn open(folder: &ModelFolder) -> Result<Box<dyn Architecture>, ModelError> {
    let config = Config::open(folder)?;
    let weights = config.weights(folder)?;
    Ok(match &config {
        Config::Marian(config) => Box::new(Marian::new(config, &weights)?),
        Config::Bert(config) => Box::new(Bert::new(config, &weights)?),
    })
}

impl Architecture for Marian {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let target =
            inputs.get("decoder_input_ids").map(|ids| Tokens::from_tensors(ids, None)).transpose()?;
        if target.is_none()
            && let Wanted::Named(names) = &wanted
            && let Some(tap) = names.iter().find(|tap| !tap.starts_with("encoder."))
        {
            return Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`")));
        }
        self.trace(&tokens(inputs)?, target.as_ref(), Pass::Evaluate, wanted)
    }
}

impl Architecture for Bert {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let tokens = tokens(inputs)?;
        let segments = match inputs.get("token_type_ids") {
            Some(ids) if ids.dims() == [tokens.batch, tokens.length] => {
                Some(Arc::new(ids.to_dtype(DType::U32)?.flatten_all()?.to_vec1()?))
            }
            Some(ids) => {
                return Err(ModelError::Input(format!(
                    "`token_type_ids` of shape {:?} does not fit `input_ids` of [{}, {}]",
                    ids.dims(),
                    tokens.batch,
                    tokens.length
                )));
            }
            None => None,
        };
        self.trace(&TextInput { segments, ..TextInput::new(tokens) }, Pass::Evaluate, wanted)
    }
}

fn tokens(inputs: &Weights) -> Result<Tokens, ModelError> {
    let ids = inputs.get("input_ids").ok_or_else(|| ModelError::Input("there is no `input_ids`".into()))?;
    Tokens::from_tensors(ids, inputs.get("attention_mask"))
}

/// The inputs with the `attention_mask` that a model assumes where there is none: every token counts.
///
/// # Errors
/// When the mask cannot be made.
pub fn with_mask(mut inputs: Weights) -> Result<Weights, ModelError> {
    if let (Some(ids), false) = (inputs.get("input_ids"), inputs.contains_key("attention_mask")) {
        let mask = Tensor::ones(ids.shape(), DType::I64, &Device::Cpu)?;
        inputs.insert("attention_mask".into(), mask);
    }
    Ok(inputs)
}
