//! The configuration file of a SigLIP model, and of either of its towers alone.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::config_json;
use crate::layers::{EncoderNames, Shapes, Tower, weights_of_layers};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Resampling, Stream};

/// Towers of a folder, and their configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct SiglipConfig {
    /// The text encoder; none of an image encoder alone.
    pub text: Option<SiglipTextConfig>,
    /// The image encoder; none of a text encoder alone.
    pub vision: Option<SiglipVisionConfig>,
    /// Image processor, where it is not that of SigLIP.
    pub images: Option<ImageProcessorConfig>,
}

/// The text encoder. Files that leave keys out mean the values of the published base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiglipTextConfig {
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
    /// The padding token, which is read as others are.
    pub pad_token_id: Option<u32>,
    /// Width of the embedding, where it is not that of hidden states.
    pub projection_size: Option<usize>,
}

/// The image encoder. Files that leave keys out mean the values of the published base model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SiglipVisionConfig {
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
    /// Whether attention pools the patches into an embedding.
    pub vision_use_head: bool,
}

impl Default for SiglipTextConfig {
    fn default() -> Self {
        Self {
            vocab_size: 32_000,
            max_position_embeddings: 64,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu_pytorch_tanh".into(),
            layer_norm_eps: 1e-6,
            attention_dropout: 0.0,
            pad_token_id: Some(1),
            projection_size: None,
        }
    }
}

impl Default for SiglipVisionConfig {
    fn default() -> Self {
        Self {
            image_size: 224,
            patch_size: 16,
            num_channels: 3,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu_pytorch_tanh".into(),
            layer_norm_eps: 1e-6,
            attention_dropout: 0.0,
            vision_use_head: true,
        }
    }
}

impl SiglipTextConfig {
    /// Width of the embedding.
    #[must_use]
    pub fn embedding_width(&self) -> usize {
        self.projection_size.unwrap_or(self.hidden_size)
    }

    pub(super) fn tower(&self, is_alone: bool) -> Tower<'_> {
        Tower {
            base: if is_alone { "" } else { "text_model." },
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

impl SiglipVisionConfig {
    /// Rows and columns of patches.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size.max(1)
    }

    pub(super) fn tower(&self, is_alone: bool) -> Tower<'_> {
        Tower {
            base: if is_alone { "" } else { "vision_model." },
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

/// The values of `model_type`: of both towers, of that of texts, of that of images.
pub(super) const MODEL_TYPES: [&str; 3] = ["siglip", "siglip_text_model", "siglip_vision_model"];

impl SiglipConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key has the wrong type, or says what is not supported.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let json = folder.json();
        let part = |key: &str| if json[key].is_null() { json!({}) } else { json[key].clone() };
        let mut config = match folder.model_type()? {
            "siglip_text_model" => Self { text: Some(folder.typed(json)?), vision: None, images: None },
            "siglip_vision_model" => Self { text: None, vision: Some(folder.typed(json)?), images: None },
            _ => Self {
                text: Some(folder.typed(&part("text_config"))?),
                vision: Some(folder.typed(&part("vision_config"))?),
                images: None,
            },
        };
        folder.check(&config.summary())?;
        if let Some(vision) = &config.vision {
            if !vision.vision_use_head && config.text.is_some() {
                let message = "vision_use_head is false: without the head, images have no embedding";
                return Err(ModelError::content(&folder.path().join("config.json"), message));
            }
            config.images =
                ImageProcessorConfig::open_square(folder, vision.image_size, Resampling::Bicubic)?;
        }
        Ok(config)
    }

    /// Whether both towers are there.
    #[must_use]
    pub fn is_dual(&self) -> bool {
        self.text.is_some() && self.vision.is_some()
    }

    /// Image processor of the model; none without an image encoder.
    #[must_use]
    pub fn image_processor(&self) -> Option<ImageProcessorConfig> {
        let usual = |vision: &SiglipVisionConfig| {
            ImageProcessorConfig::square(vision.image_size, Resampling::Bicubic)
        };
        self.images.or_else(|| self.vision.as_ref().map(usual))
    }

    pub(super) fn model_type(&self) -> &'static str {
        match (&self.text, &self.vision) {
            (Some(_), None) => MODEL_TYPES[1],
            (None, _) => MODEL_TYPES[2],
            (Some(_), Some(_)) => MODEL_TYPES[0],
        }
    }

    fn towers(&self) -> impl Iterator<Item = Tower<'_>> {
        let is_alone = !self.is_dual();
        let text = self.text.as_ref().map(|text| text.tower(is_alone));
        text.into_iter().chain(self.vision.as_ref().map(|vision| vision.tower(is_alone)))
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = ConfigSummary {
            vocabulary: 0,
            max_length: 0,
            padding: 0,
            intermediate_size: 0,
            sizes: Vec::new(),
            counts: Vec::new(),
            stacks: Vec::new(),
            divisions: Vec::new(),
            epsilons: Vec::new(),
            activations: Vec::new(),
        };
        if let Some(text) = &self.text {
            summary.vocabulary = text.vocab_size;
            summary.max_length = text.max_position_embeddings;
            summary.padding = text.pad_token_id.unwrap_or(1);
            summary.intermediate_size = text.intermediate_size;
            summary.sizes.extend([
                ("vocab_size", text.vocab_size),
                ("max_position_embeddings", text.max_position_embeddings),
                ("hidden_size", text.hidden_size),
                ("intermediate_size", text.intermediate_size),
            ]);
            summary.divisions.push((
                "num_attention_heads",
                text.num_attention_heads,
                "hidden_size",
                text.hidden_size,
            ));
            summary.epsilons.push(("layer_norm_eps", text.layer_norm_eps));
            summary.activations.push(&text.hidden_act);
        }
        if let Some(vision) = &self.vision {
            summary.intermediate_size = summary.intermediate_size.max(vision.intermediate_size);
            summary.sizes.extend([
                ("image_size", vision.image_size),
                ("patch_size", vision.patch_size),
                ("num_channels", vision.num_channels),
                ("hidden_size", vision.hidden_size),
                ("intermediate_size", vision.intermediate_size),
            ]);
            summary.divisions.extend([
                ("num_attention_heads", vision.num_attention_heads, "hidden_size", vision.hidden_size),
                ("patch_size", vision.patch_size, "image_size", vision.image_size),
            ]);
            summary.epsilons.push(("layer_norm_eps", vision.layer_norm_eps));
            summary.activations.push(&vision.hidden_act);
        }
        let marker = |base: &str| match base {
            "text_model." => "text_model.encoder.layers.",
            "vision_model." => "vision_model.encoder.layers.",
            _ => "encoder.layers.",
        };
        summary.stacks =
            self.towers().map(|tower| ("num_hidden_layers", tower.layers, marker(tower.base))).collect();
        summary
    }

    /// Names of the tensors of a layer of the text encoder, or of the image encoder, counted from 0.
    #[must_use]
    pub fn layer(&self, is_text: bool, index: usize) -> Option<EncoderNames> {
        let is_alone = !self.is_dual();
        if is_text {
            self.text.as_ref().map(|text| text.tower(is_alone).layer(index))
        } else {
            self.vision.as_ref().map(|vision| vision.tower(is_alone).layer(index))
        }
    }

    pub(super) fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (mut shapes, is_alone) = (Shapes::default(), !self.is_dual());
        if let Some(text) = &self.text {
            let (base, width) = (text.tower(is_alone).base, text.hidden_size);
            let table = |kind: &str| format!("{base}embeddings.{kind}_embedding.weight");
            shapes.tensor(table("token"), &[text.vocab_size, width]);
            shapes.tensor(table("position"), &[text.max_position_embeddings, width]);
        }
        if let Some(vision) = &self.vision {
            let (base, width, patch) = (vision.tower(is_alone).base, vision.hidden_size, vision.patch_size);
            let grid = vision.grid();
            shapes.biased(
                &format!("{base}embeddings.patch_embedding"),
                &[width, vision.num_channels, patch, patch],
            );
            shapes.tensor(format!("{base}embeddings.position_embedding.weight"), &[grid * grid, width]);
        }
        for tower in self.towers() {
            for index in 0..tower.layers {
                shapes.layer(&tower.layer(index), tower.width, tower.intermediate_size);
            }
        }
        if let Some(text) = &self.text {
            let (base, width) = (text.tower(is_alone).base, text.hidden_size);
            shapes.biased(&format!("{base}final_layer_norm"), &[width]);
            shapes.biased(&format!("{base}head"), &[text.embedding_width(), width]);
        }
        if let Some(vision) = &self.vision {
            let (base, width, inner) =
                (vision.tower(is_alone).base, vision.hidden_size, vision.intermediate_size);
            shapes.biased(&format!("{base}post_layernorm"), &[width]);
            if vision.vision_use_head {
                let head = |part: &str| format!("{base}head.{part}");
                shapes.tensor(head("probe"), &[1, 1, width]);
                shapes.tensor(head("attention.in_proj_weight"), &[3 * width, width]);
                shapes.tensor(head("attention.in_proj_bias"), &[3 * width]);
                shapes.biased(&head("attention.out_proj"), &[width, width]);
                shapes.biased(&head("layernorm"), &[width]);
                shapes.biased(&head("mlp.fc1"), &[inner, width]);
                shapes.biased(&head("mlp.fc2"), &[width, inner]);
            }
        }
        if self.is_dual() {
            shapes.tensor("logit_scale", &[1]);
            shapes.tensor("logit_bias", &[1]);
        }
        shapes.into_inner()
    }

    /// The weights that a model of both towers and of the same widths gives to another such; layer m of a tower of S is the other's
    /// ⌈m·T/S⌉ of T. None where either lacks a tower.
    #[must_use]
    pub fn weights_of(&self, other: &Self, weights: &Weights) -> Weights {
        let (Some(text), Some(vision)) = (&self.text, &self.vision) else { return Weights::new() };
        let (Some(other_text), Some(other_vision)) = (&other.text, &other.vision) else {
            return Weights::new();
        };
        let towers =
            [(text.tower(false), other_text.tower(false)), (vision.tower(false), other_vision.tower(false))];
        weights_of_layers(&self.shapes(), towers, weights)
    }

    /// Names that a published file may have for a tensor: a tower alone has that of the whole before version 5 of transformers.
    pub(super) fn spellings(&self, name: &str) -> Vec<String> {
        let mut names = vec![name.to_owned()];
        if !self.is_dual() {
            let base = if self.text.is_some() { "text_model." } else { "vision_model." };
            names.push(format!("{base}{name}"));
        }
        names
    }

    pub(super) fn outline(&self) -> Outline {
        let is_alone = !self.is_dual();
        let plain = |tower: &Tower<'_>| Stream::new(tower.layers, tower.width, tower.heads);
        let mut outline = Outline::default();
        if let Some(text) = &self.text {
            let (tower, width) = (text.tower(is_alone), text.embedding_width());
            if is_alone {
                outline.streams.insert(String::new(), plain(&tower));
                outline.pooled = Some(width);
            } else {
                outline.streams.insert("text".into(), tower.stream(width));
            }
        }
        if let Some(vision) = &self.vision {
            let (tower, width) = (vision.tower(is_alone), vision.hidden_size);
            if is_alone {
                outline.streams.insert(String::new(), plain(&tower));
                outline.pooled = vision.vision_use_head.then_some(width);
            } else {
                outline.streams.insert("image".into(), tower.stream(width));
            }
        }
        outline.pairs = !is_alone;
        outline
    }

    pub(super) fn to_json(&self) -> Result<Value, ModelError> {
        let text = |own: &SiglipTextConfig| {
            config_json(
                own,
                json!({ "model_type": MODEL_TYPES[1], "projection_size": own.embedding_width() }),
            )
        };
        let vision = |own: &SiglipVisionConfig| config_json(own, json!({ "model_type": MODEL_TYPES[2] }));
        match (&self.text, &self.vision) {
            (Some(own), None) => {
                let mut json = text(own)?;
                json["architectures"] = json!(["SiglipTextModel"]);
                Ok(json)
            }
            (None, Some(own)) => {
                let mut json = vision(own)?;
                json["architectures"] = json!(["SiglipVisionModel"]);
                Ok(json)
            }
            (Some(of_text), Some(of_vision)) => Ok(json!({
                "model_type": MODEL_TYPES[0],
                "architectures": ["SiglipModel"],
                "text_config": text(of_text)?,
                "vision_config": vision(of_vision)?,
            })),
            (None, None) => Err(ModelError::Configuration("a SigLIP model has a tower".into())),
        }
    }
}
