//! The configuration file of a CLIP model.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::image_input::{ImageInput, PatchInput};
use crate::json::config_json;
use crate::layers::{EncoderNames, Shapes, Tower, weights_of_layers};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, PATCHES, Stream, TOKENS};

/// `config.json` with the keys that transformers uses. Files that leave keys out mean the values of ViT-B/32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClipConfig {
    /// Width of the embeddings.
    pub projection_dim: usize,
    /// The text encoder.
    pub text_config: ClipTextConfig,
    /// The image encoder.
    pub vision_config: ClipVisionConfig,
    /// Image processor, where it is not [`ImageProcessorConfig::clip`].
    #[serde(skip)]
    pub images: Option<ImageProcessorConfig>,
}

/// The text encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClipTextConfig {
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Maximum number of tokens of a text.
    pub max_position_embeddings: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Activation of the feed-forward sublayers.
    pub hidden_act: String,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Dropout of attention probabilities.
    pub attention_dropout: f32,
    /// The token whose state stands for the text; 2 means the highest id of the text, as files have it that were written
    /// before the token was.
    pub eos_token_id: u32,
    /// The padding token.
    pub pad_token_id: Option<u32>,
}

/// The image encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClipVisionConfig {
    /// The side of the square image.
    pub image_size: usize,
    /// The side of a patch.
    pub patch_size: usize,
    /// Colour channels.
    pub num_channels: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Activation of the feed-forward sublayers.
    pub hidden_act: String,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Dropout of attention probabilities.
    pub attention_dropout: f32,
}

impl Default for ClipTextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 49_408,
            max_position_embeddings: 77,
            hidden_size: 512,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            intermediate_size: 2048,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            attention_dropout: 0.0,
            eos_token_id: 49_407,
            pad_token_id: None,
        }
    }
}

impl Default for ClipVisionConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 32,
            num_channels: 3,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            attention_dropout: 0.0,
        }
    }
}

impl ClipTextConfig {
    /// Names of the tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        self.tower().layer(index)
    }

    pub(super) fn tower(&self) -> Tower<'_> {
        Tower {
            base: "text_model.",
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: &self.hidden_act,
            epsilon: self.layer_norm_eps,
            dropout: self.attention_dropout,
        }
    }
}

impl ClipVisionConfig {
    /// Names of the tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        self.tower().layer(index)
    }

    pub(crate) fn tower(&self) -> Tower<'_> {
        Tower {
            base: "vision_model.",
            layers: self.num_hidden_layers,
            width: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: &self.hidden_act,
            epsilon: self.layer_norm_eps,
            dropout: self.attention_dropout,
        }
    }

    /// Adds sizes and limits of the tower to those of its model.
    pub(crate) fn add_summary<'a>(&'a self, summary: &mut ConfigSummary<'a>) {
        summary.sizes.extend([
            ("vision_config.image_size", self.image_size),
            ("vision_config.patch_size", self.patch_size),
            ("vision_config.num_channels", self.num_channels),
            ("vision_config.hidden_size", self.hidden_size),
            ("vision_config.intermediate_size", self.intermediate_size),
        ]);
        let layers = self.num_hidden_layers;
        summary.stacks.push(("vision_config.num_hidden_layers", layers, "vision_model.encoder.layers."));
        summary.epsilons.push(("vision_config.layer_norm_eps", self.layer_norm_eps));
        let heads = self.num_attention_heads;
        summary.divisions.push(("vision_config.num_attention_heads", heads, "hidden_size", self.hidden_size));
        summary.activations.push(&self.hidden_act);
    }

    /// Image input by a processor.
    pub(crate) fn image_input(&self, processor: ImageProcessorConfig) -> ImageInput {
        ImageInput::Patches(PatchInput {
            processor,
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.patch_size,
            max_patches: None,
        })
    }

    /// Rows and columns of patches.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size.max(1)
    }
}

/// The keys of a tower, and those that stand beside them in files of the first checkpoints. As in transformers the latter
/// are taken whole where they are there, and what they leave out has its default.
const PARTS: [(&str, &str); 2] =
    [("text_config", "text_config_dict"), ("vision_config", "vision_config_dict")];

/// The width of the embeddings where a configuration does not say it.
const PROJECTION: usize = 512;

/// A configuration whose towers are declared once.
fn with_towers_once(json: &Value) -> Value {
    let mut declared = json.clone();
    for (part, other) in PARTS {
        if json[other].is_object() {
            declared[part] = json[other].clone();
        } else if json[part].is_null() {
            declared[part] = json!({});
        }
    }
    if json["projection_dim"].is_null() {
        declared["projection_dim"] = PROJECTION.into();
    }
    declared
}

impl ClipConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key has the wrong type, or the model is not of both towers.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config: Self = folder.typed_of("clip", &with_towers_once(folder.json()))?;
        folder.check(&config.summary())?;
        let images = ImageProcessorConfig::open_clip(folder, config.vision_config.image_size)?;
        Ok(Self { images, ..config })
    }

    /// Image processor of the model.
    #[must_use]
    pub fn image_processor(&self) -> ImageProcessorConfig {
        self.images.unwrap_or(ImageProcessorConfig::clip(self.vision_config.image_size))
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = ConfigSummary {
            vocabulary: self.text_config.vocab_size,
            max_length: self.text_config.max_position_embeddings,
            padding: self.text_config.pad_token_id.unwrap_or(1),
            intermediate_size: self.text_config.intermediate_size,
            sizes: vec![
                ("projection_dim", self.projection_dim),
                ("text_config.vocab_size", self.text_config.vocab_size),
                ("text_config.max_position_embeddings", self.text_config.max_position_embeddings),
                ("text_config.hidden_size", self.text_config.hidden_size),
                ("text_config.intermediate_size", self.text_config.intermediate_size),
            ],
            counts: Vec::new(),
            stacks: vec![(
                "text_config.num_hidden_layers",
                self.text_config.num_hidden_layers,
                "text_model.encoder.layers.",
            )],
            epsilons: vec![("text_config.layer_norm_eps", self.text_config.layer_norm_eps)],
            divisions: vec![(
                "text_config.num_attention_heads",
                self.text_config.num_attention_heads,
                "hidden_size",
                self.text_config.hidden_size,
            )],
            activations: vec![&self.text_config.hidden_act],
        };
        self.vision_config.add_summary(&mut summary);
        summary
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (text, vision) = (&self.text_config, &self.vision_config);
        let width = text.hidden_size;
        let mut shapes = Shapes::default();
        shapes.tensor("text_model.embeddings.token_embedding.weight", &[text.vocab_size, width]);
        let positions = [text.max_position_embeddings, width];
        shapes.tensor("text_model.embeddings.position_embedding.weight", &positions);
        vision.add_tables(&mut shapes);
        shapes.tensor("text_projection.weight", &[self.projection_dim, width]);
        shapes.tensor("visual_projection.weight", &[self.projection_dim, vision.hidden_size]);
        shapes.tensor("logit_scale", &[]);
        shapes.biased("text_model.final_layer_norm", &[width]);
        vision.add_norms(&mut shapes);
        text.tower().add_layers(&mut shapes);
        vision.add_layers(&mut shapes);
        shapes.into_inner()
    }

    /// The weights that a model of the same widths gives; layer m of a tower of S is the other's ⌈m·T/S⌉ of T. What has no
    /// counterpart of the same shape in it is left out.
    #[must_use]
    pub fn weights_of(&self, other: &Self, weights: &Weights) -> Weights {
        let towers = [
            (self.text_config.tower(), other.text_config.tower()),
            (self.vision_config.tower(), other.vision_config.tower()),
        ];
        weights_of_layers(&self.shapes(), towers, weights)
    }

    /// The streams `text` and `image`, with `text.tokens` and `image.patches`. The logits are by image and text of a batch, no classes.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream =
            |tower: Tower<'_>, parts| Stream { parts: Some(parts), ..tower.stream(self.projection_dim) };
        let streams = [
            ("text".to_owned(), stream(self.text_config.tower(), TOKENS)),
            ("image".to_owned(), stream(self.vision_config.tower(), PATCHES)),
        ];
        Outline { streams: streams.into_iter().collect(), pairs: true, ..Outline::default() }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let mut json = config_json(self, json!({ "model_type": "clip", "architectures": ["CLIPModel"] }))?;
        json["text_config"]["projection_dim"] = self.projection_dim.into();
        json["vision_config"]["projection_dim"] = self.projection_dim.into();
        // Left out, it would be that of the published vocabulary; nothing is read by it.
        json["text_config"]["bos_token_id"] = Value::Null;
        json["text_config"]["model_type"] = "clip_text_model".into();
        json["vision_config"]["model_type"] = "clip_vision_model".into();
        Ok(json)
    }
}
