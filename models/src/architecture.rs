//! Models of any architecture, for tools that run them on tensors.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::Weights;

use crate::bert::{Bert, TextInput};
use crate::clip::{Clip, ClipInput};
use crate::lxmert::{Lxmert, LxmertInput};
use crate::marian::Marian;
use crate::oscar::{Oscar, OscarInput};
use crate::vilt::{Vilt, ViltInput};
use crate::visual_bert::{VisualBert, VisualBertInput};
use crate::{Config, Images, ModelError, ModelFolder, Pass, Patches, Regions, Tokens, Trace, Wanted};

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
        Config::Clip(config) => Box::new(Clip::new(config, &weights)?),
        Config::Lxmert(config) => Box::new(Lxmert::new(config, &weights)?),
        Config::Oscar(config) => Box::new(Oscar::new(config, &weights)?),
        Config::Vilt(config) => Box::new(Vilt::new(config, &weights)?),
        Config::VisualBert(config) => Box::new(VisualBert::new(config, &weights)?),
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
        self.trace(&text(inputs)?, Pass::Evaluate, wanted)
    }
}

impl Architecture for Clip {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let input = ClipInput {
            tokens: inputs.contains_key("input_ids").then(|| tokens(inputs)).transpose()?,
            patches: inputs
                .contains_key("pixel_values")
                .then(|| patches(inputs, self.config().vision_config.patch_size))
                .transpose()?,
        };
        if input.tokens.is_none() && input.patches.is_none() {
            return Err(ModelError::Input("there is neither `input_ids` nor `pixel_values`".into()));
        }
        self.trace(&input, Pass::Evaluate, wanted)
    }
}

impl Architecture for Lxmert {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, .. } = text(inputs)?;
        let regions = regions(inputs, "visual_feats")?;
        self.trace(&LxmertInput { tokens, segments, regions }, Pass::Evaluate, wanted)
    }
}

impl Architecture for Oscar {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let input = OscarInput { text: text(inputs)?, regions: regions(inputs, "visual_feats")? };
        self.trace(&input, Pass::Evaluate, wanted)
    }
}

impl Architecture for Vilt {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, .. } = text(inputs)?;
        let patches = patches(inputs, self.config().patch_size)?;
        let patches = match usize::try_from(self.config().max_image_length) {
            Ok(limit) => patches.limited(limit, None)?,
            Err(_) => patches,
        };
        self.trace(&ViltInput { tokens, segments, patches }, Pass::Evaluate, wanted)
    }
}

impl Architecture for VisualBert {
    fn run(&self, inputs: &Weights, wanted: Wanted) -> Result<Trace, ModelError> {
        let input = VisualBertInput { text: text(inputs)?, regions: regions(inputs, "visual_embeds")? };
        self.trace(&input, Pass::Evaluate, wanted)
    }
}

fn needed<'i>(inputs: &'i Weights, name: &str) -> Result<&'i Tensor, ModelError> {
    inputs.get(name).ok_or_else(|| ModelError::Input(format!("there is no `{name}`")))
}

fn tokens(inputs: &Weights) -> Result<Tokens, ModelError> {
    Tokens::from_tensors(needed(inputs, "input_ids")?, inputs.get("attention_mask"))
}

fn text(inputs: &Weights) -> Result<TextInput, ModelError> {
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
    Ok(TextInput { segments, ..TextInput::new(tokens) })
}

/// Regions, whose features go by this name.
fn regions(inputs: &Weights, features: &str) -> Result<Regions, ModelError> {
    let mask = inputs.get("visual_attention_mask");
    Regions::from_tensors(needed(inputs, features)?, inputs.get("visual_pos"), mask)
}

/// Images, cut into patches.
fn patches(inputs: &Weights, patch: usize) -> Result<Patches, ModelError> {
    let pixels = needed(inputs, "pixel_values")?;
    let (batch, _, height, width) = pixels.dims4()?;
    let mask = match inputs.get("pixel_mask") {
        Some(mask) if mask.dims() == [batch, height, width] => {
            Some(Arc::new(mask.to_dtype(DType::U8)?.flatten_all()?.to_vec1()?))
        }
        Some(mask) => {
            return Err(ModelError::Input(format!(
                "`pixel_mask` of shape {:?} does not fit `pixel_values` of {:?}",
                mask.dims(),
                pixels.dims()
            )));
        }
        None => None,
    };
    Patches::of(&Images { pixels: pixels.clone(), mask }, patch)
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
