//! Models of any architecture, for whoever runs them without asking which one it is.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use crate::bert::{Bert, TextInput};
use crate::clip::{Clip, ClipInput};
use crate::detector::Detector;
use crate::dual::{Dual, DualInput, Seen};
use crate::lxmert::{Lxmert, LxmertInput};
use crate::marian::Marian;
use crate::oscar::{Oscar, OscarInput};
use crate::vilt::{Vilt, ViltInput};
use crate::visual_bert::{VisualBert, VisualBertInput};
use crate::{Config, Images, ModelError, ModelFolder, Pass, Patches, Regions, Tokens, Trace, Wanted, whole};

/// What models read. Each takes what it needs of it and does not look at the rest.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Texts, or pairs of texts.
    pub text: Option<TextInput>,
    /// What a decoder has written so far.
    pub target: Option<Tokens>,
    /// Images.
    pub image: Option<Image>,
    /// Regions of images.
    pub regions: Option<Regions>,
}

/// Images, as far as they have been prepared.
#[derive(Debug, Clone)]
pub enum Image {
    /// Pixels, which a model cuts as it wants them.
    Pixels(Images),
    /// Patches: all models that are given these look at the same parts of an image.
    Patches(Patches),
    /// What the image's tower of a dual encoder made of it: `[batch, width]`.
    Embedding(Tensor),
}

/// A model of any architecture.
pub trait Architecture: std::fmt::Debug + Send + Sync {
    /// One forward pass that reads the wanted taps.
    ///
    /// # Errors
    /// When an input is missing or does not fit the model.
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError>;
}

/// The model of a folder.
///
/// # Errors
/// When a file is missing or broken or the architecture is not known.
pub fn open(folder: &ModelFolder) -> Result<Box<dyn Architecture>, ModelError> {
    let config = Config::open(folder)?;
    over(&config, &config.weights(folder)?)
}

/// The model of a configuration over given weights. Tracked tensors make it trainable.
///
/// # Errors
/// When a tensor is missing or has another shape than the configuration says.
pub fn over(config: &Config, weights: &Weights) -> Result<Box<dyn Architecture>, ModelError> {
    Ok(match config {
        Config::Marian(config) => Box::new(Marian::new(config, weights)?),
        Config::Bert(config) => Box::new(Bert::new(config, weights)?),
        Config::Clip(config) => Box::new(Clip::new(config, weights)?),
        Config::Detector(config) => Box::new(Detector::new(config, weights)?),
        Config::Dual(config) => Box::new(Dual::new(config, weights)?),
        Config::Lxmert(config) => Box::new(Lxmert::new(config, weights)?),
        Config::Oscar(config) => Box::new(Oscar::new(config, weights)?),
        Config::Vilt(config) => Box::new(Vilt::new(config, weights)?),
        Config::VisualBert(config) => Box::new(VisualBert::new(config, weights)?),
    })
}

impl Batch {
    /// The batch of tensors that are named as transformers names its inputs.
    ///
    /// # Errors
    /// When tensors do not fit each other.
    pub fn from_tensors(inputs: &Weights) -> Result<Self, ModelError> {
        let features = inputs.get("visual_feats").or_else(|| inputs.get("visual_embeds"));
        let mask = inputs.get("visual_attention_mask");
        Ok(Self {
            text: inputs.get("input_ids").map(|ids| text(ids, inputs)).transpose()?,
            target: inputs.get("decoder_input_ids").map(|ids| Tokens::from_tensors(ids, None)).transpose()?,
            image: inputs.get("pixel_values").map(|pixels| images(pixels, inputs)).transpose()?,
            regions: features
                .map(|features| Regions::from_tensors(features, inputs.get("visual_pos"), mask))
                .transpose()?,
        })
    }

    fn text(&self) -> Result<&TextInput, ModelError> {
        self.text.as_ref().ok_or_else(|| missing("text (`input_ids`)"))
    }

    fn regions(&self) -> Result<&Regions, ModelError> {
        self.regions.as_ref().ok_or_else(|| missing("regions (`visual_feats` or `visual_embeds`)"))
    }

    /// The patches of the images, at most so many of each; negative for no limit.
    fn patches(&self, patch: usize, limit: i64) -> Result<Patches, ModelError> {
        let patches = match &self.image {
            Some(Image::Patches(patches)) => return Ok(patches.clone()),
            Some(Image::Pixels(images)) => Patches::of(images, patch)?,
            Some(Image::Embedding(_)) => {
                return Err(ModelError::Input("a model without a tower for images needs images".into()));
            }
            None => return Err(missing("image (`pixel_values`)")),
        };
        match usize::try_from(limit) {
            Ok(limit) => patches.limited(limit, None),
            Err(_) => Ok(patches),
        }
    }
}

fn missing(what: &str) -> ModelError {
    ModelError::Input(format!("there is no {what}"))
}

fn text(ids: &Tensor, inputs: &Weights) -> Result<TextInput, ModelError> {
    let tokens = Tokens::from_tensors(ids, inputs.get("attention_mask"))?;
    let segments = match inputs.get("token_type_ids") {
        Some(ids) if ids.dims() == [tokens.batch, tokens.length] => {
            Some(Arc::new(whole::ids("token_type_ids", ids)?))
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

fn images(pixels: &Tensor, inputs: &Weights) -> Result<Image, ModelError> {
    let (batch, _, height, width) = pixels.dims4()?;
    let mask = match inputs.get("pixel_mask") {
        Some(mask) if mask.dims() == [batch, height, width] => {
            Some(Arc::new(whole::mask("pixel_mask", mask)?))
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
    Ok(Image::Pixels(Images { pixels: pixels.clone(), mask }))
}

impl Architecture for Marian {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        if batch.target.is_none()
            && let Wanted::Named(names) = &wanted
            && let Some(tap) = names.iter().find(|tap| !tap.starts_with("encoder."))
        {
            return Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`")));
        }
        self.trace(&batch.text()?.tokens, batch.target.as_ref(), pass, wanted)
    }
}

impl Architecture for Bert {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        self.trace(batch.text()?, pass, wanted)
    }
}

impl Architecture for Clip {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let patch = self.config().vision_config.patch_size;
        let input = ClipInput {
            tokens: batch.text.as_ref().map(|text| text.tokens.clone()),
            patches: batch.image.is_some().then(|| batch.patches(patch, -1)).transpose()?,
        };
        if input.tokens.is_none() && input.patches.is_none() {
            return Err(missing("text (`input_ids`) and no image (`pixel_values`)"));
        }
        self.trace(&input, pass, wanted)
    }
}

impl Architecture for Detector {
    fn read(&self, batch: &Batch, _: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        self.trace(&batch.patches(self.config().patch_size, -1)?, wanted)
    }
}

impl Architecture for Dual {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let sizes = &self.config().sizes;
        let seen = match &batch.image {
            None => None,
            Some(Image::Embedding(embedding)) => Some(Seen::Embedding(embedding.clone())),
            Some(_) => Some(Seen::Patches(batch.patches(sizes.patch_size, sizes.max_image_length)?)),
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

impl Architecture for Lxmert {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, .. } = batch.text()?.clone();
        self.trace(&LxmertInput { tokens, segments, regions: batch.regions()?.clone() }, pass, wanted)
    }
}

impl Architecture for Oscar {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let input = OscarInput { text: batch.text()?.clone(), regions: batch.regions()?.clone() };
        self.trace(&input, pass, wanted)
    }
}

impl Architecture for Vilt {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let TextInput { tokens, segments, .. } = batch.text()?.clone();
        let config = self.config();
        let patches = batch.patches(config.patch_size, config.max_image_length)?;
        self.trace(&ViltInput { tokens, segments, patches }, pass, wanted)
    }
}

impl Architecture for VisualBert {
    fn read(&self, batch: &Batch, pass: Pass<'_>, wanted: Wanted) -> Result<Trace, ModelError> {
        let input = VisualBertInput { text: batch.text()?.clone(), regions: batch.regions()?.clone() };
        self.trace(&input, pass, wanted)
    }
}

/// The inputs with the `attention_mask` that a model assumes where there is none: every token counts.
///
/// # Errors
/// When the mask cannot be made.
pub fn with_mask(mut inputs: Weights) -> Result<Weights, ModelError> {
    if let (Some(ids), false) = (inputs.get("input_ids"), inputs.contains_key("attention_mask")) {
        let mask = Tensor::ones(ids.shape(), DType::I64, device::current())?;
        inputs.insert("attention_mask".into(), mask);
    }
    Ok(inputs)
}
