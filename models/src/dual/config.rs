//! The configuration file of a dual encoder. transformers has no such model: the format is ours, with ViLT's keys.

use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::extend_object;
use crate::layers::{EncoderNames, Shapes};
use crate::vilt::{self, Head, ViltConfig};
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Stream, labels};

/// `config.json`: that of a ViLT model whose text and image go through encoders of their own, and the layers of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DualConfig {
    /// Layers of the text's tower.
    pub text_layers: usize,
    /// Layers of the image's tower.
    pub image_layers: usize,
    /// All that the towers have in common with a fusion encoder: sizes, images, the answers. Its number of layers says nothing.
    #[serde(flatten)]
    pub sizes: ViltConfig,
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
            config.sizes.labels = labels::of(folder.json()).map_err(refuse)?;
            config.sizes.head = Head::Answers;
        }
        folder.check(&config.summary())?;
        let (size, patch) = (config.sizes.image_size, config.sizes.patch_size);
        config.sizes.images = ImageProcessorConfig::open_vilt(folder, size, patch)?;
        Ok(config)
    }

    /// The same with a head for these answers, or without one where there are none.
    #[must_use]
    pub fn answering(self, answers: &[String]) -> Self {
        Self { sizes: self.sizes.answering(answers), ..self }
    }

    /// Weights of this model without those of its head, where that is of other answers than these.
    #[must_use]
    pub fn weights_for_answers(&self, mut weights: Weights, answers: &[String]) -> Weights {
        if self.sizes.labels != answers {
            weights.retain(|name, _| !name.starts_with(vilt::CLASSIFIER));
        }
        weights
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        // The layers of the sizes say nothing.
        let stacks = vec![
            ("text_layers", self.text_layers, "text_model.encoder.layer."),
            ("image_layers", self.image_layers, "image_model.encoder.layer."),
        ];
        ConfigSummary { stacks, ..self.sizes.summary() }
    }

    /// Names of the tensors of a layer of a tower, `text_model` or `image_model`; layers are counted from 0.
    #[must_use]
    pub fn layer(tower: &str, index: usize) -> EncoderNames {
        vilt::layer_names(&|part| format!("{tower}.encoder.layer.{index}.{part}"))
    }

    /// Layers of each tower.
    pub(super) fn layers(&self) -> [usize; 2] {
        [self.text_layers, self.image_layers]
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let sizes = &self.sizes;
        let width = sizes.hidden_size;
        let mut shapes = Shapes::default();
        for (kind, rows) in [
            ("word", sizes.vocab_size),
            ("position", sizes.max_position_embeddings),
            ("token_type", sizes.type_vocab_size),
        ] {
            shapes.tensor(format!("text_model.embeddings.{kind}_embeddings.weight"), &[rows, width]);
        }
        shapes.biased("text_model.embeddings.LayerNorm", &[width]);
        let patch = [width, sizes.num_channels, sizes.patch_size, sizes.patch_size];
        shapes.biased("image_model.embeddings.patch_embeddings.projection", &patch);
        shapes.tensor("image_model.embeddings.cls_token", &[1, 1, width]);
        shapes.tensor(
            "image_model.embeddings.position_embeddings",
            &[1, 1 + sizes.grid() * sizes.grid(), width],
        );
        for (tower, layers) in TOWERS.into_iter().zip(self.layers()) {
            shapes.tensor(format!("{tower}.embeddings.modality_embedding"), &[1, width]);
            for index in 0..layers {
                shapes.layer(&Self::layer(tower, index), width, sizes.intermediate_size);
            }
            shapes.biased(&format!("{tower}.layernorm"), &[width]);
            shapes.biased(&format!("{tower}.pooler.dense"), &[width, width]);
        }
        shapes.biased("fusion.0", &[2 * width, 2 * width]);
        shapes.biased("fusion.1", &[2 * width]);
        shapes.biased("fusion.3", &[width, 2 * width]);
        if !self.sizes.labels.is_empty() {
            shapes.biased("classifier.0", &[2 * width, width]);
            shapes.biased("classifier.1", &[2 * width]);
            shapes.biased("classifier.3", &[self.sizes.labels.len(), 2 * width]);
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
        let (width, heads) = (self.sizes.hidden_size, self.sizes.num_attention_heads);
        let stream = |layers| Stream { embedding: Some(width), ..Stream::new(layers, width, heads) };
        let streams =
            [("text".to_owned(), stream(self.text_layers)), ("image".to_owned(), stream(self.image_layers))];
        Outline {
            streams: streams.into_iter().collect(),
            pooled: Some(width),
            classes: self.sizes.labels.len(),
            labels: self.sizes.labels.clone(),
            ..Outline::default()
        }
    }

    /// JSON of `config.json`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let labelled = !self.sizes.labels.is_empty();
        let class = if labelled { "DualEncoderForQuestionAnswering" } else { "DualEncoder" };
        let mut json = self.sizes.to_json()?;
        extend_object(
            &mut json,
            json!({
                "model_type": "dual-encoder",
                "architectures": [class],
                "text_layers": self.text_layers,
                "image_layers": self.image_layers,
            }),
        );
        Ok(json)
    }
}
