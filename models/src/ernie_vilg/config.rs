//! The configuration file of an ERNIE-ViLG. The format is ours, with BERT's keys.

use alambic_files::text::quoted;
use alambic_tensor::ops::ImagePattern;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::image_tokenizer::ImageTokenizerConfig;
use crate::json::config_json;
use crate::layers::{
    AttentionNames, AttentionScheme, Biases, EncoderNames, LayerOptions, LayerSizes, Norms, Shapes,
    activation,
};
use crate::{ModelError, ModelFolder, Outline, Stream};

/// What tokens of an image see of it in the layers that see rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RowPattern {
    /// Their row.
    Row,
    /// Themselves and as many tokens before them as a row has.
    Previous,
}

/// The states of which a reconstructor makes an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReconstructorStates {
    /// Those that have read the token of their place.
    Reading,
    /// Those that predict it.
    Predicting,
}

/// A decoder of images over the last states of the transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconstructor {
    /// The states that it reads.
    pub states: ReconstructorStates,
    /// Whether its gradients stop before the transformer.
    pub detach: bool,
}

/// `config.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErnieVilgConfig {
    /// Pieces of texts.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Attention heads.
    pub num_attention_heads: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Activation of these.
    pub hidden_act: String,
    /// Share of the numbers behind sublayers and embeddings that is dropped in training.
    pub hidden_dropout_prob: f32,
    /// Positions of a text.
    pub max_position_embeddings: usize,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// The padding token.
    pub pad_token_id: u32,
    /// The token that ends a text.
    pub eos_token_id: u32,
    /// What tokens of an image see of it in the layers that see rows; none where all layers see all of it.
    pub sparse_attention: Option<RowPattern>,
    /// The side of the squares that the last layer sees, where attention is sparse: an odd number.
    pub attention_kernel: usize,
    /// The decoder of images; none where the image tokenizer's makes them of codes.
    pub reconstructor: Option<Reconstructor>,
    /// The image tokenizer.
    pub image_tokenizer: ImageTokenizerConfig,
}

/// What stands before the number of a layer.
const LAYERS: &str = "bert.encoder.layer.";

impl ErnieVilgConfig {
    /// The value of `model_type`.
    pub(super) const MODEL_TYPE: &str = "ernie-vilg";
    /// What stands before the names of the image tokenizer's tensors.
    pub const IMAGE_TOKENIZER: &str = "image_tokenizer.";
    /// What stands before the names of the reconstructor's decoder, which are those of the image tokenizer's.
    pub const RECONSTRUCTOR: &str = "reconstructor.decoder.";
    /// Linear layers that bring states to the width of codes.
    pub(super) const MAPPING: [&str; 2] = ["reconstructor.mapping.0", "reconstructor.mapping.2"];
    pub(super) const WORDS: &str = "bert.embeddings.word_embeddings.weight";
    pub(super) const POSITIONS: &str = "bert.embeddings.position_embeddings.weight";
    pub(super) const ROWS: &str = "bert.embeddings.row_embeddings.weight";
    pub(super) const COLUMNS: &str = "bert.embeddings.column_embeddings.weight";
    pub(super) const SEGMENTS: &str = "bert.embeddings.token_type_embeddings.weight";
    pub(super) const LAST_NORM: &str = "bert.encoder.ln";
    pub(super) const OUTPUT_BIAS: &str = "cls.predictions.bias";

    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing, has the wrong type, or says what is not supported.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let config: Self = folder.config(Self::MODEL_TYPE)?;
        let refuse = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        config.image_tokenizer.check(refuse)?;
        if config.attention_kernel.is_multiple_of(2) {
            return Err(refuse(format!(
                "attention_kernel is {}: a square of an even side has no middle",
                config.attention_kernel
            )));
        }
        if config.reconstructor.is_some() && config.image_tokenizer.places() == 0 {
            return Err(refuse(format!(
                "`reconstructor` is {}, and an image has no token",
                quoted(&folder.json()["reconstructor"].to_string())
            )));
        }
        folder.check(&config.summary())?;
        Ok(config)
    }

    /// Tokens of an image.
    #[must_use]
    pub fn image_tokens(&self) -> usize {
        self.image_tokenizer.places()
    }

    /// The token with which an image begins.
    #[must_use]
    pub fn image_start(&self) -> u32 {
        (self.vocab_size + self.image_tokenizer.num_tokens) as u32
    }

    /// The token with which a text begins that is written.
    #[must_use]
    pub fn text_start(&self) -> u32 {
        self.image_start() + 1
    }

    /// Rows of the table of words: pieces of texts, codes, and the two tokens with which targets begin.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.vocab_size + self.image_tokenizer.num_tokens + 2
    }

    /// The token of a code.
    #[must_use]
    pub fn token_of_code(&self, code: u32) -> u32 {
        self.vocab_size as u32 + code
    }

    /// The code of a token; none of one that is no code.
    #[must_use]
    pub fn code_of_token(&self, token: u32) -> Option<u32> {
        let code = token.checked_sub(self.vocab_size as u32)?;
        ((code as usize) < self.image_tokenizer.num_tokens).then_some(code)
    }

    /// The tokens of codes behind the token with which an image begins.
    #[must_use]
    pub fn image(&self, codes: &[u32]) -> Vec<u32> {
        [self.image_start()].into_iter().chain(codes.iter().map(|&code| self.token_of_code(code))).collect()
    }

    /// What the tokens of an image see of it in a layer, counted from 0: squares in the last one, columns in every fourth from the second
    /// on, rows in the others; none where they see all.
    #[must_use]
    pub fn pattern(&self, layer: usize) -> Option<ImagePattern> {
        let rows = self.sparse_attention?;
        Some(if layer + 1 == self.num_hidden_layers {
            ImagePattern::Convolution { kernel: self.attention_kernel }
        } else if layer % 4 == 1 {
            ImagePattern::Column
        } else {
            match rows {
                RowPattern::Row => ImagePattern::Row,
                RowPattern::Previous => ImagePattern::Previous,
            }
        })
    }

    /// Names of the tensors of a layer, counted from 0.
    #[must_use]
    pub fn layer(&self, index: usize) -> EncoderNames {
        let name = |part: &str| format!("{LAYERS}{index}.{part}");
        EncoderNames {
            attention: AttentionNames {
                query: name("attention.self.query"),
                key: name("attention.self.key"),
                value: name("attention.self.value"),
                output: name("attention.output.dense"),
            },
            attention_norm: Some(name("attention.ln")),
            feed_forward: [name("intermediate.dense"), name("output.dense"), name("ln")],
            gate: None,
        }
    }

    /// The layers, each with its attention.
    pub(super) fn layers(&self) -> Vec<(EncoderNames, AttentionScheme)> {
        let scheme = |index| AttentionScheme { image: self.pattern(index), ..AttentionScheme::default() };
        (0..self.num_hidden_layers).map(|index| (self.layer(index), scheme(index))).collect()
    }

    pub(super) fn sizes(&self) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.hidden_size,
            heads: self.num_attention_heads,
            intermediate_size: self.intermediate_size,
            activation: activation(&self.hidden_act)?,
            epsilon: self.layer_norm_eps,
            dropout: self.hidden_dropout_prob,
            // Attention that is sparse drops no probabilities.
            attention_dropout: 0.0,
            norms: Norms::Before,
            biases: Biases::ALL,
            options: LayerOptions::default(),
        })
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let mut summary = self.image_tokenizer.summary();
        summary.vocabulary = self.vocab_size;
        summary.max_length = self.max_position_embeddings;
        summary.padding = self.pad_token_id;
        summary.intermediate_size = self.intermediate_size;
        summary.sizes.retain(|(key, _)| *key != "hidden_size");
        summary.sizes.extend([
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("image_tokenizer.hidden_size", self.image_tokenizer.hidden_size),
        ]);
        summary.counts.retain(|(key, _)| *key != "vocab_size");
        summary.stacks = vec![("num_hidden_layers", self.num_hidden_layers, LAYERS)];
        summary.divisions.push((
            "num_attention_heads",
            self.num_attention_heads,
            "hidden_size",
            self.hidden_size,
        ));
        summary.epsilons = vec![("layer_norm_eps", self.layer_norm_eps)];
        summary.activations = vec![&self.hidden_act];
        summary
    }

    /// Name and shape of every tensor, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        let (width, grid) = (self.hidden_size, self.image_tokenizer.grid());
        let mut shapes = Shapes::default();
        shapes.tensor(Self::WORDS, &[self.tokens(), width]);
        shapes.tensor(Self::POSITIONS, &[self.max_position_embeddings, width]);
        shapes.tensor(Self::ROWS, &[grid, width]);
        shapes.tensor(Self::COLUMNS, &[grid, width]);
        shapes.tensor(Self::SEGMENTS, &[2, width]);
        for index in 0..self.num_hidden_layers {
            shapes.layer(&self.layer(index), width, self.intermediate_size);
        }
        shapes.biased(Self::LAST_NORM, &[width]);
        shapes.tensor(Self::OUTPUT_BIAS, &[self.tokens()]);
        let tokenizer = self.image_tokenizer.shapes();
        if self.reconstructor.is_some() {
            let [first, last] = Self::MAPPING;
            shapes.biased(first, &[width, width]);
            shapes.biased(last, &[self.image_tokenizer.codebook_dim, width]);
            for (name, shape) in &tokenizer {
                if let Some(own) = ImageTokenizerConfig::of_decoder(name) {
                    shapes.tensor(format!("{}{own}", Self::RECONSTRUCTOR), shape);
                }
            }
        }
        for (name, shape) in tokenizer {
            shapes.tensor(format!("{}{name}", Self::IMAGE_TOKENIZER), &shape);
        }
        shapes.into_inner()
    }

    /// One stream of whole rows.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = Stream::new(self.num_hidden_layers, self.hidden_size, self.num_attention_heads);
        let tokenizer = &self.image_tokenizer;
        let pixels = tokenizer.num_channels * tokenizer.image_size * tokenizer.image_size;
        Outline {
            streams: [(String::new(), stream)].into_iter().collect(),
            classes: self.tokens(),
            classes_of_tokens: true,
            reconstruction: self.reconstructor.map(|_| pixels),
            ..Outline::default()
        }
    }

    /// JSON of `config.json`.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let class = json!({ "model_type": Self::MODEL_TYPE, "architectures": ["ErnieVilg"] });
        config_json(self, class)
    }
}
