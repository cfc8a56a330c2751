//! Inputs of a model: texts, images, regions, and what a decoder has written.

use std::sync::Arc;

use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::device;
use alambic_tensor::parameters::Weights;

use crate::image_tokenizer::ImageTokenizerConfig;
use crate::text_input::TextInput;
use crate::{Images, ModelError, Patches, Regions, TaggedRegions, Tokens, integers};

/// Inputs of a model. Each architecture takes what it needs and does not look at the rest.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Texts, or pairs of texts.
    pub text: Option<TextInput>,
    /// Target tokens of a decoder.
    pub target: Option<Tokens>,
    /// Images.
    pub image: Option<Image>,
    /// Regions of images.
    pub regions: Option<Regions>,
    /// Classes of the objects that are in an image, for a detector that is told them in training: one for each object that a cell may
    /// have.
    pub classes: Option<Arc<Vec<u32>>>,
}

/// Images, as far as they have been prepared.
#[derive(Debug, Clone)]
pub enum Image {
    /// Pixels, which a model cuts as it wants them.
    Pixels(Images),
    /// Patches: all models that are given these look at the same parts of an image.
    Patches(Patches),
    /// Embeddings of the images by the image tower of a dual encoder, `[batch, width]`.
    Embedding(Tensor),
    /// The codes of the images by an image tokenizer, those of one image behind another's.
    Codes(Arc<Vec<u32>>),
    /// Regions of the images with the tags of the objects in them, of which captions are written.
    Regions(TaggedRegions),
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
            classes: None,
        })
    }

    /// What texts are written of: the images, or the regions with the second texts as their tags.
    ///
    /// # Errors
    /// When the second texts of rows begin at several places.
    pub fn image_of_writer(&self) -> Result<Option<Image>, ModelError> {
        let (Some(text), Some(regions)) = (&self.text, &self.regions) else { return Ok(self.image.clone()) };
        let tags = text.tokens.columns(text.first_length()?..text.tokens.length);
        Ok(Some(Image::Regions(TaggedRegions { regions: regions.clone(), tags })))
    }

    /// A batch of texts alone.
    #[must_use]
    pub fn of_texts(text: TextInput) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    pub(crate) fn text(&self) -> Result<&TextInput, ModelError> {
        self.text.as_ref().ok_or_else(|| missing("text (`input_ids`)"))
    }

    pub(crate) fn regions(&self) -> Result<&Regions, ModelError> {
        self.regions.as_ref().ok_or_else(|| missing("regions (`visual_feats` or `visual_embeds`)"))
    }

    /// The pixels of the images.
    pub(crate) fn pixels(&self) -> Result<&Images, ModelError> {
        match &self.image {
            Some(Image::Pixels(images)) => Ok(images),
            Some(_) => {
                Err(ModelError::Input("an image tokenizer reads pixels, and these are no more of any".into()))
            }
            None => Err(missing("image (`pixel_values`)")),
        }
    }

    /// The patches of the images, at most so many of each; negative for no limit.
    pub(crate) fn patches(&self, patch: usize, limit: i64) -> Result<Patches, ModelError> {
        self.image.as_ref().ok_or_else(|| missing("image (`pixel_values`)"))?.patches(patch, limit)
    }
}

impl Image {
    /// The pixels of whole images of the size that an image tokenizer reads.
    pub(crate) fn whole_pixels(&self, config: &ImageTokenizerConfig) -> Result<Images, ModelError> {
        match self {
            Self::Pixels(images) => Ok(images.clone()),
            Self::Patches(patches) => patches.whole_images(config.num_channels, config.factor()),
            Self::Embedding(_) | Self::Codes(_) | Self::Regions(_) => {
                Err(ModelError::Input("an image tokenizer reads pixels, and these are no more of any".into()))
            }
        }
    }

    /// The patches, at most so many of each; negative for no limit.
    pub(crate) fn patches(&self, patch: usize, limit: i64) -> Result<Patches, ModelError> {
        let patches = match self {
            Self::Patches(patches) => return Ok(patches.clone()),
            Self::Pixels(images) => Patches::of(images, patch)?,
            Self::Embedding(_) => {
                return Err(ModelError::Input("a model without a tower for images needs images".into()));
            }
            Self::Codes(_) => {
                return Err(ModelError::Input(
                    "a model that reads patches needs images, and these are codes".into(),
                ));
            }
            Self::Regions(_) => {
                return Err(ModelError::Input(
                    "a model that reads patches needs images, and these are regions".into(),
                ));
            }
        };
        match usize::try_from(limit) {
            Ok(limit) => patches.limited(limit, None),
            Err(_) => Ok(patches),
        }
    }
}

pub(crate) fn missing(what: &str) -> ModelError {
    ModelError::Input(format!("there is no {what}"))
}

fn text(ids: &Tensor, inputs: &Weights) -> Result<TextInput, ModelError> {
    let tokens = Tokens::from_tensors(ids, inputs.get("attention_mask"))?;
    let numbers = |name: &str| match inputs.get(name) {
        Some(ids) if ids.dims() == [tokens.batch, tokens.length] => {
            Ok(Some(Arc::new(integers::ids(name, ids)?)))
        }
        Some(ids) => Err(ModelError::Input(format!(
            "`{name}` of shape {:?} does not fit `input_ids` of [{}, {}]",
            ids.dims(),
            tokens.batch,
            tokens.length
        ))),
        None => Ok(None),
    };
    let (segments, languages) = (numbers("token_type_ids")?, numbers("langs")?);
    Ok(TextInput { segments, languages, ..TextInput::new(tokens) })
}

fn images(pixels: &Tensor, inputs: &Weights) -> Result<Image, ModelError> {
    let (batch, _, height, width) = pixels.dims4()?;
    let mask = match inputs.get("pixel_mask") {
        Some(mask) if mask.dims() == [batch, height, width] => {
            Some(Arc::new(integers::mask("pixel_mask", mask)?))
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

/// The inputs with the `attention_mask` that a model assumes where there is none: every token counts.
///
/// # Errors
/// When the mask cannot be made.
pub fn with_attention_mask(mut inputs: Weights) -> Result<Weights, ModelError> {
    if let (Some(ids), false) = (inputs.get("input_ids"), inputs.contains_key("attention_mask")) {
        let mask = Tensor::ones(ids.shape(), DType::I64, device::current())?;
        inputs.insert("attention_mask".into(), mask);
    }
    Ok(inputs)
}
