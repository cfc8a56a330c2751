//! The configuration file of a detector. The format is ours.

use std::collections::HashSet;

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::RegionSelection;
use super::attributes::AttributeHead;
use super::layers::Layers;
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
    /// Residual blocks of each stage, between which rows and columns of the grid are halved; none of a detector whose layers are
    /// convolutions over one grid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stages: Vec<usize>,
    /// Most objects of a cell.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub slots: usize,
    /// Attributes of objects, in the order of their logits; none of a detector without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// Numbers of the embedding of a class in the head of attributes.
    #[serde(default = "class_embedding_size", skip_serializing_if = "is_class_embedding_size")]
    pub class_embedding_size: usize,
    /// Inner width of the head of attributes.
    #[serde(default = "attribute_hidden_size", skip_serializing_if = "is_attribute_hidden_size")]
    pub attribute_hidden_size: usize,
    /// How regions are chosen among the boxes of all cells.
    #[serde(default, skip_serializing_if = "is_agnostic")]
    pub selection: RegionSelection,
}

/// Numbers of the embedding of a class in the head of attributes where a configuration does not say it.
pub const CLASS_EMBEDDING_SIZE: usize = 32;

/// Inner width of the head of attributes where a configuration does not say it.
pub const ATTRIBUTE_HIDDEN_SIZE: usize = 64;

// What has its default is not written, so that detectors without any of these have the file that they always had.

fn one() -> usize {
    1
}

fn class_embedding_size() -> usize {
    CLASS_EMBEDDING_SIZE
}

fn attribute_hidden_size() -> usize {
    ATTRIBUTE_HIDDEN_SIZE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_one(slots: &usize) -> bool {
    *slots == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_class_embedding_size(size: &usize) -> bool {
    *size == CLASS_EMBEDDING_SIZE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_attribute_hidden_size(size: &usize) -> bool {
    *size == ATTRIBUTE_HIDDEN_SIZE
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_agnostic(selection: &RegionSelection) -> bool {
    *selection == RegionSelection::Agnostic
}

/// Most stages: a side of 2,048 pixels has a few cells behind them.
const MAX_STAGES: usize = 8;

/// Most objects of a cell.
const MAX_SLOTS: usize = 64;

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
        config.check_parts().map_err(refuse)?;
        Ok(config)
    }

    /// Checks stages and attributes by themselves.
    fn check_parts(&self) -> Result<(), String> {
        let (stages, layers) = (&self.stages, self.num_hidden_layers);
        let blocks = stages.iter().fold(0, |sum: usize, own| sum.saturating_add(*own));
        if !stages.is_empty() && blocks != layers {
            return Err(format!("`stages` have {blocks} blocks, and num_hidden_layers is {layers}"));
        }
        if stages.len() > MAX_STAGES || stages.contains(&0) {
            return Err(format!(
                "`stages` is {stages:?}; there are at most {MAX_STAGES}, of a block at least"
            ));
        }
        if self.slots > MAX_SLOTS {
            return Err(format!("`slots` is {}; a cell has at most {MAX_SLOTS} objects", self.slots));
        }
        let mut seen = HashSet::new();
        match self.attributes.iter().find(|own| own.trim().is_empty() || !seen.insert(own.as_str())) {
            Some(own) => Err(format!("`attributes` has `{}` twice, or without a name", quoted(own))),
            None => Ok(()),
        }
    }

    /// Pixels of a side of a cell behind the last stage.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.patch_size << self.stages.len().saturating_sub(1)
    }

    /// Rows and columns of cells behind the last stage, of so many patches.
    #[must_use]
    pub fn grid(&self, patches: [usize; 2]) -> [usize; 2] {
        patches.map(|side| (1..self.stages.len()).fold(side, |side, _| side.div_ceil(2)))
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
                ("slots", self.slots),
                ("class_embedding_size", self.class_embedding_size),
                ("attribute_hidden_size", self.attribute_hidden_size),
            ],
            counts: Vec::new(),
            stacks: vec![("num_hidden_layers", self.num_hidden_layers, "layer.")],
            epsilons: vec![("layer_norm_eps", self.layer_norm_eps)],
            divisions: vec![(
                if self.stages.len() > 1 { "patch_size, doubled between stages," } else { "patch_size" },
                self.patch_size.checked_shl(self.stages.len().saturating_sub(1) as u32).unwrap_or(0),
                "image_size",
                self.image_size,
            )],
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
        Layers::shapes(self, &mut shapes);
        if self.slots > 1 {
            shapes.biased("slots", &[self.slots * width, width]);
            shapes.biased("slot_norm", &[width]);
        }
        for (head, outputs) in self.heads() {
            shapes.biased(head, &[outputs, width]);
        }
        if !self.attributes.is_empty() {
            AttributeHead::shapes(self, &mut shapes);
        }
        shapes.into_inner()
    }

    /// Outputs of each object that a cell may have, with their widths.
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
            attributes: self.attributes.len(),
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
