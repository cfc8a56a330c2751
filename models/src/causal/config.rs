//! Configuration files of decoder-only transformers.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::rotation::RotaryScaling;
use crate::config_summary::ConfigSummary;
use crate::json::{decimal, extend_object};
use crate::text_encoder::Pooling;
use crate::{ModelError, ModelFolder, Outline, Stream};

/// Family of decoder-only transformers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CausalFamily {
    /// GPT-2: learned positions, layer norms, biases (Radford et al., 2019).
    Gpt2,
    /// Llama: rotary positions, norms by the root mean square, gates (Touvron et al., 2023).
    Llama,
    /// Mistral: Llama under another name, as far as all tokens are seen (Jiang et al., 2023).
    Mistral,
    /// Qwen2: Llama with biases of queries, keys and values (Yang et al., 2024).
    Qwen2,
    /// Qwen3: Llama with norms of queries and keys (Yang et al., 2025).
    Qwen3,
}

impl CausalFamily {
    /// All, each with its `model_type` and the prefix of transformers' classes.
    const ALL: [(Self, &'static str, &'static str); 5] = [
        (Self::Gpt2, "gpt2", "GPT2"),
        (Self::Llama, "llama", "Llama"),
        (Self::Mistral, "mistral", "Mistral"),
        (Self::Qwen2, "qwen2", "Qwen2"),
        (Self::Qwen3, "qwen3", "Qwen3"),
    ];

    /// The values of `model_type`.
    pub(super) const MODEL_TYPES: [&'static str; 5] = ["gpt2", "llama", "mistral", "qwen2", "qwen3"];

    pub(super) fn of(model_type: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, own, _)| *own == model_type).map(|(family, ..)| *family)
    }

    fn entry(self) -> (&'static str, &'static str) {
        let own = Self::ALL.iter().find(|(family, ..)| *family == self);
        own.map_or(("", ""), |(_, model_type, class)| (*model_type, *class))
    }

    /// The `model_type`.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        self.entry().0
    }

    /// Class of transformers that makes its tokenizer.
    pub(super) fn tokenizer_class(self) -> &'static str {
        match self {
            Self::Gpt2 => "GPT2Tokenizer",
            Self::Llama | Self::Mistral => "LlamaTokenizer",
            Self::Qwen2 | Self::Qwen3 => "Qwen2Tokenizer",
        }
    }
}

/// Configuration of a decoder-only transformer, which reads texts from left to right.
#[derive(Debug, Clone, PartialEq)]
pub struct CausalConfig {
    /// The family.
    pub family: CausalFamily,
    /// Whether there are logits of the vocabulary at every token.
    pub has_output: bool,
    /// Whether the matrix of these is one of its own, and not the table of words.
    pub untied: bool,
    /// Rows of the table of words.
    pub vocabulary: usize,
    /// Width of hidden states.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of queries.
    pub heads: usize,
    /// Heads of keys and values, each of which several heads of queries share.
    pub key_value_heads: usize,
    /// Width of a head.
    pub head_width: usize,
    /// Inner width of the feed-forward sublayers.
    pub intermediate_size: usize,
    /// Activation of the feed-forward sublayers, as transformers names it.
    pub activation: String,
    /// Most tokens of a text.
    pub positions: usize,
    /// Added to the variance, or to the mean square, in norms.
    pub epsilon: f64,
    /// Whether queries, keys and values have biases; and the output of attention.
    pub attention_biases: [bool; 2],
    /// Whether the feed-forward sublayers have biases.
    pub feed_forward_biases: bool,
    /// Rotation of queries and keys; none for learned positions.
    pub rotation: Option<RotaryScaling>,
    /// The padding token.
    pub padding: u32,
    /// Pooling of the last hidden states into the tap `embedding`; none where nothing says so.
    pub pooling: Option<Pooling>,
}

/// Whole numbers of a configuration by their keys.
struct Sizes<'a>(&'a ModelFolder);

impl Sizes<'_> {
    fn get(&self, key: &str, default: usize) -> Result<usize, ModelError> {
        self.0.size_or(key, default)
    }
}

/// Fault of a key that has another value than the only one that is supported, or is left out.
fn fixed(json: &Value, keys: &[(&str, Value)]) -> Option<String> {
    let (key, supported) = keys.iter().find(|(key, supported)| {
        let value = &json[*key];
        !value.is_null() && value != supported
    })?;
    Some(format!("`{key}` is {}; only {supported} is supported", quoted(&json[*key].to_string())))
}

impl CausalConfig {
    /// Reads the configuration of a folder, and its pooling.
    ///
    /// # Errors
    /// When a key has the wrong type, or says what is not supported.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let model_type = folder.model_type()?;
        let family = CausalFamily::of(model_type).ok_or_else(|| {
            fault(format!("model_type is `{model_type}`, which is no decoder-only model here"))
        })?;
        let has_output = match folder.json()["architectures"][0].as_str() {
            None => false,
            Some(name) if name == format!("{}Model", family.entry().1) => false,
            Some(name) if name.ends_with("ForCausalLM") || name.ends_with("LMHeadModel") => true,
            Some(other) => {
                return Err(fault(format!(
                    "architecture `{}` is not supported: a model with the logits of its vocabulary or without a head is",
                    quoted(other)
                )));
            }
        };
        let own = match family {
            CausalFamily::Gpt2 => Self::of_gpt2(folder, has_output)?,
            family => Self::of_llama(folder, family, has_output)?,
        };
        let mut config = Self { pooling: Pooling::open(folder)?, ..own };
        folder.check(&config.summary())?;
        if config.has_output && folder.weight_files().is_ok() {
            let stored = folder.stored()?;
            let output = stored.find(&config.spellings(super::names::OUTPUT));
            let words = stored.find(&config.spellings(&config.word_table()));
            config.untied = match (output, words) {
                (Some(output), Some(words)) => !stored.are_equal(output, words)?,
                (output, _) => output.is_some(),
            };
        }
        Ok(config)
    }

    fn of_gpt2(folder: &ModelFolder, has_output: bool) -> Result<Self, ModelError> {
        let (json, sizes) = (folder.json(), Sizes(folder));
        let supported = [
            ("scale_attn_weights", json!(true)),
            ("scale_attn_by_inverse_layer_idx", json!(false)),
            ("add_cross_attention", json!(false)),
        ];
        if let Some(message) = fixed(json, &supported) {
            return Err(ModelError::content(&folder.path().join("config.json"), message));
        }
        let (width, heads) = (sizes.get("n_embd", 768)?, sizes.get("n_head", 12)?);
        Ok(Self {
            family: CausalFamily::Gpt2,
            has_output,
            untied: false,
            vocabulary: sizes.get("vocab_size", 50_257)?,
            width,
            layers: sizes.get("n_layer", 12)?,
            heads,
            key_value_heads: heads,
            head_width: width / heads.max(1),
            intermediate_size: sizes.get("n_inner", 4 * width)?,
            activation: json["activation_function"].as_str().unwrap_or("gelu_new").to_owned(),
            positions: sizes.get("n_positions", 1024)?,
            epsilon: json["layer_norm_epsilon"].as_f64().unwrap_or(1e-5),
            attention_biases: [true, true],
            feed_forward_biases: true,
            rotation: None,
            padding: padding(json),
            pooling: None,
        })
    }

    fn of_llama(folder: &ModelFolder, family: CausalFamily, has_output: bool) -> Result<Self, ModelError> {
        let (json, sizes) = (folder.json(), Sizes(folder));
        let fault = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        if let Some(message) = fixed(json, &[("use_sliding_window", json!(false))]) {
            return Err(fault(message));
        }
        let is_global = |kind: &Value| kind == "full_attention";
        let is_windowed = json["layer_types"].as_array().is_some_and(|kinds| !kinds.iter().all(is_global))
            || family == CausalFamily::Mistral && !json["sliding_window"].is_null();
        if is_windowed {
            return Err(fault("layers that see a window (sliding_window) are not supported".into()));
        }
        let heads = sizes.get("num_attention_heads", 32)?;
        let width = sizes.get("hidden_size", 4096)?;
        let [vocabulary, inner, positions, head_width] = match family {
            CausalFamily::Qwen2 => [151_936, 22_016, 32_768, width / heads.max(1)],
            CausalFamily::Qwen3 => [151_936, 22_016, 32_768, 128],
            CausalFamily::Mistral => [32_000, 14_336, 131_072, width / heads.max(1)],
            _ => [32_000, 11_008, 2048, width / heads.max(1)],
        };
        let shared = if family == CausalFamily::Mistral { 8 } else { heads };
        let attention_bias = match family {
            CausalFamily::Qwen2 => [true, false],
            _ => [json["attention_bias"] == true; 2],
        };
        let head_width = sizes.get("head_dim", head_width)?;
        Ok(Self {
            family,
            has_output,
            untied: json["tie_word_embeddings"] != true,
            vocabulary: sizes.get("vocab_size", vocabulary)?,
            width,
            layers: sizes.get("num_hidden_layers", 32)?,
            heads,
            key_value_heads: sizes.get("num_key_value_heads", shared)?,
            head_width,
            intermediate_size: sizes.get("intermediate_size", inner)?,
            activation: json["hidden_act"].as_str().unwrap_or("silu").to_owned(),
            positions: sizes.get("max_position_embeddings", positions)?,
            epsilon: json["rms_norm_eps"].as_f64().unwrap_or(1e-6),
            attention_biases: attention_bias,
            feed_forward_biases: json["mlp_bias"] == true,
            rotation: Some(RotaryScaling::read(json).map_err(fault)?),
            padding: padding(json),
            pooling: None,
        })
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        let is_gpt2 = self.family == CausalFamily::Gpt2;
        let [width, layers, stack, heads] = if is_gpt2 {
            ["n_embd", "n_layer", "h.", "n_head"]
        } else {
            ["hidden_size", "num_hidden_layers", "layers.", "num_attention_heads"]
        };
        let mut divisions = vec![("num_key_value_heads", self.key_value_heads, heads, self.heads)];
        if is_gpt2 {
            divisions = vec![(heads, self.heads, width, self.width)];
        }
        ConfigSummary {
            vocabulary: self.vocabulary,
            max_length: self.positions,
            padding: self.padding,
            intermediate_size: self.intermediate_size,
            sizes: vec![
                ("vocab_size", self.vocabulary),
                (width, self.width),
                ("intermediate_size", self.intermediate_size),
                ("max_position_embeddings", self.positions),
                ("head_dim", self.head_width),
            ],
            counts: Vec::new(),
            stacks: vec![(layers, self.layers, stack)],
            divisions,
            epsilons: vec![("rms_norm_eps", self.epsilon)],
            activations: vec![&self.activation],
        }
    }

    /// The only stream, which has no name, and of whose attention nothing is read.
    pub(super) fn outline(&self) -> Outline {
        let mut stream = Stream {
            embedding: self.pooling.as_ref().map(|pooling| pooling.width(self.width)),
            ..Stream::new(self.layers, self.width, self.heads)
        };
        stream.attention = (0, &[]);
        Outline {
            streams: [(String::new(), stream)].into_iter().collect(),
            pooled: Some(self.width),
            classes: if self.has_output { self.vocabulary } else { 0 },
            classes_of_tokens: self.has_output,
            ..Outline::default()
        }
    }

    /// JSON of `config.json`, for transformers to load.
    pub(super) fn to_json(&self) -> Value {
        let (model_type, class) = self.family.entry();
        let head = match (self.family, self.has_output) {
            (_, false) => "Model",
            (CausalFamily::Gpt2, true) => "LMHeadModel",
            (_, true) => "ForCausalLM",
        };
        let mut json = json!({
            "model_type": model_type,
            "architectures": [format!("{class}{head}")],
            "vocab_size": self.vocabulary,
            "pad_token_id": self.padding,
            "tie_word_embeddings": !self.untied,
        });
        let own = match &self.rotation {
            None => json!({
                "n_embd": self.width,
                "n_layer": self.layers,
                "n_head": self.heads,
                "n_inner": self.intermediate_size,
                "n_positions": self.positions,
                "activation_function": self.activation,
                "layer_norm_epsilon": self.epsilon,
                "attn_pdrop": decimal(0.0),
                "embd_pdrop": decimal(0.0),
                "resid_pdrop": decimal(0.0),
            }),
            Some(rotation) => json!({
                "hidden_size": self.width,
                "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads,
                "num_key_value_heads": self.key_value_heads,
                "head_dim": self.head_width,
                "intermediate_size": self.intermediate_size,
                "max_position_embeddings": self.positions,
                "hidden_act": self.activation,
                "rms_norm_eps": self.epsilon,
                "attention_bias": self.attention_biases[1],
                "mlp_bias": self.feed_forward_biases,
                "rope_theta": rotation.base,
                "rope_parameters": rotation.to_json(),
                "sliding_window": Value::Null,
            }),
        };
        extend_object(&mut json, own);
        json
    }
}

/// The padding token; the end where there is none, since what stands behind a text is not seen.
fn padding(json: &Value) -> u32 {
    let of = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    let end = &json["eos_token_id"];
    of(&json["pad_token_id"]).or_else(|| of(end)).or_else(|| of(&end[0])).unwrap_or(0)
}
