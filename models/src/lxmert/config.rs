//! The configuration file of an LXMERT model.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::json::{config_json, decimal};
use crate::layers::{
    AttentionNames, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes, activation,
};
use crate::published::{older, with_and_without};
use crate::{ModelError, ModelFolder, Outline, Stream};

/// Layer norms of transformers' LXMERT have an epsilon of their own.
pub(super) const EPSILON: f64 = 1e-12;

/// Prefix of the names of the encoder's tensors.
const BASE: &str = "lxmert.";

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LxmertConfig {
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
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
    /// Maximum number of tokens of a text.
    pub max_position_embeddings: usize,
    /// Rows of the table of segments.
    pub type_vocab_size: usize,
    /// Layers of the text alone.
    pub l_layers: usize,
    /// Layers in which text and regions look at each other.
    pub x_layers: usize,
    /// Layers of the regions alone.
    pub r_layers: usize,
    /// Numbers of a region's features.
    pub visual_feat_dim: usize,
    /// Numbers of a region's box.
    pub visual_pos_dim: usize,
    /// Answers to choose from.
    pub num_qa_labels: usize,
    /// The padding token.
    #[serde(default)]
    pub pad_token_id: Option<u32>,
    /// Whether there is a head with the logits of the answers.
    #[serde(skip)]
    pub answers: bool,
}

impl LxmertConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or the head is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config: Self = folder.config("lxmert")?;
        config.answers = match folder.json()["architectures"][0].as_str() {
            None | Some("LxmertModel") => false,
            Some("LxmertForQuestionAnswering") => true,
            // Of the heads of pre-training, that of the answers is read where there is one.
            Some("LxmertForPreTraining") => folder.json()["task_qa"] != false,
            Some(name) => {
                return Err(ModelError::content(
                    &folder.path().join("config.json"),
                    format!(
                        "architecture `{}` is not known: known are LxmertModel, LxmertForPreTraining, \
                         LxmertForQuestionAnswering",
                        quoted(name)
                    ),
                ));
            }
        };
        folder.check(&config.summary())?;
        Ok(config)
    }

    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let mut names = older(with_and_without(BASE, name));
        // The authors' own files call the encoder `bert`.
        let bare = name.strip_prefix(BASE).unwrap_or(name);
        names.extend(older(vec![format!("bert.{bare}")]));
        names
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: self.max_position_embeddings,
            padding: self.pad_token_id.unwrap_or(0),
            intermediate_size: self.intermediate_size,
            sizes: vec![
                ("vocab_size", self.vocab_size),
                ("hidden_size", self.hidden_size),
                ("intermediate_size", self.intermediate_size),
                ("max_position_embeddings", self.max_position_embeddings),
                ("visual_feat_dim", self.visual_feat_dim),
                ("visual_pos_dim", self.visual_pos_dim),
            ],
            counts: vec![("type_vocab_size", self.type_vocab_size), ("num_qa_labels", self.num_qa_labels)],
            stacks: vec![
                ("l_layers", self.l_layers, "encoder.layer."),
                ("r_layers", self.r_layers, "encoder.r_layers."),
                ("x_layers", self.x_layers, "encoder.x_layers."),
            ],
            epsilons: Vec::new(),
            divisions: vec![(
                "num_attention_heads",
                self.num_attention_heads,
                "hidden_size",
                self.hidden_size,
            )],
            activations: vec![&self.hidden_act],
        }
    }

    /// The name of a tensor of the encoder.
    pub(super) fn base(&self, name: &str) -> String {
        if self.answers { format!("{BASE}{name}") } else { name.to_owned() }
    }

    /// The tensors of an attention block.
    pub(super) fn attention(&self, name: &str, inner: &str) -> AttentionNames {
        let part = |part: &str| self.base(&format!("encoder.{name}.{part}"));
        AttentionNames {
            query: part(&format!("{inner}.query")),
            key: part(&format!("{inner}.key")),
            value: part(&format!("{inner}.value")),
            output: part("output.dense"),
        }
    }

    /// The tensors of a layer of one stream: `layer` for the text, `r_layers` for the regions.
    pub(super) fn layer(&self, stack: &str, index: usize) -> EncoderNames {
        let part = |part: &str| self.base(&format!("encoder.{stack}.{index}.{part}"));
        EncoderNames {
            attention: self.attention(&format!("{stack}.{index}.attention"), "self"),
            attention_norm: Some(part("attention.output.LayerNorm")),
            gate: None,
            feed_forward: [part("intermediate.dense"), part("output.dense"), part("output.LayerNorm")],
        }
    }

    /// The tensors of a cross-modal layer that belong to one side, `lang` or `visn`.
    pub(super) fn cross_layer(&self, side: &str, index: usize) -> EncoderNames {
        let part = |part: &str| self.base(&format!("encoder.x_layers.{index}.{part}"));
        EncoderNames {
            attention: self.attention(&format!("x_layers.{index}.{side}_self_att"), "self"),
            attention_norm: Some(part(&format!("{side}_self_att.output.LayerNorm"))),
            gate: None,
            feed_forward: ["inter.dense", "output.dense", "output.LayerNorm"]
                .map(|name| part(&format!("{side}_{name}"))),
        }
    }

    pub(super) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: activation(&self.hidden_act)?,
            epsilon: EPSILON,
            dropout: self.hidden_dropout_prob,
            attention_dropout: self.attention_probs_dropout_prob,
            norms: Norms::After,
            biases: Biases::ALL,
            options: LayerOptions::default(),
        })
    }

    /// Name and shape of every parameter, in the order in which they are initialised: those of the encoder first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, inner) = (self.hidden_size, self.intermediate_size);
        let mut shapes = Shapes::default();
        for (kind, rows) in [
            ("word", self.vocab_size),
            ("position", self.max_position_embeddings),
            ("token_type", self.type_vocab_size),
        ] {
            shapes.tensor(self.base(&format!("embeddings.{kind}_embeddings.weight")), &[rows, width]);
        }
        shapes.biased(&self.base("embeddings.LayerNorm"), &[width]);
        for (name, inputs) in [("visn", self.visual_feat_dim), ("box", self.visual_pos_dim)] {
            shapes.biased(&self.base(&format!("encoder.visn_fc.{name}_fc")), &[width, inputs]);
            shapes.biased(&self.base(&format!("encoder.visn_fc.{name}_layer_norm")), &[width]);
        }
        for (stack, layers) in [("layer", self.l_layers), ("r_layers", self.r_layers)] {
            for index in 0..layers {
                shapes.layer(&self.layer(stack, index), width, inner);
            }
        }
        for index in 0..self.x_layers {
            let (attention, norm) = self.visual_attention(index);
            shapes.attention(&attention, width);
            shapes.biased(&norm, &[width]);
            for side in ["lang", "visn"] {
                shapes.layer(&self.cross_layer(side, index), width, inner);
            }
        }
        shapes.biased(&self.base("pooler.dense"), &[width, width]);
        if self.answers {
            shapes.biased("answer_head.logit_fc.0", &[2 * width, width]);
            shapes.biased("answer_head.logit_fc.2", &[2 * width]);
            shapes.biased("answer_head.logit_fc.3", &[self.num_qa_labels, 2 * width]);
        }
        shapes.into_inner()
    }

    /// The tensors with which each side of a cross-modal layer looks at the other, and their norm.
    pub(super) fn visual_attention(&self, index: usize) -> (AttentionNames, String) {
        let name = format!("x_layers.{index}.visual_attention");
        (self.attention(&name, "att"), self.base(&format!("encoder.{name}.output.LayerNorm")))
    }

    /// The streams `language` and `vision`, and `cross` and `vision.cross` where each looks at the other.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = |layers: usize| {
            let hidden = Stream::new(layers, self.hidden_size, self.num_attention_heads);
            // There is no state of the embeddings: the first hidden state is that of the first layer.
            Stream { layers: layers.saturating_sub(1), ..hidden }
        };
        let cross = stream(self.x_layers).without_hidden();
        let streams = [
            ("language".to_owned(), stream(self.l_layers + self.x_layers)),
            ("vision".to_owned(), stream(self.r_layers + self.x_layers)),
            ("cross".to_owned(), cross),
            ("vision.cross".to_owned(), cross),
        ];
        Outline {
            streams: streams.into_iter().collect(),
            pooled: Some(self.hidden_size),
            classes: if self.answers { self.num_qa_labels } else { 0 },
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        config_json(
            self,
            json!({
                "model_type": "lxmert",
                "architectures": [if self.answers { "LxmertForQuestionAnswering" } else { "LxmertModel" }],
                "hidden_dropout_prob": decimal(self.hidden_dropout_prob),
                "attention_probs_dropout_prob": decimal(self.attention_probs_dropout_prob),
                "initializer_range": 0.02,
            }),
        )
    }
}
