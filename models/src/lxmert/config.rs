//! The configuration file of an LXMERT model.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::head::LxmertHead;
use crate::config_summary::ConfigSummary;
use crate::head::{Head, HeadSpec, MaskedLanguageNames};
use crate::json::{config_json, decimal, extend_object};
use crate::layers::{
    AttentionNames, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes, activation,
};
use crate::published::{older, with_and_without};
use crate::{ModelError, ModelFolder, Outline, RegionHeads, Stream, labels};

/// Layer norms of transformers' LXMERT have an epsilon of their own.
pub(super) const EPSILON: f64 = 1e-12;

/// Prefix of the names of the encoder's tensors.
const BASE: &str = "lxmert.";

/// What stands before the names of the encoder's tensors in the authors' files of fine-tuned models, from one GPU and from several.
const WRAPPERS: [&str; 2] = ["lxrt_encoder.model.bert.", "lxrt_encoder.model.module.bert."];

/// Tensors of the head over the vocabulary, whose matrix is the table of words.
pub(super) const WORDS: MaskedLanguageNames = MaskedLanguageNames {
    transform: ["cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm"],
    bias: "cls.predictions.bias",
    output: "cls.predictions.decoder.weight",
};

/// The linear layer of whether text and image belong together.
pub(super) const RELATION: &str = "cls.seq_relationship";

/// Classes of whether they do: 1 where they do.
pub(super) const RELATIONS: usize = 2;

/// Linear layer and norm that the heads over regions share.
pub(super) const REGION_TRANSFORM: [&str; 2] =
    ["obj_predict_head.transform.dense", "obj_predict_head.transform.LayerNorm"];

/// The linear layers over regions: of objects, of attributes, and of features.
pub(super) const REGION_HEADS: [&str; 3] = [
    "obj_predict_head.decoder_dict.obj",
    "obj_predict_head.decoder_dict.attr",
    "obj_predict_head.decoder_dict.feat",
];

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are keys of the file")]
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
    /// Classes of objects that pre-training tells apart.
    #[serde(default = "default_objects")]
    pub num_object_labels: usize,
    /// Attributes that pre-training tells apart.
    #[serde(default = "default_attributes")]
    pub num_attr_labels: usize,
    /// Whether there is a head over the vocabulary, of pre-training.
    #[serde(default = "yes")]
    pub task_mask_lm: bool,
    /// Whether there is a head of whether text and image belong together, of pre-training.
    #[serde(default = "yes")]
    pub task_matched: bool,
    /// Whether there are heads over regions, of pre-training.
    #[serde(default = "yes")]
    pub task_obj_predict: bool,
    /// Whether there is a head over answers, of pre-training.
    #[serde(default = "yes")]
    pub task_qa: bool,
    /// Whether that over objects is among the heads over regions.
    #[serde(default = "yes")]
    pub visual_obj_loss: bool,
    /// Whether that over attributes is among them.
    #[serde(default = "yes")]
    pub visual_attr_loss: bool,
    /// Whether that over features is among them.
    #[serde(default = "yes")]
    pub visual_feat_loss: bool,
    /// Images that a text is about, where the head is over several.
    #[serde(default = "one")]
    pub num_images: usize,
    /// The padding token.
    #[serde(default)]
    pub pad_token_id: Option<u32>,
    /// The head.
    #[serde(skip)]
    pub head: LxmertHead,
    /// Names of the answers; none where they have none, as in published models.
    #[serde(skip)]
    pub labels: Vec<String>,
}

fn default_objects() -> usize {
    1600
}

fn default_attributes() -> usize {
    400
}

fn yes() -> bool {
    true
}

fn one() -> usize {
    1
}

impl LxmertConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or the head is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config: Self = folder.config("lxmert")?;
        let refuse = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        config.head = match folder.json()["architectures"][0].as_str() {
            None => LxmertHead::None,
            Some(name) => LxmertHead::of_class(name).ok_or_else(|| {
                refuse(format!(
                    "architecture `{}` is not known: known are {}",
                    quoted(name),
                    LxmertHead::ALL.map(LxmertHead::class).join(", ")
                ))
            })?,
        };
        if config.head == LxmertHead::Images && config.num_images < 2 {
            return Err(refuse(format!(
                "`num_images` is {}, and {} is a head over two images or more",
                config.num_images,
                LxmertHead::Images.class()
            )));
        }
        if config.has_answers() && folder.json()["id2label"].is_object() {
            let named = labels::of(folder.json()).map_err(refuse)?;
            let is_default = named.iter().enumerate().all(|(id, name)| *name == format!("LABEL_{id}"));
            // transformers writes two labels of its own beside any number of answers.
            if named.len() == config.num_qa_labels && !is_default {
                config.labels = named;
            }
        }
        folder.check(&config.summary())?;
        Ok(config)
    }

    /// Whether there are logits of answers.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        match self.head {
            LxmertHead::None => false,
            LxmertHead::PreTraining => self.task_qa,
            LxmertHead::Answers | LxmertHead::Images => true,
        }
    }

    /// The name of the layers over answers.
    pub(super) fn answer_head(&self) -> &'static str {
        if self.head == LxmertHead::Images { "logit_fc" } else { "answer_head.logit_fc" }
    }

    /// Images whose pooled states the answers are read from.
    pub(super) fn images(&self) -> usize {
        if self.head == LxmertHead::Images { self.num_images } else { 1 }
    }

    /// Whether a head of pre-training is there.
    pub(super) fn is_pretraining(&self, task: bool) -> bool {
        self.head == LxmertHead::PreTraining && task
    }

    /// Numbers that each of the heads over regions gives; 0 where there is none.
    pub(super) fn region_widths(&self) -> [usize; 3] {
        let tasks = [
            (self.visual_obj_loss, self.num_object_labels),
            (self.visual_attr_loss, self.num_attr_labels),
            (self.visual_feat_loss, self.visual_feat_dim),
        ];
        tasks.map(|(task, width)| if self.is_pretraining(self.task_obj_predict && task) { width } else { 0 })
    }

    /// The same encoders with the head that a task needs.
    #[must_use]
    pub fn with_head(self, head: &HeadSpec) -> Self {
        let kind = match head.head {
            Head::MaskedLanguage => LxmertHead::PreTraining,
            Head::Sequence if head.images > 1 => LxmertHead::Images,
            Head::Sequence => LxmertHead::Answers,
            _ => LxmertHead::None,
        };
        Self {
            head: kind,
            num_qa_labels: head.labels.len(),
            labels: head.labels.clone(),
            task_mask_lm: true,
            task_matched: true,
            task_obj_predict: true,
            task_qa: !head.labels.is_empty(),
            visual_obj_loss: true,
            visual_attr_loss: self.num_attr_labels > 0,
            visual_feat_loss: true,
            num_images: if kind == LxmertHead::Images { head.images } else { 1 },
            ..self
        }
    }

    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let mut names = older(with_and_without(BASE, name));
        // The authors' own files call the encoder `bert`.
        let bare = name.strip_prefix(BASE).unwrap_or(name);
        names.extend(older(vec![format!("bert.{bare}")]));
        for wrapper in WRAPPERS {
            names.extend(older(vec![format!("{wrapper}{bare}")]));
        }
        // Those of models fine-tuned on questions have the layers over answers without their head's name.
        names.extend(name.strip_prefix("answer_head.").map(str::to_owned));
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
            counts: vec![
                ("type_vocab_size", self.type_vocab_size),
                ("num_qa_labels", self.num_qa_labels),
                ("num_object_labels", self.num_object_labels),
                ("num_attr_labels", self.num_attr_labels),
                ("num_images", self.num_images),
            ],
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
        if self.head == LxmertHead::None { name.to_owned() } else { format!("{BASE}{name}") }
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
        if self.is_pretraining(self.task_mask_lm) {
            let [dense, norm] = WORDS.transform;
            shapes.biased(dense, &[width, width]);
            shapes.biased(norm, &[width]);
            shapes.tensor(WORDS.bias, &[self.vocab_size]);
        }
        if self.is_pretraining(self.task_matched) {
            shapes.biased(RELATION, &[RELATIONS, width]);
        }
        let regions = self.region_widths();
        if regions != [0; 3] {
            let [dense, norm] = REGION_TRANSFORM;
            shapes.biased(dense, &[width, width]);
            shapes.biased(norm, &[width]);
            for (name, outputs) in REGION_HEADS.into_iter().zip(regions).filter(|(_, outputs)| *outputs > 0) {
                shapes.biased(name, &[outputs, width]);
            }
        }
        if self.has_answers() {
            let name = self.answer_head();
            shapes.biased(&format!("{name}.0"), &[2 * width, self.images() * width]);
            shapes.biased(&format!("{name}.2"), &[2 * width]);
            shapes.biased(&format!("{name}.3"), &[self.num_qa_labels, 2 * width]);
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
        let [objects, attributes, features] = self.region_widths();
        let regions = RegionHeads { objects, attributes, features };
        Outline {
            streams: streams.into_iter().collect(),
            pooled: Some(self.hidden_size),
            classes: if self.has_answers() { self.num_qa_labels } else { 0 },
            labels: self.labels.clone(),
            words: if self.is_pretraining(self.task_mask_lm) { self.vocab_size } else { 0 },
            relations: if self.is_pretraining(self.task_matched) { RELATIONS } else { 0 },
            regions: (regions != RegionHeads::default()).then_some(regions),
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let mut json = config_json(
            self,
            json!({
                "model_type": "lxmert",
                "architectures": [self.head.class()],
                "hidden_dropout_prob": decimal(self.hidden_dropout_prob),
                "attention_probs_dropout_prob": decimal(self.attention_probs_dropout_prob),
                "initializer_range": 0.02,
            }),
        )?;
        if !self.labels.is_empty() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        Ok(json)
    }
}
