//! The configuration file of a PaLI. transformers has no such model: the layout is ours, with CLIP's keys and T5's.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde_json::{Value, json};

use crate::clip::ClipVisionConfig;
use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::t5::T5Config;
use crate::json::{check_flags, config_json};
use crate::layers::Shapes;
use crate::outline::tap;
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Stream};

/// Biases of the encoder's scores that patches have a part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VisualBias {
    /// Patches have the first positions, row by row, and the text goes on behind them.
    Relative,
    /// None between two of which one is a patch.
    None,
}

impl VisualBias {
    /// All of them.
    const ALL: [Self; 2] = [Self::Relative, Self::None];

    /// The value of `visual_bias`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Relative => "relative",
            Self::None => "none",
        }
    }
}

/// `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct PaliConfig {
    /// The image encoder.
    pub vision_config: ClipVisionConfig,
    /// The language model.
    pub text_config: T5Config,
    /// Biases of scores that patches have a part in.
    pub visual_bias: VisualBias,
    /// Whether training leaves the image encoder as it is.
    pub freeze_image_encoder: bool,
    /// Image processor, where it is not [`ImageProcessorConfig::clip`].
    pub images: Option<ImageProcessorConfig>,
}

impl PaliConfig {
    /// The value of `model_type`.
    pub(super) const MODEL_TYPE: &str = "pali";
    /// What stands before the names of the image encoder's tensors.
    pub const IMAGE_ENCODER: &str = "vision_model.";
    /// Linear layer that brings patches to the width of the language model.
    pub const PROJECTOR: &str = "projector";
    /// What stands before the names of the language model's tensors, which are those of T5.
    pub const LANGUAGE_MODEL: &str = "language_model.";

    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key has the wrong type, or says what is not supported.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let json = folder.json();
        let refuse = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let part = |key: &str| match &json[key] {
            part @ Value::Object(_) => Ok(part),
            other => Err(refuse(format!(
                "`{key}` is {}; it is the configuration of a part of the model",
                quoted(&other.to_string())
            ))),
        };
        check_flags(json, ["freeze_image_encoder"]).map_err(refuse)?;
        let visual_bias = match &json["visual_bias"] {
            Value::Null => VisualBias::Relative,
            value => VisualBias::ALL.into_iter().find(|own| value == own.name()).ok_or_else(|| {
                refuse(format!("`visual_bias` is {}; it is `relative` or `none`", quoted(&value.to_string())))
            })?,
        };
        let vision_config: ClipVisionConfig = folder.typed(part("vision_config")?)?;
        let language = folder.with_json(part("text_config")?.clone());
        let mut config = Self {
            vision_config,
            text_config: T5Config::open_within(&language, Self::LANGUAGE_MODEL)?,
            visual_bias,
            freeze_image_encoder: json["freeze_image_encoder"] == true,
            images: None,
        };
        folder.check(&config.summary())?;
        config.images = ImageProcessorConfig::open_clip(folder, config.vision_config.image_size)?;
        Ok(config)
    }

    /// Image processor of the model.
    #[must_use]
    pub fn image_processor(&self) -> ImageProcessorConfig {
        self.images.unwrap_or(ImageProcessorConfig::clip(self.vision_config.image_size))
    }

    /// Number of patches of an image.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.vision_config.grid().pow(2)
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = self.text_config.summary();
        let vision = &self.vision_config;
        vision.add_summary(&mut summary);
        let (patch, side) = (vision.patch_size, vision.image_size);
        summary.divisions.push(("vision_config.patch_size", patch, "vision_config.image_size", side));
        summary
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let mut shapes = Shapes::default();
        self.vision_config.add_tables(&mut shapes);
        self.vision_config.add_norms(&mut shapes);
        self.vision_config.add_layers(&mut shapes);
        shapes.biased(Self::PROJECTOR, &[self.text_config.d_model, self.vision_config.hidden_size]);
        for (name, shape) in self.text_config.structure().shapes() {
            shapes.tensor(Self::of_language_model(&name), &shape);
        }
        shapes.into_inner()
    }

    /// The name of a tensor of T5.
    pub(super) fn of_language_model(name: &str) -> String {
        format!("{}{name}", Self::LANGUAGE_MODEL)
    }

    /// The streams of an encoder-decoder, of the image tower, and of the two parts of the encoder's hidden states.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let vision = &self.vision_config;
        let mut outline = self.text_config.structure().outline();
        if let Some(encoder) = outline.streams.get_mut("encoder") {
            encoder.embedding = Some(self.text_config.d_model);
        }
        let tower = Stream::new(vision.num_hidden_layers, vision.hidden_size, vision.num_attention_heads);
        outline.streams.insert("image".to_owned(), tower);
        let text = &self.text_config;
        let part = Stream::new(text.num_layers, text.d_model, text.num_heads).without_attention();
        for stream in [Self::ENCODER_IMAGE, Self::ENCODER_TEXT] {
            outline.streams.insert(stream.to_owned(), part);
        }
        outline
    }

    /// Tap of the mean of the encoder's last states over patches and prompt, without padding.
    pub(super) const EMBEDDING: &str = "encoder.embedding";
    /// Stream of the patches in the encoder.
    pub(super) const ENCODER_IMAGE: &str = "encoder.image";
    /// Stream of the prompt in the encoder.
    pub(super) const ENCODER_TEXT: &str = "encoder.text";

    /// The hidden states of the encoder that a tap is a part of; none of others.
    pub(super) fn whole_of(part: &str) -> Option<String> {
        let own =
            [Self::ENCODER_IMAGE, Self::ENCODER_TEXT].into_iter().find_map(|own| part.strip_prefix(own));
        let layer = own?.strip_prefix(".hidden.")?.parse().ok()?;
        Some(tap("encoder", "hidden", layer))
    }

    /// JSON of `config.json`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let text = &self.text_config;
        Ok(json!({
            "model_type": Self::MODEL_TYPE,
            "architectures": ["PaliForConditionalGeneration"],
            "is_encoder_decoder": true,
            "visual_bias": self.visual_bias.name(),
            "freeze_image_encoder": self.freeze_image_encoder,
            "pad_token_id": text.pad_token_id,
            "eos_token_id": text.eos_token_id,
            "decoder_start_token_id": text.decoder_start_token_id,
            "text_config": text.to_json(),
            "vision_config": self.image_encoder_json()?,
        }))
    }

    /// JSON of the `config.json` of the image encoder by itself, which transformers loads as a `CLIPVisionModel`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn image_encoder_json(&self) -> Result<Value, ModelError> {
        let class = json!({ "model_type": "clip_vision_model", "architectures": ["CLIPVisionModel"] });
        config_json(&self.vision_config, class)
    }
}
