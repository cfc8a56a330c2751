//! The configuration files of text encoders.

use alambic_files::text::quoted;
use alambic_tensor::ops::Activation;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::families::{Published, default_epsilon, tenth, xlm};
use super::family::{Classifier, Family};
use super::names::TensorNames;
use super::pooling::Pooling;
use super::structure::Structure;
use crate::config_summary::ConfigSummary;
use crate::head::{Head, HeadSpec, ProblemType};
use crate::json::extend_object;
use crate::labels::{self, ONE_LABEL, REGRESSION, SEVERAL_LABELS};
use crate::layers::{EncoderNames, LayerOptions, LayerSizes, activation};
use crate::{LanguageNumbers, ModelError, ModelFolder, Outline, Stream};

/// The key of `config.json` that says whether a model of this program was trained on pairs of texts.
const PAIRS: &str = "reads_pairs";

/// PyTorch's name of the activation that changes nothing.
const IDENTITY: &str = "torch.nn.modules.linear.Identity";

/// Configuration of a text encoder of transformer layers, in one set of keys for all families.
#[derive(Debug, Clone, PartialEq)]
pub struct TextEncoderConfig {
    /// The family.
    pub family: Family,
    /// Head.
    pub head: Head,
    /// Whether there is a pooler without a head that needs one.
    pub pooler: bool,
    /// Whether the logits of the vocabulary have a matrix of their own, and not the table of words.
    pub untied: bool,
    /// Names of the labels, in the order of the logits.
    pub labels: Vec<String>,
    /// Type of the labels.
    pub problem_type: ProblemType,
    /// Whether texts come in pairs; none where nothing is known of it.
    pub pairs: Option<bool>,
    /// Rows of the embedding table.
    pub vocabulary: usize,
    /// Width of hidden states.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Activation of the feed-forward sublayers, as transformers names it.
    pub activation: String,
    /// Rows of the position table.
    pub positions: usize,
    /// Rows of the segment table; 0 for none.
    pub segments: usize,
    /// Added to the variance in layer norms.
    pub epsilon: f64,
    /// The padding token.
    pub padding: u32,
    /// Dropout of embeddings and sublayers.
    pub dropout: f32,
    /// Dropout of attention probabilities.
    pub attention_dropout: f32,
    /// Dropout before the last linear layer of a head.
    pub head_dropout: f32,
    /// Structure, in which families differ beside their sizes.
    pub structure: Structure,
    /// Pooling of the last hidden states into the tap `embedding`; none where nothing says so.
    pub pooling: Option<Pooling>,
}

impl TextEncoderConfig {
    /// A BERT of these sizes without a head; all else is as in transformers.
    #[must_use]
    pub fn new(vocabulary: usize, layers: usize, width: usize, heads: usize) -> Self {
        Self {
            family: Family::Bert,
            head: Head::None,
            pooler: false,
            untied: false,
            labels: Vec::new(),
            problem_type: ProblemType::SingleLabel,
            pairs: None,
            vocabulary,
            width,
            layers,
            heads,
            intermediate_size: 4 * width,
            activation: "gelu".into(),
            positions: 512,
            segments: 2,
            epsilon: default_epsilon(),
            padding: 0,
            dropout: tenth(),
            attention_dropout: tenth(),
            head_dropout: tenth(),
            structure: Structure::default(),
            pooling: None,
        }
    }
}

impl TextEncoderConfig {
    /// Reads the configuration of a folder, its pooling, and from the head of its weights whether there is a pooler.
    ///
    /// # Errors
    /// When the folder is of another family, a key is missing or has the wrong type, or there are no weights.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config = Self { pooling: Pooling::open(folder)?, ..Self::read(folder)? };
        folder.check(&config.summary())?;
        config.untied = config.has_own_output(folder, |name| config.spellings(name))?;
        if config.head == Head::None {
            let pooler = format!("{}.weight", config.names().pooler().0);
            let names = folder.weight_shapes()?;
            config.pooler = names.keys().any(|name| name.ends_with(&pooler));
        }
        Ok(config)
    }

    /// Whether the head over the vocabulary has a matrix of its own: where the configuration says so, and where the file has
    /// one with other numbers than those of the table of words, as in transformers.
    ///
    /// # Errors
    /// When the configuration says so and the file has none; when a file cannot be read.
    pub(crate) fn has_own_output(
        &self,
        folder: &ModelFolder,
        spellings: impl Fn(&str) -> Vec<String>,
    ) -> Result<bool, ModelError> {
        if self.head != Head::MaskedLanguage {
            return Ok(false);
        }
        let is_untied = folder.json()["tie_word_embeddings"] == false;
        if folder.weight_files().is_err() {
            return Ok(is_untied);
        }
        let (stored, names) = (folder.stored()?, self.names());
        match (
            stored.find(&spellings(names.masked_language(true).output)),
            stored.find(&spellings(&names.table("word"))),
        ) {
            (Some(_), _) if is_untied => Ok(true),
            (Some(own), Some(words)) => Ok(!stored.are_equal(own, words)?),
            (None, _) if is_untied => Err(ModelError::content(
                stored.first_file(),
                format!(
                    "there is no tensor `{}`, and tie_word_embeddings is false",
                    names.masked_language(true).output
                ),
            )),
            _ => Ok(false),
        }
    }

    fn read(folder: &ModelFolder) -> Result<Self, ModelError> {
        let file = folder.path().join("config.json");
        let model_type = folder.model_type()?;
        let family = Family::of(model_type).ok_or_else(|| {
            let known = Family::MODEL_TYPES.join(", ");
            ModelError::content(&file, format!("model_type is `{model_type}`; one of {known} is needed here"))
        })?;
        let json = folder.json();
        let head = head(json).map_err(|message| ModelError::content(&file, message))?;
        let labels = labels::of(json).map_err(|message| ModelError::content(&file, message))?;
        let problem_type = match json["problem_type"].as_str() {
            Some(REGRESSION) => ProblemType::Regression,
            Some(SEVERAL_LABELS) => ProblemType::MultiLabel,
            _ if labels.len() == 1 => ProblemType::Regression,
            _ => ProblemType::SingleLabel,
        };
        let own = family.declaration().read(folder, head)?;
        let pairs = json[PAIRS].as_bool();
        // Whatever labels a configuration names, there is one score of a choice.
        let HeadSpec { labels, pairs, .. } = match head {
            Head::MultipleChoice => HeadSpec::multiple_choice(),
            _ => HeadSpec { labels, pairs, ..HeadSpec::none() },
        };
        let problem_type = if head == Head::MultipleChoice { ProblemType::SingleLabel } else { problem_type };
        Ok(Self { labels, problem_type, pairs, ..own })
    }

    /// Reads the sizes of a folder that has the keys of BERT, whatever its type; there are no labels yet.
    pub(crate) fn of_layout(folder: &ModelFolder, head: Head) -> Result<Self, ModelError> {
        let published: Published = folder.typed(folder.json())?;
        Ok(published.into_config(Family::Bert, head, Structure::default()))
    }

    /// The same encoder with the head that a task needs. A pooling stays only where there is no head.
    #[must_use]
    pub fn with_head(self, head: &HeadSpec) -> Self {
        Self {
            head: head.head,
            untied: self.untied && head.head == Head::MaskedLanguage,
            labels: head.labels.clone(),
            problem_type: if head.regression { ProblemType::Regression } else { ProblemType::SingleLabel },
            pairs: head.pairs,
            pooler: match head.head {
                Head::None => self.pooler,
                head => self.family.declaration().has_pooler(head),
            },
            pooling: self.pooling.filter(|_| head.head == Head::None),
            ..self
        }
    }

    /// The activation of feed-forward sublayers.
    ///
    /// # Errors
    /// When its name is not known.
    pub fn activation(&self) -> Result<Activation, ModelError> {
        activation(&self.activation)
    }

    /// Maximum number of tokens of a text.
    #[must_use]
    pub fn max_length(&self) -> usize {
        if self.structure.counts_from_padding {
            self.positions.saturating_sub(self.padding as usize + 1)
        } else {
            self.positions
        }
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocabulary,
            max_length: self.max_length(),
            padding: self.padding,
            intermediate_size: self.intermediate_size,
            sizes: vec![
                ("vocab_size", self.vocabulary),
                ("hidden_size", self.width),
                ("intermediate_size", self.intermediate_size),
                ("max_position_embeddings", self.positions),
            ],
            counts: vec![("type_vocab_size", self.segments), ("n_langs", self.structure.languages)],
            stacks: if self.structure.is_shared {
                Vec::new()
            } else {
                let declaration = self.family.declaration();
                vec![(declaration.layers_key(), self.layers, declaration.stack())]
            },
            divisions: vec![("num_attention_heads", self.heads, "hidden_size", self.width)],
            epsilons: vec![("layer_norm_eps", self.epsilon)],
            activations: vec![&self.activation],
        }
    }

    /// Names of the model's tensors.
    #[must_use]
    pub fn names(&self) -> TensorNames {
        TensorNames::new(self.family, self.head)
    }

    /// Names of the tensors of a layer, counted from 0; those of the only one where all have the same weights.
    #[must_use]
    pub fn layer_names(&self, index: usize) -> EncoderNames {
        self.names().layer(if self.structure.is_shared { 0 } else { index })
    }

    /// The layers of a classification head.
    #[must_use]
    pub fn classifier(&self) -> Classifier {
        self.names().classifier(self.head, self.structure.classifies_mean)
    }

    /// Width of the tables of embeddings.
    #[must_use]
    pub fn embedding_width(&self) -> usize {
        self.structure.embedding_width.unwrap_or(self.width)
    }

    /// Rows of the table of positions; 0 for none.
    pub(super) fn position_rows(&self) -> usize {
        if self.structure.has_positions { self.positions } else { 0 }
    }

    /// The same encoder with chosen layers, counted from 0, in this order.
    #[must_use]
    pub fn with_layers(self, layers: &[usize]) -> Self {
        Self { layers: layers.len(), structure: self.structure.with_layers(layers), ..self }
    }

    /// The activation before the vocabulary's logits, as transformers names it.
    #[must_use]
    pub fn masked_language_activation(&self) -> &str {
        self.family.declaration().masked_language_activation().unwrap_or(&self.activation)
    }

    pub(super) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.width,
            heads: self.heads,
            intermediate_size: self.intermediate_size,
            activation: self.activation()?,
            epsilon: self.epsilon,
            dropout: self.dropout,
            attention_dropout: self.attention_dropout,
            norms: self.structure.norms(),
            biases: self.structure.biases(),
            options: LayerOptions::default(),
        })
    }

    /// The width of the logits; 0 without a head.
    #[must_use]
    pub fn classes(&self) -> usize {
        match self.head {
            Head::None => 0,
            Head::MaskedLanguage => self.vocabulary,
            _ => self.labels.len(),
        }
    }

    /// Languages that it is told by their numbers; none where it has no table of them.
    fn language_numbers(&self) -> Option<LanguageNumbers> {
        let own = &self.structure;
        (own.languages > 0).then(|| LanguageNumbers::new(own.languages, own.language_numbers.clone()))
    }

    /// The only stream, which has no name.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = Stream {
            embedding: self.pooling.as_ref().map(|pooling| pooling.width(self.width)),
            ..Stream::new(self.layers, self.width, self.heads)
        };
        Outline {
            streams: IndexMap::from([(String::new(), stream)]),
            classes: self.classes(),
            classes_of_tokens: self.head.is_per_token(),
            labels: self.labels.clone(),
            pooled: self.pooler.then_some(self.width),
            languages: self.language_numbers(),
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut json = json!({
            "model_type": self.family.model_type(),
            "architectures": [self.family.declaration().architecture(self.head)],
            "vocab_size": self.vocabulary,
            "max_position_embeddings": self.positions,
            "pad_token_id": self.padding,
            "initializer_range": 0.02,
            "tie_word_embeddings": !self.untied,
        });
        extend_object(&mut json, self.family.declaration().write(self));
        if self.head.has_named_labels() {
            extend_object(&mut json, labels::to_json(&self.labels));
            json["problem_type"] = match (self.head, self.problem_type) {
                (Head::Sequence, ProblemType::Regression) => json!(REGRESSION),
                (Head::Sequence, ProblemType::MultiLabel) => json!(SEVERAL_LABELS),
                (Head::Sequence, ProblemType::SingleLabel) => json!(ONE_LABEL),
                _ => Value::Null,
            };
            if let Some(pairs) = self.pairs.filter(|_| self.head == Head::Sequence) {
                json[PAIRS] = pairs.into();
                if pairs {
                    // sentence-transformers' class for pairs would else apply a sigmoid to a single number.
                    json["sentence_transformers"] = json!({ "activation_fn": IDENTITY });
                }
            }
        }
        if let Some((key, value)) = self.pooling.as_ref().and_then(Pooling::to_json) {
            json[key] = value;
        }
        json
    }
}

/// The head that `architectures` names; none where there is no such key.
fn head(json: &Value) -> Result<Head, String> {
    let Some(name) = json["architectures"][0].as_str() else { return Ok(Head::None) };
    // `BertLMHeadModel` is the decoder of its family, and no encoder without a head.
    let is_decoder = name.ends_with("LMHeadModel");
    if let Some(head) = Head::ALL.into_iter().find(|head| name.ends_with(head.class()) && !is_decoder) {
        return Ok(head);
    }
    // The head over the vocabulary of an XLM is one linear layer, and is left out.
    if name == "XLMWithLMHeadModel" {
        return Ok(Head::None);
    }
    if name == xlm::ANSWERING {
        return Ok(Head::Span);
    }
    // An ELECTRA that was pre-trained tells replaced tokens from others, a head that is left out.
    if name == "ElectraForPreTraining" {
        return Ok(Head::None);
    }
    // BERT's pre-training has the head of masked language modelling and one for the next sentence, which is left out.
    if name.ends_with("ForPreTraining") {
        return Ok(Head::MaskedLanguage);
    }
    Err(format!(
        "architecture `{}` is not known: use a model of sequence or token classification, multiple choice, question answering, masked language modelling, or without a head",
        quoted(name)
    ))
}
