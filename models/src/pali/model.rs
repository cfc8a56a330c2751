//! The network.

use std::sync::Arc;

use alambic_tensor::candle::Tensor;
use alambic_tensor::ops::{Activation, masked_mean};
use alambic_tensor::parameters::Weights;

use super::config::{PaliConfig, VisualBias};
use super::parts;
use crate::architecture::{Image, missing};
use crate::clip::ImageTower;
use crate::encoder_decoder::{EncoderDecoder, is_of_encoder};
use crate::generation::{DecodingState, Translator};
use crate::layers::{Linear, Pass, WeightSource};
use crate::regions::side_by_side;
use crate::{ModelError, Patches, TapSelection, Tokens, Trace};

/// Input of a PaLI.
#[derive(Debug, Clone, Default)]
pub struct PaliInput {
    /// The prompt of each image.
    pub tokens: Option<Tokens>,
    /// The patches of each image; none for prompts alone.
    pub patches: Option<Patches>,
    /// Target tokens of the decoder.
    pub target: Option<Tokens>,
}

/// A PaLI over given weights.
#[derive(Debug, Clone)]
pub struct Pali {
    config: PaliConfig,
    image: ImageTower,
    projector: Linear,
    language: EncoderDecoder,
}

/// Whether a tap is of the image tower.
fn is_of_tower(tap: &str) -> bool {
    tap.starts_with("image.")
}

impl Pali {
    /// Builds the model over weights named as [`PaliConfig::shapes`] has them. Tracked tensors make it trainable.
    ///
    /// # Errors
    /// When a tensor is missing or has another shape than the configuration says.
    pub fn new(config: &PaliConfig, weights: &Weights) -> Result<Self, ModelError> {
        let source = WeightSource::new(weights);
        let (wide, width) = (config.vision_config.hidden_size, config.text_config.d_model);
        let language = |(name, tensor): (&String, &Tensor)| {
            Some((name.strip_prefix(PaliConfig::LANGUAGE_MODEL)?.to_owned(), tensor.clone()))
        };
        let language: Weights = weights.iter().filter_map(language).collect();
        Ok(Self {
            image: ImageTower::load(source, &config.vision_config)?,
            projector: Linear::load(source, PaliConfig::PROJECTOR, wide, width)?,
            language: EncoderDecoder::new(config.text_config.structure(), &language)?,
            config: config.clone(),
        })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &PaliConfig {
        &self.config
    }

    /// The language model by itself.
    #[must_use]
    pub fn language_model(&self) -> &EncoderDecoder {
        &self.language
    }

    /// Patches as the encoder reads them, `[batch, patches, width]`.
    fn project(&self, patches: &Patches, pass: Pass<'_>, trace: &mut Trace) -> Result<Tensor, ModelError> {
        let states = self.image.forward(patches, pass, trace)?;
        self.projector.forward(&self.image.patch_states(&states)?, Activation::Identity)
    }

    /// The encoder's last states over patches and prompt, `[batch, patches + length, width]`, and their mask.
    fn encode(
        &self,
        source: &Tokens,
        patches: Option<&Patches>,
        pass: Pass<'_>,
        trace: &mut Trace,
    ) -> Result<(Tensor, Arc<Vec<u8>>), ModelError> {
        let Some(patches) = patches else {
            return Ok((self.language.encode(source, pass, trace)?, source.mask.clone()));
        };
        let (images, count, _) = patches.values.dims3()?;
        if images != source.batch {
            return Err(ModelError::Input(format!("there are {} texts and {images} images", source.batch)));
        }
        let image = self.project(patches, pass, trace)?;
        let embedded = Tensor::cat(&[image, self.language.embed_source(source)?], 1)?;
        let mask = side_by_side(&patches.mask, &source.mask, images);
        let biases = self.biases(count, source.length)?;
        let encoded = self.language.encode_embedded(&embedded, &mask, biases, pass, trace)?;
        Ok((encoded, mask))
    }

    /// Biases of the scores of patches and prompt, `[1, heads, patches + length, patches + length]`.
    fn biases(&self, patches: usize, length: usize) -> Result<Option<Tensor>, ModelError> {
        match self.config.visual_bias {
            VisualBias::Relative => self.language.source_biases(patches + length),
            VisualBias::None => match self.language.source_biases(length)? {
                Some(biases) => {
                    let biases = biases.pad_with_zeros(2, patches, 0)?.pad_with_zeros(3, patches, 0)?;
                    Ok(Some(biases.contiguous()?))
                }
                None => Ok(None),
            },
        }
    }

    /// One forward pass that reads the wanted taps. Parts of which nothing is wanted do not run: the decoder, and behind the image
    /// tower the language model.
    ///
    /// # Errors
    /// When an input does not fit the model, or what a wanted tap needs is not there.
    pub fn trace(
        &self,
        input: &PaliInput,
        pass: Pass<'_>,
        wanted: TapSelection,
    ) -> Result<Trace, ModelError> {
        let PaliInput { tokens, patches, target } = input;
        let names = wanted.names();
        let is_of_image = |tap: &String| is_of_tower(tap) || tap.starts_with(PaliConfig::ENCODER_IMAGE);
        if patches.is_none() && names.is_some_and(|names| names.iter().any(is_of_image)) {
            return Err(missing("image (`pixel_values`)"));
        }
        let is_behind = |tap: &String| !is_of_encoder(tap) && !is_of_tower(tap);
        let beyond_encoder = names.is_none_or(|names| names.iter().any(is_behind));
        let mut whole = Trace::new(parts::whole(&wanted));
        if let (Some(patches), Some(names)) = (patches, names)
            && !names.is_empty()
            && names.iter().all(|tap| is_of_tower(tap))
        {
            self.image.forward(patches, pass, &mut whole)?;
            return Ok(whole);
        }
        let source = tokens.as_ref().ok_or_else(|| missing("text (`input_ids`)"))?;
        let (memory, mask) = self.encode(source, patches.as_ref(), pass, &mut whole)?;
        if whole.wants(PaliConfig::EMBEDDING) {
            whole.record(PaliConfig::EMBEDDING, &masked_mean(&memory, &mask)?);
        }
        match (target, names.and_then(|names| names.iter().find(|tap| is_behind(tap)))) {
            (Some(target), _) if beyond_encoder => {
                self.language.decode((&memory, &mask), target, pass, &mut whole)?;
            }
            (None, Some(tap)) => {
                return Err(ModelError::Input(format!("`{tap}` needs `decoder_input_ids`")));
            }
            _ => {}
        }
        let image = patches.as_ref().map(|patches| &patches.mask);
        parts::cut(&whole, wanted, image, &source.mask, source.batch)
    }
}

/// A PaLI that writes texts of given images.
pub(super) struct ImageTranslator<'a> {
    pub(super) model: &'a Pali,
    pub(super) image: Image,
}

impl Translator for ImageTranslator<'_> {
    fn start(&self, source: &Tokens, capacity: usize) -> Result<Box<dyn DecodingState + '_>, ModelError> {
        let patches = self.image.patches(self.model.config.vision_config.patch_size, -1)?;
        let mut untapped = Trace::new(TapSelection::nothing());
        let (memory, mask) = self.model.encode(source, Some(&patches), Pass::Evaluate, &mut untapped)?;
        self.model.language.start_over(&memory, mask, capacity)
    }

    fn start_token(&self) -> u32 {
        self.model.language.start_token()
    }

    fn end_token(&self) -> u32 {
        self.model.language.end_token()
    }

    fn max_length(&self) -> usize {
        self.model.language.max_length()
    }
}
