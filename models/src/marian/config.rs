//! The configuration file of a Marian model.

use alambic_tensor::ops::Activation;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::config_summary::ConfigSummary;
use crate::folder::StoredWeights;
use crate::json::{config_json, decimal};
use crate::layers::{Biases, LayerSizes, Norms, activation};
use crate::published::{open, with_and_without};
use crate::{ModelError, ModelFolder, Outline, Stream};

/// Copies of the table of words: files may hold any of them.
const COPIES: [&str; 3] = [OUTPUT, ENCODER_WORDS, DECODER_WORDS];

/// Matrix of the logits, and tables of the words of source and target, where they are not one.
pub(super) const OUTPUT: &str = "lm_head.weight";
pub(super) const ENCODER_WORDS: &str = "model.encoder.embed_tokens.weight";
pub(super) const DECODER_WORDS: &str = "model.decoder.embed_tokens.weight";

/// Prefix of the names of the tensors of both stacks.
const BASE: &str = "model.";

/// The most positions for which sinusoids are computed, where the file holds no table of them.
const POSITIONS: usize = 1 << 16;

/// Tables of the words of source and target, and the matrix of the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WordTables {
    /// One for all three.
    #[default]
    Shared,
    /// One of the source, and one of the target that gives the logits.
    OfEach {
        /// Rows of the target's.
        target: usize,
    },
    /// All three their own.
    Own {
        /// Rows of the target's, and of the matrix of the logits.
        target: usize,
    },
}

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MarianConfig {
    /// Rows of the embedding table.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub d_model: usize,
    /// Layers of the encoder.
    pub encoder_layers: usize,
    /// Layers of the decoder.
    pub decoder_layers: usize,
    /// Attention heads of the encoder.
    pub encoder_attention_heads: usize,
    /// Attention heads of the decoder.
    pub decoder_attention_heads: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Inner width of the decoder's feed-forward layers.
    pub decoder_ffn_dim: usize,
    /// `relu`, `gelu`, `swish` or `silu`, `tanh`, `gelu_new`.
    pub activation_function: String,
    /// Dropout of embeddings and sublayers while training.
    #[serde(default)]
    pub dropout: f32,
    /// Whether embeddings are multiplied by the square root of `d_model`.
    #[serde(default)]
    pub scale_embedding: bool,
    /// Tables of words.
    #[serde(skip)]
    pub tables: WordTables,
    /// Longest sequence, in tokens.
    pub max_position_embeddings: usize,
    /// Padding token.
    pub pad_token_id: u32,
    /// End of a sequence.
    pub eos_token_id: u32,
    /// First token of the decoder.
    pub decoder_start_token_id: u32,
}

impl MarianConfig {
    /// Number that is added to the variance in layer norms: PyTorch's default, as no configuration names it.
    pub const EPSILON: f64 = 1e-5;

    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or tables of words differ that the configuration says to be one.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let mut config: Self = folder.config("marian")?;
        folder.check(&config.summary())?;
        let refuse = |message: String| Err(ModelError::content(&folder.path().join("config.json"), message));
        let json = folder.json();
        let is_shared = json["share_encoder_decoder_embeddings"] != false;
        let is_tied = json["tie_word_embeddings"] != false;
        let target = json["decoder_vocab_size"].as_u64().map_or(config.vocab_size, |size| size as usize);
        if is_shared && target != config.vocab_size {
            return refuse(format!(
                "decoder_vocab_size is {}, vocab_size {}, and both have one table (share_encoder_decoder_embeddings)",
                json["decoder_vocab_size"], config.vocab_size
            ));
        }
        if folder.weight_files().is_err() {
            return Ok(config);
        }
        let stored = folder.stored()?;
        if !is_tied && stored.find(&with_and_without(BASE, COPIES[0])).is_none() {
            return Err(ModelError::content(
                stored.first_file(),
                format!("there is no tensor `{}`, and tie_word_embeddings is false", COPIES[0]),
            ));
        }
        if !(is_shared && is_tied) && config.has_own_tables(&stored, target)? {
            config.tables = if is_tied { WordTables::OfEach { target } } else { WordTables::Own { target } };
        } else if let Some(shared) = stored.find(&Self::spellings(Self::WORDS)) {
            let copies = COPIES.into_iter().filter_map(|name| stored.find(&with_and_without(BASE, name)));
            for copy in copies.filter(|copy| *copy != shared) {
                if !stored.are_equal(shared, copy)? {
                    return Err(stored.fault(
                        copy,
                        format!("it differs from `{shared}`, and the configuration says that they are one (tie_word_embeddings, \
                             share_encoder_decoder_embeddings)"),
                    ));
                }
            }
        }
        let has_table = |stack| stored.find(&Self::spellings(&positions_of(stack))).is_some();
        if config.max_position_embeddings > POSITIONS && !(has_table("encoder") && has_table("decoder")) {
            return refuse(format!(
                "max_position_embeddings is {}; without a table of positions the most is {POSITIONS}",
                config.max_position_embeddings
            ));
        }
        Ok(config)
    }

    /// Whether the tables of source and target, or the matrix of the logits, are not one.
    fn has_own_tables(&self, stored: &StoredWeights, target: usize) -> Result<bool, ModelError> {
        let names = [ENCODER_WORDS, DECODER_WORDS, OUTPUT];
        let tables = names.map(|name| stored.find(&with_and_without(BASE, name)));
        // A file may leave out a copy.
        let (Some(source), Some(decoder)) = (tables[0], tables[1]) else { return Ok(false) };
        if target != self.vocab_size || !stored.are_equal(source, decoder)? {
            return Ok(true);
        }
        Ok(match tables[2] {
            Some(output) => !stored.are_equal(decoder, output)?,
            None => false,
        })
    }

    /// Rows of the table of the target's words, and number of the logits.
    #[must_use]
    pub fn target_vocabulary(&self) -> usize {
        match self.tables {
            WordTables::Shared => self.vocab_size,
            WordTables::OfEach { target } | WordTables::Own { target } => target,
        }
    }

    /// Names of the tables of source and target and of the matrix of the logits, of which several may be the same.
    #[must_use]
    pub fn word_tables(&self) -> [&'static str; 3] {
        match self.tables {
            WordTables::Shared => [Self::WORDS; 3],
            WordTables::OfEach { .. } => [ENCODER_WORDS, DECODER_WORDS, DECODER_WORDS],
            WordTables::Own { .. } => [ENCODER_WORDS, DECODER_WORDS, OUTPUT],
        }
    }

    /// The weights of a folder under transformers' names, ordered by name: those of [`Self::shapes`], and as far as the file
    /// has them the tables of positions and the bias of the logits.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        let stored: StoredWeights = folder.stored()?;
        let mut shapes = self.shapes();
        let is_there = |name: &String| stored.find(&Self::spellings(name)).is_some();
        shapes.extend(self.optional_shapes().into_iter().filter(|(name, _)| is_there(name)));
        let mut weights = open(folder, &shapes, Self::spellings)?;
        weights.sort_unstable_keys();
        Ok(weights)
    }

    /// Name and shape of the tables of positions and of the bias of the logits, which files need not have.
    pub(crate) fn optional_shapes(&self) -> IndexMap<String, Vec<usize>> {
        let positions = ["encoder", "decoder"]
            .map(|stack| (positions_of(stack), vec![self.max_position_embeddings, self.d_model]));
        let bias = (Self::LOGITS_BIAS.to_owned(), vec![1, self.target_vocabulary()]);
        positions.into_iter().chain([bias]).collect()
    }

    /// Tensors of files that are no parameters of their own: copies of the table of words, and what is read where it is there.
    pub(crate) fn others() -> Vec<String> {
        let positions = ["encoder", "decoder"].map(positions_of);
        let tables = COPIES.into_iter().chain([Self::WORDS]).map(str::to_owned);
        let named = tables.chain(positions);
        named.chain([Self::LOGITS_BIAS.to_owned()]).collect()
    }

    /// Names that a published file may have for a tensor, the likeliest first.
    pub(crate) fn spellings(name: &str) -> Vec<String> {
        let mut names = with_and_without(BASE, name);
        if name == Self::WORDS {
            names.extend(COPIES.into_iter().flat_map(|name| with_and_without(BASE, name)));
        }
        names
    }

    /// The activation of feed-forward layers.
    ///
    /// # Errors
    /// When the name is not known.
    pub fn activation(&self) -> Result<Activation, ModelError> {
        activation(&self.activation_function)
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: self.max_position_embeddings,
            padding: self.pad_token_id,
            intermediate_size: self.encoder_ffn_dim,
            sizes: vec![
                ("vocab_size", self.vocab_size),
                ("d_model", self.d_model),
                ("encoder_ffn_dim", self.encoder_ffn_dim),
                ("decoder_ffn_dim", self.decoder_ffn_dim),
                ("max_position_embeddings", self.max_position_embeddings),
            ],
            counts: Vec::new(),
            stacks: vec![
                ("encoder_layers", self.encoder_layers, "encoder.layers."),
                ("decoder_layers", self.decoder_layers, "decoder.layers."),
            ],
            epsilons: Vec::new(),
            divisions: vec![
                ("encoder_attention_heads", self.encoder_attention_heads, "d_model", self.d_model),
                ("decoder_attention_heads", self.decoder_attention_heads, "d_model", self.d_model),
            ],
            activations: vec![&self.activation_function],
        }
    }

    /// Sizes of the encoder's layers.
    pub(super) fn encoder_sizes(&self) -> Result<LayerSizes, ModelError> {
        self.sizes(self.encoder_attention_heads, self.encoder_ffn_dim)
    }

    /// Sizes of the decoder's layers.
    pub(super) fn decoder_sizes(&self) -> Result<LayerSizes, ModelError> {
        self.sizes(self.decoder_attention_heads, self.decoder_ffn_dim)
    }

    fn sizes(&self, heads: usize, intermediate_size: usize) -> Result<LayerSizes, ModelError> {
        Ok(LayerSizes {
            width: self.d_model,
            heads,
            intermediate_size,
            activation: self.activation()?,
            epsilon: Self::EPSILON,
            dropout: self.dropout,
            attention_dropout: 0.0,
            norms: Norms::After,
            biases: Biases::ALL,
        })
    }

    /// The factor on embeddings.
    #[must_use]
    pub fn embedding_scale(&self) -> f32 {
        if self.scale_embedding { (self.d_model as f32).sqrt() } else { 1.0 }
    }

    /// The streams `encoder` and `decoder`.
    #[must_use]
    pub fn outline(&self) -> Outline {
        let stream = |layers, heads| Stream::new(layers, self.d_model, heads);
        let streams = [
            ("encoder".to_owned(), stream(self.encoder_layers, self.encoder_attention_heads)),
            ("decoder".to_owned(), stream(self.decoder_layers, self.decoder_attention_heads)),
            ("cross".to_owned(), stream(self.decoder_layers, self.decoder_attention_heads).without_hidden()),
        ];
        Outline {
            streams: streams.into_iter().collect(),
            classes: self.target_vocabulary(),
            classes_of_tokens: true,
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<serde_json::Value, ModelError> {
        let fixed = serde_json::json!({
            "model_type": "marian",
            "architectures": ["MarianMTModel"],
            "dropout": decimal(self.dropout),
            "attention_dropout": 0.0,
            "activation_dropout": 0.0,
            "encoder_layerdrop": 0.0,
            "decoder_layerdrop": 0.0,
            "bos_token_id": self.eos_token_id,
            "forced_eos_token_id": null,
            "init_std": 0.02,
            "is_encoder_decoder": true,
            "num_hidden_layers": self.encoder_layers,
            "share_encoder_decoder_embeddings": self.tables == WordTables::Shared,
            "tie_word_embeddings": !matches!(self.tables, WordTables::Own { .. }),
            "decoder_vocab_size": self.target_vocabulary(),
            "use_cache": true,
        });
        config_json(self, fixed)
    }
}

/// The name of the table of positions of a stack.
pub(super) fn positions_of(stack: &str) -> String {
    format!("model.{stack}.embed_positions.weight")
}
