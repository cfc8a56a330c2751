//! Configuration of matrix embeddings, in a layout of this program.

use alambic_files::text::quoted;
use alambic_tensor::ops::ReadingOrder;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::head::{Head, HeadSpec, ProblemType};
use crate::json::extend_object;
use crate::labels::{self, ONE_LABEL, REGRESSION, SEVERAL_LABELS};
use crate::{ModelError, ModelFolder, Outline, Stream};

/// The `model_type` in `config.json`.
pub(super) const MODEL_TYPE: &str = "cmow-cbow-hybrid";

/// Beginning of the name of the class in `architectures`.
const CLASS: &str = "CmowCbowHybrid";

/// Tokens of a text that are read: as many as there are.
const UNLIMITED: usize = 1_000_000;

/// Key of whether the model was trained on pairs of texts.
const PAIRS: &str = "reads_pairs";

/// Directions in which the tokens of a text are multiplied and added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Directions {
    /// Both, each with matrices of its own.
    Both,
    /// From the first token to the last.
    Forward,
    /// From the last token to the first.
    Backward,
}

impl Directions {
    /// The reading orders, each with the name of its table of matrices.
    pub(crate) fn orders(self) -> &'static [(ReadingOrder, &'static str)] {
        const FORWARD: (ReadingOrder, &str) = (ReadingOrder::Forward, "embeddings.forward_matrices");
        const BACKWARD: (ReadingOrder, &str) = (ReadingOrder::Backward, "embeddings.backward_matrices");
        match self {
            Self::Both => &[FORWARD, BACKWARD],
            Self::Forward => &[FORWARD],
            Self::Backward => &[BACKWARD],
        }
    }
}

/// Order of the backward states of a text's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StateOrder {
    /// At token i the state of the tokens from the last one to i.
    Aligned,
    /// As the published code stacks them: at token i the state of the last i tokens.
    Published,
}

/// Layers of a classification head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassifierKind {
    /// Linear, `ReLU`, linear, dropout, layer norm, linear; inner widths are those of what it reads.
    Mlp,
    /// One linear layer.
    Linear,
}

/// Joining of the embeddings u and v of two texts that are read apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairFeatures {
    /// `[u; v; |u - v|]`, which the head reads.
    Difference,
    /// Their cosine, which is the prediction; there are no layers.
    Cosine,
}

/// Configuration of matrix embeddings.
#[derive(Debug, Clone, PartialEq)]
pub struct MatrixConfig {
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
    /// Rows and columns of a token's matrix; 0 for none.
    pub side: usize,
    /// Numbers of a token's vector; 0 for none.
    pub vector: usize,
    /// Directions of reading.
    pub directions: Directions,
    /// Rank of matrices that are stored as factors and a diagonal; none where they are stored whole.
    pub rank: Option<usize>,
    /// Order of backward states.
    pub order: StateOrder,
    /// Dropout of matrices, of vectors and in the head.
    pub dropout: f32,
    /// Deviation of initial matrices from the identity, and of initial vectors from zero.
    pub noise: f64,
    /// Layers of a classification head.
    pub classifier: ClassifierKind,
    /// Joining of the embeddings of a pair of texts.
    pub pair_features: PairFeatures,
    /// Special tokens before a text, which also stand before the second text of a pair where that is read by itself.
    pub leading: usize,
    /// The padding token.
    pub padding: u32,
    /// Head.
    pub head: Head,
    /// Names of the labels, in the order of the logits.
    pub labels: Vec<String>,
    /// Type of the labels.
    pub problem_type: ProblemType,
    /// Whether texts come in pairs; none where nothing is known of it.
    pub pairs: Option<bool>,
}

/// Keys of `config.json`.
#[derive(Debug, Serialize, Deserialize)]
struct Published {
    vocab_size: usize,
    matrix_size: usize,
    vector_size: usize,
    directions: Directions,
    #[serde(default)]
    matrix_rank: Option<usize>,
    state_order: StateOrder,
    dropout: f32,
    initializer_range: f64,
    classifier: ClassifierKind,
    pair_features: PairFeatures,
    leading_tokens: usize,
    pad_token_id: u32,
}

impl MatrixConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or sizes do not fit each other.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let json = folder.json();
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let own: Published = folder.typed(json)?;
        let head = head(json).map_err(fault)?;
        let labels = if head.has_named_labels() { labels::of(json).map_err(fault)? } else { Vec::new() };
        let HeadSpec { labels, pairs, .. } = match head {
            Head::Span => HeadSpec::span(),
            Head::MultipleChoice => HeadSpec::multiple_choice(),
            _ => HeadSpec { labels, ..HeadSpec::none() },
        };
        let problem_type = match json["problem_type"].as_str() {
            Some(REGRESSION) => ProblemType::Regression,
            Some(SEVERAL_LABELS) => ProblemType::MultiLabel,
            _ => ProblemType::SingleLabel,
        };
        let config = Self {
            vocabulary: own.vocab_size,
            side: own.matrix_size,
            vector: own.vector_size,
            directions: own.directions,
            rank: own.matrix_rank,
            order: own.state_order,
            dropout: own.dropout,
            noise: own.initializer_range,
            classifier: own.classifier,
            pair_features: own.pair_features,
            leading: own.leading_tokens,
            padding: own.pad_token_id,
            head,
            labels,
            problem_type,
            pairs: pairs.or(json[PAIRS].as_bool()),
        };
        folder.check(&config.summary())?;
        config.check().map_err(|error| match error {
            ModelError::Configuration(message) => fault(message),
            other => other,
        })?;
        Ok(config)
    }

    /// Fails where sizes or the head do not fit each other.
    ///
    /// # Errors
    /// When there are neither matrices nor vectors, a rank is none or as large as a matrix, or the cosine of two texts is to predict
    /// anything but one number of a pair.
    pub fn check(&self) -> Result<(), ModelError> {
        let fault = |message: String| Err(ModelError::Configuration(message));
        if self.side == 0 && self.vector == 0 {
            return fault("tokens have neither a matrix nor a vector: let side or vector be above 0".into());
        }
        match self.rank {
            Some(rank) if rank == 0 || rank >= self.side => {
                let side = self.side;
                return fault(format!(
                    "a rank of {rank} does not suit matrices of {side} × {side}: it is at least 1 and below their side, or left out"
                ));
            }
            _ => {}
        }
        if !(0.0..1.0).contains(&self.dropout) {
            return fault(format!("dropout is {}; it is from 0 to below 1", self.dropout));
        }
        let is_cosine = self.pair_features == PairFeatures::Cosine && self.head.is_of_text();
        let is_rating = self.problem_type == ProblemType::Regression
            && self.labels.len() == 1
            && self.pairs == Some(true);
        if is_cosine && !is_rating {
            return fault(
                "the cosine of two texts predicts one number of a pair of texts, and no classes: join pairs by `difference`".into(),
            );
        }
        Ok(())
    }

    /// Width of the matrix and of the vector of a token.
    fn own_width(&self) -> usize {
        self.vector + self.side * self.side
    }

    /// Width of a token's state, the tap `hidden.1`: sums and products of each direction.
    #[must_use]
    pub fn state_width(&self) -> usize {
        self.directions.orders().len() * self.own_width()
    }

    /// Width of a text's embedding, the tap `pooled`: the sum, and the product of each direction.
    #[must_use]
    pub fn pooled_width(&self) -> usize {
        self.vector + self.directions.orders().len() * self.side * self.side
    }

    /// Whether logits are of two texts that are read apart.
    #[must_use]
    pub fn splits_pairs(&self) -> bool {
        self.head.is_of_text() && self.pairs == Some(true)
    }

    /// Width of what a classification head reads.
    pub(super) fn classifier_width(&self) -> usize {
        match self.head {
            head if head.is_per_token() => self.state_width(),
            _ if self.splits_pairs() => 3 * self.pooled_width(),
            _ => self.pooled_width(),
        }
    }

    /// The same encoder with the head that a task needs.
    #[must_use]
    pub fn with_head(self, head: &HeadSpec) -> Self {
        let problem_type = if head.regression { ProblemType::Regression } else { ProblemType::SingleLabel };
        Self { head: head.head, labels: head.labels.clone(), problem_type, pairs: head.pairs, ..self }
    }

    /// The width of the logits; 0 without a head.
    pub(super) fn classes(&self) -> usize {
        match self.head {
            Head::None => 0,
            Head::MaskedLanguage => self.vocabulary,
            _ => self.labels.len(),
        }
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocabulary,
            max_length: UNLIMITED,
            padding: self.padding,
            intermediate_size: 0,
            sizes: vec![("vocab_size", self.vocabulary)],
            counts: vec![
                ("matrix_size", self.side.saturating_mul(self.side)),
                ("vector_size", self.vector),
                ("leading_tokens", self.leading),
            ],
            stacks: Vec::new(),
            divisions: Vec::new(),
            epsilons: Vec::new(),
            activations: Vec::new(),
        }
    }

    /// The only stream, which has no name, of one layer.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let embedding = (self.head == Head::None).then(|| self.pooled_width());
        let stream = Stream { attention: (0, &[]), embedding, ..Stream::new(1, self.state_width(), 1) };
        Outline {
            streams: IndexMap::from([(String::new(), stream)]),
            pooled: Some(self.pooled_width()),
            classes: self.classes(),
            classes_of_tokens: self.head.is_per_token(),
            labels: self.labels.clone(),
            ..Outline::default()
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let own = Published {
            vocab_size: self.vocabulary,
            matrix_size: self.side,
            vector_size: self.vector,
            directions: self.directions,
            matrix_rank: self.rank,
            state_order: self.order,
            dropout: self.dropout,
            initializer_range: self.noise,
            classifier: self.classifier,
            pair_features: self.pair_features,
            leading_tokens: self.leading,
            pad_token_id: self.padding,
        };
        let mut json = json!({
            "model_type": MODEL_TYPE,
            "architectures": [format!("{CLASS}{}", self.head.class())],
        });
        if let Ok(own) = serde_json::to_value(own) {
            extend_object(&mut json, own);
        }
        if self.head.has_named_labels() {
            extend_object(&mut json, labels::to_json(&self.labels));
        }
        if self.head == Head::Sequence {
            json["problem_type"] = match self.problem_type {
                ProblemType::Regression => REGRESSION.into(),
                ProblemType::MultiLabel => SEVERAL_LABELS.into(),
                ProblemType::SingleLabel => ONE_LABEL.into(),
            };
            if let Some(pairs) = self.pairs {
                json[PAIRS] = pairs.into();
            }
        }
        json
    }
}

/// The head that `architectures` names.
fn head(json: &Value) -> Result<Head, String> {
    let Some(name) = json["architectures"][0].as_str() else { return Ok(Head::None) };
    let own = |head: &Head| name.strip_prefix(CLASS) == Some(head.class());
    Head::ALL.into_iter().find(own).ok_or_else(|| {
        let known: Vec<String> = Head::ALL.iter().map(|head| format!("{CLASS}{}", head.class())).collect();
        format!("architecture `{}` is not known; known are {}", quoted(name), known.join(", "))
    })
}
