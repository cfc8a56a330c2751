//! The configuration file of an Oscar model.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::classifier::CLASSIFIER;
use crate::config_summary::ConfigSummary;
use crate::json::extend_object;
use crate::layers::Shapes;
use crate::published::{look_up, older, with_and_without};
use crate::special_tokens::SpecialTokens;
use crate::text_encoder::{Family, Head, HeadSpec, TensorNames, TextEncoderConfig};
use crate::{ModelError, ModelFolder, Outline, labels};

/// Prefix of the names of the encoder's tensors, with a head as without one.
const BASE: &str = "bert.";

/// The linear layer of the tap `relation`.
pub const RELATION: &str = "cls.seq_relationship";

/// An Oscar model.
#[derive(Debug, Clone, PartialEq)]
pub struct OscarConfig {
    /// The encoder of text and tags, and its head.
    pub bert: TextEncoderConfig,
    /// Numbers of a region's features, its place with them.
    pub features: usize,
    /// Added to the variance in the norm of embedded regions; none without such a norm, as in the first Oscar.
    pub feature_epsilon: Option<f64>,
    /// Number of classes of the relation of text, tags and image: 2 in Oscar, 3 in Oscar+; 0 without this head.
    pub relations: usize,
    /// Maximum number of regions of an image.
    pub regions: usize,
    /// Whether the tags of the regions are read as a second text.
    pub tags: bool,
    /// Whether captions are written: a caption then sees what stands left of it, tags and regions, and these do not see it.
    pub captions: bool,
    /// Tokens of the longest caption, with those before and behind it: the positions of tags begin here where captions are written.
    pub max_caption_length: usize,
    /// Tokens of the vocabulary with which captions begin and end, and that stands for one to be written.
    pub special: SpecialTokens,
    /// Whether the table of words stays as it is where captions are written.
    pub freeze_embedding: bool,
    /// Images that a text is about. Of several, the text is read with each of them, and the pooled states are classified side by side.
    pub images: usize,
    /// Inner width of the classifier over several images, in widths of a hidden state.
    pub classifier_scale: usize,
}

/// Tokens of the longest caption where a configuration does not say it, as the published models were trained.
const CAPTION_LENGTH: usize = 40;

/// Inner width of the published base models' classifier over two images, in widths of a hidden state.
const CLASSIFIER_SCALE: usize = 3;

/// Keys that the published program writes into the configuration of a model that it trains on captions, and into no other.
const CAPTION_KEYS: [&str; 2] = ["freeze_embedding", "drop_worst_ratio"];

/// The most regions of an image where a configuration does not say it, as the published models were trained.
const REGIONS: usize = 50;

impl OscarConfig {
    /// Whether a configuration file is of such a model. The published ones name no type.
    #[must_use]
    pub fn is_of(json: &Value) -> bool {
        json["img_feature_dim"].as_u64().is_some_and(|features| features > 0)
    }

    /// Reads the configuration of a folder. The head is known from the names of the weights, as published
    /// configurations do not say it.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, the features are not of regions, or the head is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let file = folder.path().join("config.json");
        let refuse = |message: String| ModelError::content(&file, message);
        let json = folder.json();
        if let Some(kind) = json["img_feature_type"].as_str().filter(|kind| kind.starts_with("dis_code")) {
            return Err(refuse(format!(
                "img_feature_type is `{}`; only features of regions are supported",
                quoted(kind)
            )));
        }
        let features = json["img_feature_dim"]
            .as_u64()
            .ok_or_else(|| refuse("`img_feature_dim` is missing or no whole number".into()))?;
        let normed =
            json["use_img_layernorm"].as_bool().unwrap_or(json["use_img_layernorm"].as_i64() > Some(0));
        let shapes = folder.weight_shapes()?;
        let shape =
            |name: &str| look_up(&shapes, &older(vec![name.to_owned()])).map(|(_, shape)| shape.as_slice());
        let inner = shape(&format!("{CLASSIFIER}.0.weight"));
        let head = if inner.is_some() || shape("classifier.weight").is_some() {
            Head::Sequence
        } else if shape("cls.predictions.transform.dense.weight").is_some() {
            Head::MaskedLanguage
        } else {
            Head::None
        };
        let mut bert = TextEncoderConfig { pooler: true, ..TextEncoderConfig::of_layout(folder, head)? };
        if head == Head::Sequence {
            bert.labels = labels::of(json).map_err(refuse)?;
        }
        let relations = shape(&format!("{RELATION}.weight")).and_then(|shape| shape.first().copied());
        let (images, classifier_scale) = match inner {
            Some(&[inner, read])
                if read > bert.width && read % bert.width == 0 && inner % bert.width == 0 =>
            {
                (read / bert.width, inner / bert.width)
            }
            Some(_) => {
                return Err(refuse(
                    "the classifier is an `mlp` over one image; it is supported over several alone".into(),
                ));
            }
            None => (1, json["cls_hidden_scale"].as_u64().map_or(CLASSIFIER_SCALE, |scale| scale as usize)),
        };
        let is_named =
            json["architectures"][0].as_str().is_some_and(|class| class.ends_with("ForImageCaptioning"));
        let is_published = CAPTION_KEYS.iter().any(|key| !json[key].is_null()) && relations.is_none();
        let max_caption_length =
            json["max_seq_a_length"].as_u64().map_or(CAPTION_LENGTH, |length| length as usize);
        let captions = head == Head::MaskedLanguage && (is_named || is_published);
        if captions && (max_caption_length < 3 || max_caption_length > bert.max_length()) {
            return Err(refuse(format!(
                "`max_seq_a_length` is {max_caption_length}, and captions have 3 tokens or more and at most the {} positions of \
                 the model",
                bert.max_length()
            )));
        }
        let config = Self {
            captions,
            max_caption_length,
            special: SpecialTokens::open(folder, bert.vocabulary)?,
            freeze_embedding: json["freeze_embedding"].as_bool().unwrap_or(false),
            images,
            classifier_scale,
            bert,
            features: features as usize,
            feature_epsilon: normed.then(|| json["img_layer_norm_eps"].as_f64().unwrap_or(1e-12)),
            relations: relations.unwrap_or(0),
            regions: json["max_img_seq_length"].as_u64().map_or(REGIONS, |regions| regions as usize),
            tags: json["object_tags"].as_bool().unwrap_or(true),
        };
        folder.check(&config.summary())?;
        if config.bert.has_own_output(folder, Self::spellings)? {
            return Err(refuse(
                "the head over the vocabulary has a matrix of its own; only heads whose matrix is the table of words are \
                 supported"
                    .into(),
            ));
        }
        Ok(config)
    }

    /// The same encoder with the heads that a task needs.
    #[must_use]
    pub fn with_head(self, head: &HeadSpec) -> Self {
        let (head, captions) = if head.writes {
            (&HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() }, true)
        } else {
            (head, false)
        };
        let bert = TextEncoderConfig { pooler: true, ..self.bert.with_head(head) };
        let images = if head.head == Head::Sequence { head.images } else { 1 };
        Self { bert, relations: head.relations, captions, images, ..self }
    }

    pub(crate) fn spellings(name: &str) -> Vec<String> {
        older(with_and_without(BASE, name))
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = self.bert.summary();
        summary.sizes.push(("img_feature_dim", self.features));
        summary
            .counts
            .extend([("max_img_seq_length", self.regions), ("num_contrast_classes", self.relations)]);
        summary
    }

    /// The encoder with what stands on it in BERT's layout: nothing where several images are classified side by side.
    pub(super) fn encoder(&self) -> TextEncoderConfig {
        let head = if self.images > 1 { Head::None } else { self.bert.head };
        TextEncoderConfig { head, ..self.bert.clone() }
    }

    /// Most tokens of the tags of an image, the end included, where captions are written.
    #[must_use]
    pub fn max_tags(&self) -> usize {
        self.bert.max_length().saturating_sub(self.max_caption_length)
    }

    /// Positions that writing needs: those of the longest caption, and of a tag and its end.
    #[must_use]
    pub fn caption_positions(&self) -> usize {
        self.max_caption_length + if self.tags { 2 } else { 0 }
    }

    /// Names of the tensors of the encoder and its head.
    #[must_use]
    pub fn names() -> TensorNames {
        TensorNames::under(BASE, Family::Bert)
    }

    /// The linear layer over regions, and its norm.
    #[must_use]
    pub fn region_names() -> [String; 2] {
        ["img_embedding", "LayerNorm"].map(|name| format!("{BASE}{name}"))
    }

    /// Name and shape of every parameter, in the order in which they are initialised: those of BERT first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let width = self.bert.width;
        let mut shapes: Shapes = self.encoder().shapes_under(&Self::names());
        if self.images > 1 {
            self.add_classifier(&mut shapes);
        }
        let [linear, norm] = Self::region_names();
        shapes.biased(&linear, &[width, self.features]);
        if self.feature_epsilon.is_some() {
            shapes.biased(&norm, &[width]);
        }
        if self.relations > 0 {
            shapes.biased(RELATION, &[self.relations, width]);
        }
        shapes.into_inner()
    }

    /// The sequence without a name, and its parts `text` and `image`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        Outline {
            classes: self.bert.classes(),
            classes_of_tokens: self.bert.head == Head::MaskedLanguage,
            labels: self.bert.labels.clone(),
            relations: self.relations,
            ..crate::joint::outline(&self.bert)
        }
    }

    /// JSON of `config.json`: the keys of the published ones, and the architecture.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let class = match self.bert.head {
            Head::MaskedLanguage if self.captions => "OscarForImageCaptioning",
            Head::MaskedLanguage => "OscarForPreTraining",
            Head::Sequence if self.images > 1 => "OscarForMultipleImages",
            Head::Sequence => "OscarForSequenceClassification",
            _ => "OscarModel",
        };
        let mut json = self.bert.to_json();
        extend_object(
            &mut json,
            json!({
                "model_type": "oscar",
                "architectures": [class],
                "img_feature_dim": self.features,
                "img_feature_type": "faster_r-cnn",
                "use_img_layernorm": self.feature_epsilon.is_some(),
                "img_layer_norm_eps": self.feature_epsilon.unwrap_or(1e-12),
                "num_contrast_classes": self.relations,
                "max_img_seq_length": self.regions,
                "object_tags": self.tags,
                "max_seq_a_length": self.max_caption_length,
                "classifier": if self.images > 1 { "mlp" } else { "linear" },
                "cls_hidden_scale": self.classifier_scale,
                "num_choice": self.images,
                "loss_type": "bce",
            }),
        );
        extend_object(&mut json, self.special.to_json(self.bert.vocabulary));
        if self.captions {
            json["freeze_embedding"] = self.freeze_embedding.into();
        }
        json
    }
}
