//! The configuration file of a detector. The format is ours.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::{config_json, extend_object};
use crate::layers::Shapes;
use crate::{ModelError, ModelFolder, Outline, Stream, labels};

/// `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectorConfig {
    /// Pixels to which the shorter side of an image is brought.
    pub image_size: usize,
    /// The side of a cell in pixels.
    pub patch_size: usize,
    /// Colour channels.
    pub num_channels: usize,
    /// Numbers of a cell.
    pub hidden_size: usize,
    /// Convolutions.
    pub num_hidden_layers: usize,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Tokens of the vocabulary of its tags.
    pub vocab_size: usize,
    /// The tags, in the order of the logits.
    #[serde(skip)]
    pub tags: Vec<String>,
}

/// The side of a convolution in cells.
pub(super) const KERNEL: usize = 3;

impl DetectorConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let refuse = |message| ModelError::content(&folder.path().join("config.json"), message);
        let tags = labels::of(folder.json()).map_err(refuse)?;
        let config = Self { tags, ..folder.config("detector")? };
        folder.check(&config.summary())?;
        Ok(config)
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: 0,
            padding: 0,
            intermediate_size: self.hidden_size,
            sizes: vec![
                ("image_size", self.image_size),
                ("patch_size", self.patch_size),
                ("num_channels", self.num_channels),
                ("hidden_size", self.hidden_size),
                ("vocab_size", self.vocab_size),
            ],
            counts: Vec::new(),
            stacks: vec![("num_hidden_layers", self.num_hidden_layers, "layer.")],
            epsilons: vec![("layer_norm_eps", self.layer_norm_eps)],
            divisions: vec![("patch_size", self.patch_size, "image_size", self.image_size)],
            activations: Vec::new(),
        }
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, patch) = (self.hidden_size, self.patch_size);
        let mut shapes = Shapes::default();
        shapes.biased("embeddings.projection", &[width, self.num_channels, patch, patch]);
        shapes.biased("embeddings.norm", &[width]);
        for index in 0..self.num_hidden_layers {
            shapes.biased(&format!("layer.{index}.convolution"), &[width, width, KERNEL, KERNEL]);
            shapes.biased(&format!("layer.{index}.norm"), &[width]);
        }
        for (head, outputs) in self.heads() {
            shapes.biased(head, &[outputs, width]);
        }
        shapes.into_inner()
    }

    /// Outputs of each cell, with their widths.
    pub(super) fn heads(&self) -> [(&'static str, usize); 3] {
        [("objectness", 1), ("tags", self.tags.len()), ("boxes", 4)]
    }

    /// The only stream, which has no name and no attention; tags for each cell.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream =
            Stream { attention: (0, &[]), ..Stream::new(self.num_hidden_layers, self.hidden_size, 1) };
        Outline {
            streams: [(String::new(), stream)].into_iter().collect(),
            classes: self.tags.len(),
            classes_of_tokens: true,
            labels: self.tags.clone(),
            detects: true,
            ..Outline::default()
        }
    }

    /// JSON of `config.json`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let mut json = config_json(self, json!({ "model_type": "detector", "architectures": ["Detector"] }))?;
        extend_object(&mut json, labels::to_json(&self.tags));
        Ok(json)
    }
}
