//! The configuration file of a ViLT model.

use alambic_files::text::quoted;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::head::MaskedLanguageNames;
use crate::image_input::PatchInput;
use crate::json::{config_json, decimal, extend_object};
use crate::layers::{
    AttentionNames, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes, activation,
};
use crate::published::with_and_without;
use crate::{ImageProcessorConfig, ModelError, ModelFolder, Outline, Stream, labels};

/// Prefix of the names of the encoder's tensors.
const BASE: &str = "vilt.";

/// Bias of the logits of the vocabulary, as transformers names it since version 5.
pub const VOCABULARY_BIAS: &str = "mlm_score.decoder.bias";

/// Its name before.
const OLDER_VOCABULARY_BIAS: &str = "mlm_score.bias";

/// Tensors of the head of masked language modelling.
pub(super) const MASKED_LANGUAGE: MaskedLanguageNames = MaskedLanguageNames {
    transform: ["mlm_score.transform.dense", "mlm_score.transform.LayerNorm"],
    bias: VOCABULARY_BIAS,
    output: "mlm_score.decoder.weight",
};

/// Prefix of the names of the head over answers.
pub(crate) const CLASSIFIER: &str = "classifier.";

/// Head of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Head {
    /// Nothing but the pooler.
    #[default]
    None,
    /// Logits of the answers to a question.
    Answers,
    /// One logit: whether text and image belong together.
    Match,
    /// Logits of the vocabulary at every token of the text.
    MaskedLanguage,
}

impl Head {
    const ALL: [Self; 4] = [Self::None, Self::Answers, Self::Match, Self::MaskedLanguage];

    /// The class of transformers with this head.
    fn class(self) -> &'static str {
        match self {
            Self::None => "ViltModel",
            Self::Answers => "ViltForQuestionAnswering",
            Self::Match => "ViltForImageAndTextRetrieval",
            Self::MaskedLanguage => "ViltForMaskedLM",
        }
    }
}

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ViltConfig {
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Rows of the table of segments of the text.
    pub type_vocab_size: usize,
    /// Rows of the table of modalities: text, image, and a second image.
    pub modality_type_vocab_size: usize,
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
    /// Colour channels.
    pub num_channels: usize,
    /// Whether queries, keys and values have biases.
    pub qkv_bias: bool,
    /// Maximum number of patches of an image; negative for no limit.
    pub max_image_length: i64,
    /// The padding token.
    pub pad_token_id: Option<u32>,
    /// Image processor, where it is not [`ImageProcessorConfig::vilt`].
    #[serde(skip)]
    pub images: Option<ImageProcessorConfig>,
    /// Head.
    #[serde(skip)]
    pub head: Head,
    /// The answers, in the order of the logits.
    #[serde(skip)]
    pub labels: Vec<String>,
}

impl ViltConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or the head is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let file = folder.path().join("config.json");
        let refuse = |message: String| ModelError::content(&file, message);
        let mut config: Self = folder.config("vilt")?;
        let json = folder.json();
        if let Some(name) = json["architectures"][0].as_str() {
            config.head = Head::ALL.into_iter().find(|head| head.class() == name).ok_or_else(|| {
                let known = Head::ALL.map(Head::class).join(", ");
                refuse(format!("architecture `{}` is not known: known are {known}", quoted(name)))
            })?;
        }
        if !config.qkv_bias {
            return Err(refuse("qkv_bias is false; only models with these biases are supported".into()));
        }
        if config.head == Head::Answers {
            config.labels = labels::of(json).map_err(refuse)?;
        }
        folder.check(&config.summary())?;
        config.check_tied(folder)?;
        config.images = ImageProcessorConfig::open_vilt(folder, config.image_size, config.patch_size)?;
        Ok(config)
    }

    /// Check that the matrix of the vocabulary's logits is the table of words.
    fn check_tied(&self, folder: &ModelFolder) -> Result<(), ModelError> {
        if self.head != Head::MaskedLanguage || folder.weight_files().is_err() {
            return Ok(());
        }
        let stored = folder.stored()?;
        let find = |name: &str| stored.find(&Self::spellings(name));
        let words = self.base("embeddings.text_embeddings.word_embeddings.weight");
        let output = MASKED_LANGUAGE.output;
        match (find(output), find(&words)) {
            (None, _) if folder.json()["tie_word_embeddings"] == false => Err(ModelError::content(
                stored.first_file(),
                format!("there is no tensor `{output}`, and tie_word_embeddings is false"),
            )),
            (Some(own), Some(words)) if !stored.are_equal(own, words)? => Err(stored.fault(
                own,
                format!(
                    "it differs from `{words}`; only heads whose matrix is the table of words are supported"
                ),
            )),
            _ => Ok(()),
        }
    }

    /// The same with a head for these answers, or without one where there are none.
    #[must_use]
    pub fn answering(self, answers: &[String]) -> Self {
        let head = if answers.is_empty() { Head::None } else { Head::Answers };
        Self { head, labels: answers.to_vec(), ..self }
    }

    /// The same with the head that says how well text and image go together.
    #[must_use]
    pub fn matching(self) -> Self {
        Self { head: Head::Match, labels: Vec::new(), ..self }
    }

    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let mut names = with_and_without(BASE, name);
        if name == VOCABULARY_BIAS {
            names.push(OLDER_VOCABULARY_BIAS.to_owned());
        }
        names
    }

    /// The name of a tensor of the encoder.
    #[must_use]
    pub fn base(&self, name: &str) -> String {
        if self.head == Head::None { name.to_owned() } else { format!("{BASE}{name}") }
    }

    /// Names of the tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        layer_names(&|part| self.base(&format!("encoder.layer.{index}.{part}")))
    }

    /// Names that the weights of a model of this configuration may have for a tensor of the encoder.
    pub(crate) fn spellings_of(&self, bare: &str) -> Vec<String> {
        Self::spellings(&self.base(bare))
    }

    /// Image processor of the model.
    #[must_use]
    pub fn image_processor(&self) -> ImageProcessorConfig {
        self.images.unwrap_or(ImageProcessorConfig::vilt(self.image_size, self.patch_size))
    }

    /// Image input of this model, and of dual encoders of its sizes.
    pub(crate) fn patch_input(&self) -> PatchInput {
        PatchInput {
            processor: self.image_processor(),
            num_channels: self.num_channels,
            image_size: self.image_size,
            patch_size: self.patch_size,
            max_patches: usize::try_from(self.max_image_length).ok(),
        }
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: self.max_position_embeddings,
            padding: self.pad_token_id.unwrap_or(0),
            intermediate_size: self.intermediate_size,
            sizes: vec![
                ("vocab_size", self.vocab_size),
                ("max_position_embeddings", self.max_position_embeddings),
                ("hidden_size", self.hidden_size),
                ("intermediate_size", self.intermediate_size),
                ("image_size", self.image_size),
                ("patch_size", self.patch_size),
                ("num_channels", self.num_channels),
            ],
            counts: vec![
                ("type_vocab_size", self.type_vocab_size),
                ("modality_type_vocab_size", self.modality_type_vocab_size),
            ],
            stacks: vec![("num_hidden_layers", self.num_hidden_layers, "encoder.layer.")],
            epsilons: vec![("layer_norm_eps", self.layer_norm_eps)],
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

    pub(crate) fn sizes(&self) -> Result<LayerSizes, ModelError> {
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

    /// Name and shape of every parameter, in the order in which they are initialised: those of the encoder first.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let width = self.hidden_size;
        let mut shapes = Shapes::default();
        let tables: [(&str, &[usize]); 6] = [
            ("text_embeddings.word_embeddings.weight", &[self.vocab_size, width]),
            ("text_embeddings.position_embeddings.weight", &[self.max_position_embeddings, width]),
            ("text_embeddings.token_type_embeddings.weight", &[self.type_vocab_size, width]),
            ("cls_token", &[1, 1, width]),
            ("position_embeddings", &[1, 1 + self.grid() * self.grid(), width]),
            ("token_type_embeddings.weight", &[self.modality_type_vocab_size, width]),
        ];
        for (name, shape) in tables {
            shapes.tensor(self.base(&format!("embeddings.{name}")), shape);
        }
        shapes.biased(&self.base("embeddings.text_embeddings.LayerNorm"), &[width]);
        let patch = [width, self.num_channels, self.patch_size, self.patch_size];
        shapes.biased(&self.base("embeddings.patch_embeddings.projection"), &patch);
        for index in 0..self.num_hidden_layers {
            shapes.layer(&self.layer(index), width, self.intermediate_size);
        }
        shapes.biased(&self.base("layernorm"), &[width]);
        shapes.biased(&self.base("pooler.dense"), &[width, width]);
        match self.head {
            Head::None => {}
            Head::Answers => {
                shapes.biased("classifier.0", &[2 * width, width]);
                shapes.biased("classifier.1", &[2 * width]);
                shapes.biased("classifier.3", &[self.labels.len(), 2 * width]);
            }
            Head::Match => shapes.biased("rank_output", &[1, width]),
            Head::MaskedLanguage => {
                shapes.biased("mlm_score.transform.dense", &[width, width]);
                shapes.biased("mlm_score.transform.LayerNorm", &[width]);
                shapes.tensor(VOCABULARY_BIAS, &[self.vocab_size]);
            }
        }
        shapes.into_inner()
    }

    /// The parts `text`, the image's first token with it, and `image`; scores and probabilities are those of both.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = Stream::new(self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
        let streams = [
            ("text".to_owned(), stream.projections()),
            ("image".to_owned(), stream.projections()),
            (String::new(), stream.distributions().without_hidden()),
        ];
        Outline {
            streams: streams.into_iter().collect(),
            pooled: Some(self.hidden_size),
            classes: match self.head {
                Head::None => 0,
                Head::Answers => self.labels.len(),
                Head::Match => 1,
                Head::MaskedLanguage => self.vocab_size,
            },
            classes_of_tokens: self.head == Head::MaskedLanguage,
            labels: self.labels.clone(),
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let fixed = json!({
            "model_type": "vilt",
            "architectures": [self.head.class()],
            "hidden_dropout_prob": decimal(self.hidden_dropout_prob),
            "attention_probs_dropout_prob": decimal(self.attention_probs_dropout_prob),
            "initializer_range": 0.02,
            "num_images": -1,
            "tie_word_embeddings": true,
        });
        let mut json = config_json(self, fixed)?;
        if self.head == Head::Answers {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        Ok(json)
    }
}

/// Names of the tensors of a layer, each as `full` makes it.
pub(crate) fn layer_names(full: &dyn Fn(&str) -> String) -> EncoderNames {
    EncoderNames {
        attention: AttentionNames {
            query: full("attention.attention.query"),
            key: full("attention.attention.key"),
            value: full("attention.attention.value"),
            output: full("attention.output.dense"),
        },
        attention_norm: Some(full("layernorm_before")),
        gate: None,
        feed_forward: [full("intermediate.dense"), full("output.dense"), full("layernorm_after")],
    }
}
