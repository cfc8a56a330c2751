//! The configuration file of a ViT.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::{config_json, extend_object};
use crate::layers::{Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes, activation};
use crate::published::with_and_without;
use crate::vilt::layer_names;
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Resampling, Stream, labels};

/// Prefix of the names of the encoder's tensors under a head.
const BASE: &str = "vit.";

/// `config.json` with the keys that transformers uses. Files that leave keys out mean the values of ViT-B/16.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct VitConfig {
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
    /// Dropout of embeddings and sublayers.
    pub hidden_dropout_prob: f32,
    /// Dropout of attention probabilities.
    pub attention_probs_dropout_prob: f32,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// The side of the square image.
    pub image_size: usize,
    /// The side of a patch.
    pub patch_size: usize,
    /// Colour channels.
    pub num_channels: usize,
    /// Names of the classes, in the order of the logits; none without a head.
    #[serde(skip)]
    pub labels: Vec<String>,
    /// Whether there is a pooler.
    #[serde(skip)]
    pub pooler: bool,
    /// Image processor, where it is not that of ViT.
    #[serde(skip)]
    pub images: Option<ImageProcessorConfig>,
}

impl Default for VitConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu".into(),
            hidden_dropout_prob: 0.0,
            attention_probs_dropout_prob: 0.0,
            layer_norm_eps: 1e-12,
            image_size: 224,
            patch_size: 16,
            num_channels: 3,
            labels: Vec::new(),
            pooler: false,
            images: None,
        }
    }
}

impl VitConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key has the wrong type, or says what is not supported.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config: Self = folder.config("vit")?;
        let (json, file) = (folder.json(), folder.path().join("config.json"));
        let fault = |message: String| ModelError::content(&file, message);
        if json["qkv_bias"] == false {
            return Err(fault("qkv_bias is false, which is not supported".into()));
        }
        match json["architectures"][0].as_str() {
            None | Some("ViTModel") => {}
            Some("ViTForImageClassification") => config.labels = labels::of(json).map_err(fault)?,
            Some(other) => {
                let other = alambic_files::text::quoted(other);
                return Err(fault(format!(
                    "architecture `{other}` is not supported: ViTModel and ViTForImageClassification are"
                )));
            }
        }
        folder.check(&config.summary())?;
        let is_pooler = |name: &String| name.ends_with("pooler.dense.weight");
        config.pooler = config.labels.is_empty()
            && folder.weight_files().is_ok()
            && folder.weight_shapes()?.keys().any(is_pooler);
        config.images = ImageProcessorConfig::open_square(folder, config.image_size, Resampling::Bilinear)?;
        Ok(config)
    }

    /// Image processor of the model.
    #[must_use]
    pub fn image_processor(&self) -> ImageProcessorConfig {
        self.images.unwrap_or(ImageProcessorConfig::square(self.image_size, Resampling::Bilinear))
    }

    /// Rows and columns of patches.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size.max(1)
    }

    /// The name of a tensor of the encoder.
    #[must_use]
    pub fn base(&self, name: &str) -> String {
        format!("{}{name}", if self.labels.is_empty() { "" } else { BASE })
    }

    /// Names of the tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        layer_names(&|part| self.base(&format!("encoder.layer.{index}.{part}")))
    }

    pub(super) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: activation(&self.hidden_act)?,
            epsilon: self.layer_norm_eps,
            dropout: self.hidden_dropout_prob,
            attention_dropout: self.attention_probs_dropout_prob,
            norms: Norms::Before,
            biases: Biases::ALL,
            options: LayerOptions::default(),
        })
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: 0,
            max_length: 0,
            padding: 0,
            intermediate_size: self.intermediate_size,
            sizes: vec![
                ("hidden_size", self.hidden_size),
                ("intermediate_size", self.intermediate_size),
                ("image_size", self.image_size),
                ("patch_size", self.patch_size),
                ("num_channels", self.num_channels),
            ],
            counts: Vec::new(),
            stacks: vec![("num_hidden_layers", self.num_hidden_layers, "encoder.layer.")],
            divisions: vec![
                ("num_attention_heads", self.num_attention_heads, "hidden_size", self.hidden_size),
                ("patch_size", self.patch_size, "image_size", self.image_size),
            ],
            epsilons: vec![("layer_norm_eps", self.layer_norm_eps)],
            activations: vec![&self.hidden_act],
        }
    }

    pub(super) fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, patch, grid) = (self.hidden_size, self.patch_size, self.grid());
        let mut shapes = Shapes::default();
        shapes.tensor(self.base("embeddings.cls_token"), &[1, 1, width]);
        shapes.tensor(self.base("embeddings.position_embeddings"), &[1, 1 + grid * grid, width]);
        shapes.biased(
            &self.base("embeddings.patch_embeddings.projection"),
            &[width, self.num_channels, patch, patch],
        );
        for index in 0..self.num_hidden_layers {
            shapes.layer(&self.layer(index), width, self.intermediate_size);
        }
        shapes.biased(&self.base("layernorm"), &[width]);
        if self.pooler {
            shapes.biased(&self.base("pooler.dense"), &[width, width]);
        }
        if !self.labels.is_empty() {
            shapes.biased("classifier", &[self.labels.len(), width]);
        }
        shapes.into_inner()
    }

    pub(super) fn spellings(name: &str) -> Vec<String> {
        if name.starts_with("classifier.") { vec![name.to_owned()] } else { with_and_without(BASE, name) }
    }

    pub(super) fn outline(&self) -> Outline {
        let stream = Stream::new(self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
        Outline {
            streams: [(String::new(), stream)].into_iter().collect(),
            classes: self.labels.len(),
            labels: self.labels.clone(),
            pooled: self.pooler.then_some(self.hidden_size),
            ..Outline::default()
        }
    }

    pub(super) fn to_json(&self) -> Result<Value, ModelError> {
        let class = if self.labels.is_empty() { "ViTModel" } else { "ViTForImageClassification" };
        let more = json!({ "model_type": "vit", "architectures": [class], "qkv_bias": true });
        let mut json = config_json(self, more)?;
        if !self.labels.is_empty() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        Ok(json)
    }
}
