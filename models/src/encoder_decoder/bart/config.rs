//! The configuration file of an encoder-decoder in BART's layout.

use alambic_files::text::quoted;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::family::BartFamily;
use super::names::{COPIES, LOGITS_BIAS, WORDS, decoder_layer, encoder_layer, positions_of, spellings};
use super::tables::WordTables;
use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::{Dropouts, Positions, Stack, Structure};
use crate::folder::StoredWeights;
use crate::json::{config_json, decimal, extend_object};
use crate::published::open;
use crate::{ModelError, ModelFolder};

/// Number that is added to the variance in layer norms: PyTorch's default, as no configuration names it.
const EPSILON: f64 = 1e-5;

/// The most positions for which sinusoids are computed, where the file holds no table of them.
const POSITIONS: usize = 1 << 16;

/// `config.json` with the keys that transformers uses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BartConfig {
    /// Family: `model_type`.
    #[serde(skip)]
    pub family: BartFamily,
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
    /// Dropout of attention probabilities while training.
    #[serde(default)]
    pub attention_dropout: f32,
    /// Dropout behind the activation of feed-forward layers while training.
    #[serde(default)]
    pub activation_dropout: f32,
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
    /// Beginning of a sequence; Marian has none.
    #[serde(default)]
    pub bos_token_id: u32,
    /// End of a sequence.
    pub eos_token_id: u32,
    /// First token of the decoder.
    pub decoder_start_token_id: u32,
}

/// A small Marian, to be filled in.
impl Default for BartConfig {
    fn default() -> Self {
        Self {
            family: BartFamily::Marian,
            vocab_size: 0,
            d_model: 256,
            encoder_layers: 3,
            decoder_layers: 3,
            encoder_attention_heads: 4,
            decoder_attention_heads: 4,
            encoder_ffn_dim: 1024,
            decoder_ffn_dim: 1024,
            activation_function: "relu".into(),
            dropout: 0.0,
            attention_dropout: 0.0,
            activation_dropout: 0.0,
            scale_embedding: true,
            tables: WordTables::Shared,
            max_position_embeddings: 64,
            pad_token_id: 0,
            bos_token_id: 0,
            eos_token_id: 0,
            decoder_start_token_id: 0,
        }
    }
}

impl BartConfig {
    /// Reads the configuration of a folder.
    ///
    /// # Errors
    /// When a key is missing or has the wrong type, or tables of words differ that the configuration says to be one.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let refuse = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let model_type = folder.model_type()?;
        let Some(family) = BartFamily::of(model_type) else {
            return Err(refuse(format!(
                "model_type is `{}`; {} are needed here",
                quoted(model_type),
                BartFamily::MODEL_TYPES.join(", ")
            )));
        };
        let mut config: Self = folder.typed_of(model_type, &with_defaults(folder.json(), family))?;
        config.family = family;
        folder.check(&config.summary())?;
        config.check_tokens().map_err(refuse)?;
        config.tables = WordTables::read(folder, config.vocab_size)?;
        let has_tables = || -> Result<bool, ModelError> {
            let stored = folder.stored()?;
            let has = |stack| stored.find(&spellings(&positions_of(stack))).is_some();
            Ok(has("encoder") && has("decoder"))
        };
        if !family.has_learned_positions()
            && config.max_position_embeddings > POSITIONS
            && folder.weight_files().is_ok()
            && (family == BartFamily::M2m100 || !has_tables()?)
        {
            return Err(refuse(format!(
                "max_position_embeddings is {}; without a table of positions the most is {POSITIONS}",
                config.max_position_embeddings
            )));
        }
        Ok(config)
    }

    /// Check that special tokens have rows in the tables of words.
    fn check_tokens(&self) -> Result<(), String> {
        if self.family == BartFamily::Marian {
            return Ok(());
        }
        let tokens = [
            ("pad_token_id", self.pad_token_id),
            ("eos_token_id", self.eos_token_id),
            ("decoder_start_token_id", self.decoder_start_token_id),
        ];
        match tokens.into_iter().find(|(_, id)| *id as usize >= self.vocab_size) {
            Some((key, id)) => {
                Err(format!("{key} is {id}, and vocab_size {}: the token has no embedding", self.vocab_size))
            }
            None => Ok(()),
        }
    }

    /// The weights of a folder under transformers' names, ordered by name: those of the structure, and as far as the file
    /// has them the tables of sinusoids and the bias of the logits.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        let stored: StoredWeights = folder.stored()?;
        let mut shapes = self.structure().shapes();
        let is_there = |name: &String| stored.find(&spellings(name)).is_some();
        shapes.extend(self.optional_shapes().into_iter().filter(|(name, _)| is_there(name)));
        let mut weights = open(folder, &shapes, spellings)?;
        weights.sort_unstable_keys();
        Ok(weights)
    }

    /// Name and shape of the tables of sinusoids and of the bias of the logits, which files need not have.
    pub(super) fn optional_shapes(&self) -> IndexMap<String, Vec<usize>> {
        let positions = match self.family {
            BartFamily::Marian => ["encoder", "decoder"].map(positions_of).to_vec(),
            _ => Vec::new(),
        };
        let table = vec![self.max_position_embeddings, self.d_model];
        let bias =
            self.logits_bias().map(|name| (name.to_owned(), vec![1, self.tables.target(self.vocab_size)]));
        positions.into_iter().map(|name| (name, table.clone())).chain(bias).collect()
    }

    fn logits_bias(&self) -> Option<&'static str> {
        (self.family != BartFamily::M2m100).then_some(LOGITS_BIAS)
    }

    /// Tensors of files that are no parameters of their own: copies of the table of words, and what is read where it is there.
    pub(super) fn others() -> Vec<String> {
        let positions = ["encoder", "decoder"].map(positions_of);
        let tables = COPIES.into_iter().chain([WORDS]).map(str::to_owned);
        let older = ["encoder", "decoder"].into_iter().flat_map(|stack| {
            ["version", "embed_positions.weights"].map(|part| format!("model.{stack}.{part}"))
        });
        tables.chain(positions).chain(older).chain([LOGITS_BIAS.to_owned()]).collect()
    }

    pub(super) fn summary(&self) -> ConfigSummary<'_> {
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

    /// What the network is made by.
    #[must_use]
    pub fn structure(&self) -> Structure {
        let part = |has_it: bool, stack: &str, part: &str| has_it.then(|| format!("model.{stack}.{part}"));
        let embedding_norm = |stack| part(self.family.has_learned_positions(), stack, "layernorm_embedding");
        let last_norm = |stack| part(self.family.is_norm_first(), stack, "layer_norm");
        let names = ["encoder", "decoder"].map(positions_of);
        Structure {
            width: self.d_model,
            head_width: None,
            encoder: Stack {
                layers: (0..self.encoder_layers).map(encoder_layer).collect(),
                heads: self.encoder_attention_heads,
                intermediate_size: self.encoder_ffn_dim,
                embedding_norm: embedding_norm("encoder"),
                last_norm: last_norm("encoder"),
            },
            decoder: Stack {
                layers: (0..self.decoder_layers).map(decoder_layer).collect(),
                heads: self.decoder_attention_heads,
                intermediate_size: self.decoder_ffn_dim,
                embedding_norm: embedding_norm("decoder"),
                last_norm: last_norm("decoder"),
            },
            activation: self.activation_function.clone(),
            epsilon: EPSILON,
            is_norm_first: self.family.is_norm_first(),
            has_root_norms: false,
            has_biases: true,
            is_unscaled: false,
            taps_last_norm: false,
            dropouts: Dropouts {
                hidden: self.dropout,
                attention: self.attention_dropout,
                inner: self.activation_dropout,
                last: 0.0,
            },
            word_tables: self.tables.tables(self.vocab_size),
            logits_bias: self.logits_bias(),
            embedding_scale: if self.scale_embedding { (self.d_model as f32).sqrt() } else { 1.0 },
            output_scale: 1.0,
            positions: match self.family {
                BartFamily::Marian => Positions::Sinusoids(names),
                BartFamily::Bart | BartFamily::Mbart => Positions::Learned(names),
                BartFamily::M2m100 => Positions::Counted { padding: self.pad_token_id },
            },
            max_length: Some(self.max_position_embeddings),
            usual_max_length: self.max_position_embeddings,
            special_tokens: [self.decoder_start_token_id, self.eos_token_id, self.pad_token_id],
        }
    }

    /// JSON of `config.json`, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        let family = self.family;
        let mut fixed = json!({
            "model_type": family.model_type(),
            "architectures": [family.class()],
            "dropout": decimal(self.dropout),
            "attention_dropout": decimal(self.attention_dropout),
            "activation_dropout": decimal(self.activation_dropout),
            "encoder_layerdrop": 0.0,
            "bos_token_id": if family == BartFamily::Marian { self.eos_token_id } else { self.bos_token_id },
            "forced_eos_token_id": family.is_end_forced().then_some(self.eos_token_id),
            "init_std": 0.02,
            "is_encoder_decoder": true,
            "num_hidden_layers": self.encoder_layers,
            "tie_word_embeddings": !matches!(self.tables, WordTables::Own { .. }),
            "use_cache": true,
        });
        let tables = match family {
            BartFamily::Marian => json!({
                "share_encoder_decoder_embeddings": self.tables == WordTables::Shared,
                "decoder_vocab_size": self.tables.target(self.vocab_size),
            }),
            _ => json!({}),
        };
        extend_object(&mut fixed, tables);
        config_json(self, fixed)
    }
}

/// The configuration of a folder with what transformers takes for keys that are not there, and one end of a text where several
/// are named.
fn with_defaults(json: &Value, family: BartFamily) -> Value {
    let mut all = family.defaults();
    if let (Some(all), Some(own)) = (all.as_object_mut(), json.as_object()) {
        // A key without a value is one that is not there.
        let set = own.iter().filter(|(_, value)| !value.is_null());
        all.extend(set.map(|(key, value)| (key.clone(), value.clone())));
    }
    if let Some(first) = all["eos_token_id"].as_array().and_then(|all| all.first().cloned()) {
        all["eos_token_id"] = first;
    }
    if family != BartFamily::Marian && all["decoder_start_token_id"].is_null() {
        all["decoder_start_token_id"] = all["eos_token_id"].clone();
    }
    all
}
