//! The configuration file of a dual encoder. transformers has no such model: the format is ours, with ViLT's keys.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::Facts;
use crate::folder::{config_json, decimal, extend_object};
use crate::layers::{EncoderNames, LayerSizes, Norms, Shapes, activation};
use crate::vilt::{self, ViltConfig};
use crate::{ModelError, ModelFolder, Outline, Stream, labels};

/// `config.json`, with ViLT's keys where it has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DualConfig {
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Rows of the table of segments of the text.
    pub type_vocab_size: usize,
    /// The most tokens of a text.
    pub max_position_embeddings: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Layers of the text's tower.
    pub text_layers: usize,
    /// Layers of the image's tower.
    pub image_layers: usize,
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
    /// The side of the square image whose positions are stored; those of others are interpolated.
    pub image_size: usize,
    /// The side of a patch.
    pub patch_size: usize,
    /// Colours.
    pub num_channels: usize,
    /// The most patches of an image; negative for no limit.
    pub max_image_length: i64,
    /// The padding token.
    pub pad_token_id: Option<u32>,
    /// The answers, in the order of the logits; none without a head.
    #[serde(skip)]
    pub labels: Vec<String>,
}

/// The towers.
pub(super) const TOWERS: [&str; 2] = ["text_model", "image_model"];

impl DualConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config: Self = folder.config("dual-encoder")?;
        if folder.json()["id2label"].is_object() {
            let refuse = |message| ModelError::content(&folder.path().join("config.json"), message);
            config.labels = labels::of(folder.json()).map_err(refuse)?;
        }
        Ok(config)
    }

    /// The dual encoder with the sizes of a fusion encoder, and as many layers in each tower as are said.
    #[must_use]
    pub fn like(vilt: &ViltConfig, text_layers: usize, image_layers: usize) -> Self {
        Self {
            vocab_size: vilt.vocab_size,
            type_vocab_size: vilt.type_vocab_size,
            max_position_embeddings: vilt.max_position_embeddings,
            hidden_size: vilt.hidden_size,
            text_layers,
            image_layers,
            num_attention_heads: vilt.num_attention_heads,
            intermediate_size: vilt.intermediate_size,
            hidden_act: vilt.hidden_act.clone(),
            hidden_dropout_prob: vilt.hidden_dropout_prob,
            attention_probs_dropout_prob: vilt.attention_probs_dropout_prob,
            layer_norm_eps: vilt.layer_norm_eps,
            image_size: vilt.image_size,
            patch_size: vilt.patch_size,
            num_channels: vilt.num_channels,
            max_image_length: vilt.max_image_length,
            pad_token_id: vilt.pad_token_id,
            labels: vilt.labels.clone(),
        }
    }

    /// The weights of a folder, under the names of [`Self::shapes`].
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        crate::published::open(folder, &self.shapes(), |name| vec![name.to_owned()])
    }

    pub(crate) fn facts(&self) -> Facts<'_> {
        Facts {
            vocabulary: self.vocab_size,
            longest: self.max_position_embeddings,
            padding: self.pad_token_id.unwrap_or(0),
            inner: self.intermediate_size,
            divisions: vec![(
                "num_attention_heads",
                self.num_attention_heads,
                "hidden_size",
                self.hidden_size,
            )],
            activations: vec![&self.hidden_act],
        }
    }

    /// Rows and columns of the stored positions of patches.
    #[must_use]
    pub fn grid(&self) -> usize {
        self.image_size / self.patch_size.max(1)
    }

    /// The tensors of a layer of a tower, counted from 0.
    pub(super) fn layer(tower: &str, index: usize) -> EncoderNames {
        vilt::layer_names(&|part| format!("{tower}.encoder.layer.{index}.{part}"))
    }

    /// Layers of each tower.
    pub(super) fn layers(&self) -> [usize; 2] {
        [self.text_layers, self.image_layers]
    }

    pub(super) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.hidden_size,
            heads: self.num_attention_heads,
            inner: self.intermediate_size,
            activation: activation(&self.hidden_act)?,
            epsilon: self.layer_norm_eps,
            dropout: self.hidden_dropout_prob,
            attention_dropout: self.attention_probs_dropout_prob,
            norms: Norms::Before,
        })
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let width = self.hidden_size;
        let mut shapes = Shapes::default();
        for (kind, rows) in [
            ("word", self.vocab_size),
            ("position", self.max_position_embeddings),
            ("token_type", self.type_vocab_size),
        ] {
            shapes.tensor(format!("text_model.embeddings.{kind}_embeddings.weight"), &[rows, width]);
        }
        shapes.biased("text_model.embeddings.LayerNorm", &[width]);
        let patch = [width, self.num_channels, self.patch_size, self.patch_size];
        shapes.biased("image_model.embeddings.patch_embeddings.projection", &patch);
        shapes.tensor("image_model.embeddings.cls_token", &[1, 1, width]);
        shapes
            .tensor("image_model.embeddings.position_embeddings", &[1, 1 + self.grid() * self.grid(), width]);
        for (tower, layers) in TOWERS.into_iter().zip(self.layers()) {
            shapes.tensor(format!("{tower}.embeddings.modality_embedding"), &[1, width]);
            for index in 0..layers {
                shapes.layer(&Self::layer(tower, index), width, self.intermediate_size);
            }
            shapes.biased(&format!("{tower}.layernorm"), &[width]);
            shapes.biased(&format!("{tower}.pooler.dense"), &[width, width]);
        }
        shapes.biased("fusion.0", &[2 * width, 2 * width]);
        shapes.biased("fusion.1", &[2 * width]);
        shapes.biased("fusion.3", &[width, 2 * width]);
        if !self.labels.is_empty() {
            shapes.biased("classifier.0", &[2 * width, width]);
            shapes.biased("classifier.1", &[2 * width]);
            shapes.biased("classifier.3", &[self.labels.len(), 2 * width]);
        }
        shapes.into_inner()
    }

    /// The weights that a fusion encoder of the same sizes gives to both towers; layer m of a tower of S is the fusion
    /// encoder's ⌈m·T/S⌉ of T. What has no counterpart in it, the head and all, is left out.
    #[must_use]
    pub fn weights_of(&self, config: &ViltConfig, weights: &Weights) -> Weights {
        let mut given = Weights::new();
        let mut take = |name: String, from: &str| {
            if let Some(tensor) = config.spellings_of(from).iter().find_map(|name| weights.get(name)) {
                given.insert(name, tensor.clone());
            }
        };
        for part in ["word_embeddings", "position_embeddings", "token_type_embeddings", "LayerNorm"] {
            for kind in ["weight", "bias"] {
                let from = format!("embeddings.text_embeddings.{part}.{kind}");
                take(format!("text_model.embeddings.{part}.{kind}"), &from);
            }
        }
        for part in [
            "patch_embeddings.projection.weight",
            "patch_embeddings.projection.bias",
            "cls_token",
            "position_embeddings",
        ] {
            take(format!("image_model.embeddings.{part}"), &format!("embeddings.{part}"));
        }
        for (tower, layers) in TOWERS.into_iter().zip(self.layers()) {
            for index in 0..layers {
                let from = ((index + 1) * config.num_hidden_layers).div_ceil(layers.max(1)) - 1;
                let [own, others] = [
                    Self::layer(tower, index),
                    vilt::layer_names(&|part| format!("encoder.layer.{from}.{part}")),
                ]
                .map(EncoderNames::all);
                for (own, other) in own.into_iter().zip(others) {
                    for kind in ["weight", "bias"] {
                        take(format!("{own}.{kind}"), &format!("{other}.{kind}"));
                    }
                }
            }
            for part in ["layernorm", "pooler.dense"] {
                for kind in ["weight", "bias"] {
                    take(format!("{tower}.{part}.{kind}"), &format!("{part}.{kind}"));
                }
            }
        }
        let modalities = config.spellings_of("embeddings.token_type_embeddings.weight");
        if let Some(table) = modalities.iter().find_map(|name| weights.get(name)) {
            for (row, tower) in TOWERS.into_iter().enumerate() {
                if let Ok(embedding) = table.narrow(0, row, 1).and_then(|row| row.contiguous()) {
                    given.insert(format!("{tower}.embeddings.modality_embedding"), embedding);
                }
            }
        }
        let shapes = self.shapes();
        given.retain(|name, tensor| shapes.get(name).is_some_and(|shape| *shape == tensor.dims()));
        given
    }

    /// The streams `text` and `image`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = |layers| Stream {
            embedding: Some(self.hidden_size),
            ..Stream::new(layers, self.hidden_size, self.num_attention_heads)
        };
        let streams =
            [("text".to_owned(), stream(self.text_layers)), ("image".to_owned(), stream(self.image_layers))];
        Outline {
            streams: streams.into_iter().collect(),
            pooled: Some(self.hidden_size),
            classes: self.labels.len(),
            labels: self.labels.clone(),
            ..Outline::default()
        }
    }

    /// What `config.json` holds.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let fixed = json!({
            "model_type": "dual-encoder",
            "architectures": [if self.labels.is_empty() { "DualEncoder" } else { "DualEncoderForQuestionAnswering" }],
            "hidden_dropout_prob": decimal(self.hidden_dropout_prob),
            "attention_probs_dropout_prob": decimal(self.attention_probs_dropout_prob),
        });
        let mut json = config_json(self, fixed)?;
        if !self.labels.is_empty() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        Ok(json)
    }
}
