//! The configuration file of an encoder-decoder in T5's layout.

use alambic_files::text::quoted;
use serde_json::{Value, json};

use crate::config_summary::ConfigSummary;
use crate::encoder_decoder::{Dropouts, Positions, Stack, Structure, WordTable};
use crate::json::{check_flags, decimal};
use crate::layers::RelativeBuckets;
use crate::{ModelError, ModelFolder};

/// Most tokens of a text where a configuration does not say it: those that T5 was trained with. Positions set no limit.
const USUAL_LENGTH: usize = 512;

/// The greatest distance that may have a bucket of its own; published models have 128.
const MAX_DISTANCE: usize = 1 << 16;

/// Family of encoder-decoders in T5's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum T5Family {
    /// T5, versions 1.0 and 1.1.
    T5,
    /// mT5.
    Mt5,
}

impl T5Family {
    /// The values of `model_type`.
    pub(super) const MODEL_TYPES: [&'static str; 2] = ["t5", "mt5"];

    fn of(model_type: &str) -> Option<Self> {
        [Self::T5, Self::Mt5].into_iter().find(|family| family.model_type() == model_type)
    }

    /// The `model_type` of a configuration.
    #[must_use]
    pub fn model_type(self) -> &'static str {
        Self::MODEL_TYPES[self as usize]
    }
}

/// Configuration of an encoder-decoder in T5's layout.
#[derive(Debug, Clone, PartialEq)]
pub struct T5Config {
    /// Family: `model_type`.
    pub family: T5Family,
    /// Rows of the table of words.
    pub vocab_size: usize,
    /// Width of hidden states.
    pub d_model: usize,
    /// Width of a head.
    pub d_kv: usize,
    /// Inner width of feed-forward layers.
    pub d_ff: usize,
    /// Layers of the encoder.
    pub num_layers: usize,
    /// Layers of the decoder.
    pub num_decoder_layers: usize,
    /// Attention heads of both.
    pub num_heads: usize,
    /// Buckets of distances.
    pub relative_attention_num_buckets: usize,
    /// Distance from which on all are in the last bucket.
    pub relative_attention_max_distance: usize,
    /// Activation of feed-forward layers, as transformers calls it.
    pub activation: String,
    /// Whether feed-forward layers are gated.
    pub is_gated: bool,
    /// Dropout while training.
    pub dropout_rate: f32,
    /// Number that is added to the mean square in norms.
    pub layer_norm_epsilon: f64,
    /// Whether the logits have a matrix of their own.
    pub is_untied: bool,
    /// Whether the last state of the decoder is multiplied by `d_model^-0.5` before the logits.
    pub scale_decoder_outputs: bool,
    /// Most tokens of a text that pipelines give the model; its positions set no limit.
    pub n_positions: usize,
    /// Padding token.
    pub pad_token_id: u32,
    /// End of a sequence.
    pub eos_token_id: u32,
    /// First token of the decoder.
    pub decoder_start_token_id: u32,
}

impl T5Config {
    /// Reads the configuration of a folder, and whether its weights have a matrix of the logits.
    ///
    /// # Errors
    /// When a key has the wrong type, or says what is not supported; when copies of the table of words differ.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        Self::open_within(folder, "")
    }

    /// Reads the configuration of a folder whose tensors have `prefix` before their names.
    pub(crate) fn open_within(folder: &ModelFolder, prefix: &str) -> Result<Self, ModelError> {
        let json = folder.json();
        let refuse = |message: String| ModelError::content(&folder.path().join("config.json"), message);
        let model_type = folder.model_type()?;
        let family = T5Family::of(model_type).ok_or_else(|| {
            refuse(format!(
                "model_type is `{}`; {} are needed here",
                quoted(model_type),
                T5Family::MODEL_TYPES.join(", ")
            ))
        })?;
        check_flags(json, ["tie_word_embeddings", "scale_decoder_outputs"]).map_err(refuse)?;
        let is_mt5 = family == T5Family::Mt5;
        let [vocabulary, inner, layers, heads] =
            if is_mt5 { [250_112, 1024, 8, 6] } else { [32_128, 2048, 6, 8] };
        let num_layers = folder.size_or("num_layers", layers)?;
        let usual = if is_mt5 { "gated-gelu" } else { "relu" };
        let (activation, is_gated) = projection(&json["feed_forward_proj"], usual).map_err(refuse)?;
        let number = |key: &str, usual: f64| match &json[key] {
            Value::Null => Ok(usual),
            value => value
                .as_f64()
                .ok_or_else(|| refuse(format!("`{key}` is {}; it is a number", quoted(&value.to_string())))),
        };
        let token = |key: &str, usual: u32| match &json[key] {
            Value::Null => Ok(usual),
            value => {
                [value, &value[0]].into_iter().find_map(|id| u32::try_from(id.as_u64()?).ok()).ok_or_else(
                    || refuse(format!("`{key}` is {}; it is the id of a token", quoted(&value.to_string()))),
                )
            }
        };
        let pad_token_id = token("pad_token_id", 0)?;
        let scale = match json["scale_decoder_outputs"].as_bool() {
            Some(scale) => scale,
            None => json["tie_word_embeddings"] != false,
        };
        let mut config = Self {
            family,
            vocab_size: folder.size_or("vocab_size", vocabulary)?,
            d_model: folder.size_or("d_model", 512)?,
            d_kv: folder.size_or("d_kv", 64)?,
            d_ff: folder.size_or("d_ff", inner)?,
            num_layers,
            num_decoder_layers: folder.size_or("num_decoder_layers", num_layers)?,
            num_heads: folder.size_or("num_heads", heads)?,
            relative_attention_num_buckets: folder.size_or("relative_attention_num_buckets", 32)?,
            relative_attention_max_distance: folder.size_or("relative_attention_max_distance", 128)?,
            activation,
            is_gated,
            dropout_rate: number("dropout_rate", 0.1)? as f32,
            layer_norm_epsilon: number("layer_norm_epsilon", 1e-6)?,
            is_untied: false,
            scale_decoder_outputs: scale && !is_mt5,
            n_positions: folder.size_or("n_positions", USUAL_LENGTH)?,
            pad_token_id,
            eos_token_id: token("eos_token_id", 1)?,
            decoder_start_token_id: token("decoder_start_token_id", pad_token_id)?,
        };
        folder.check(&config.summary())?;
        config.check().map_err(refuse)?;
        config.read_tables(folder, prefix)?;
        Ok(config)
    }

    /// Check what the summary does not.
    fn check(&self) -> Result<(), String> {
        let (count, distance) = (self.relative_attention_num_buckets, self.relative_attention_max_distance);
        if count < 4 || !count.is_multiple_of(2) {
            return Err(format!("relative_attention_num_buckets is {count}; it is an even number from 4 on"));
        }
        if distance > MAX_DISTANCE {
            return Err(format!("relative_attention_max_distance is {distance}; the most is {MAX_DISTANCE}"));
        }
        if distance <= count / 2 {
            return Err(format!(
                "relative_attention_max_distance is {distance}; with {count} buckets it is greater than {}",
                count / 2
            ));
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

    /// Finds out whether the logits have a matrix of their own, which the weights say and not the configuration.
    fn read_tables(&mut self, folder: &ModelFolder, prefix: &str) -> Result<(), ModelError> {
        if folder.weight_files().is_err() {
            self.is_untied = folder.json()["tie_word_embeddings"] == false;
            return Ok(());
        }
        let stored = folder.stored()?;
        let named = |name: &str| format!("{prefix}{name}");
        let words: Vec<String> = Self::spellings(Self::WORDS).iter().map(|name| named(name)).collect();
        let Some(words) = stored.find(&words) else { return Ok(()) };
        for copy in Self::COPIES {
            let Some(copy) = stored.find(&[named(copy)]).filter(|copy| *copy != words) else { continue };
            if !stored.are_equal(words, copy)? {
                return Err(
                    stored.fault(copy, format!("it differs from `{words}`; T5 has one table of words"))
                );
            }
        }
        self.is_untied = match stored.find(&[named(Self::OUTPUT)]) {
            Some(output) => !stored.are_equal(words, output)?,
            None => false,
        };
        Ok(())
    }

    pub(crate) fn summary(&self) -> ConfigSummary<'_> {
        ConfigSummary {
            vocabulary: self.vocab_size,
            max_length: self.n_positions,
            padding: self.pad_token_id,
            intermediate_size: self.d_ff,
            sizes: vec![
                ("vocab_size", self.vocab_size),
                ("d_model", self.d_model),
                ("d_kv", self.d_kv),
                ("d_ff", self.d_ff),
                ("num_heads", self.num_heads),
                ("n_positions", self.n_positions),
            ],
            counts: Vec::new(),
            stacks: vec![
                ("num_layers", self.num_layers, "encoder.block."),
                ("num_decoder_layers", self.num_decoder_layers, "decoder.block."),
            ],
            epsilons: vec![("layer_norm_epsilon", self.layer_norm_epsilon)],
            divisions: Vec::new(),
            activations: vec![&self.activation],
        }
    }

    /// What the network is made by.
    #[must_use]
    pub fn structure(&self) -> Structure {
        let words = WordTable { name: Self::WORDS, rows: self.vocab_size };
        let output = if self.is_untied { WordTable { name: Self::OUTPUT, ..words } } else { words };
        let last_norm = |stack: &str| Some(format!("{stack}.final_layer_norm"));
        Structure {
            width: self.d_model,
            head_width: Some(self.d_kv),
            encoder: Stack {
                layers: (0..self.num_layers).map(|index| self.encoder_layer(index)).collect(),
                heads: self.num_heads,
                intermediate_size: self.d_ff,
                embedding_norm: None,
                last_norm: last_norm("encoder"),
            },
            decoder: Stack {
                layers: (0..self.num_decoder_layers).map(|index| self.decoder_layer(index)).collect(),
                heads: self.num_heads,
                intermediate_size: self.d_ff,
                embedding_norm: None,
                last_norm: last_norm("decoder"),
            },
            activation: self.activation.clone(),
            epsilon: self.layer_norm_epsilon,
            is_norm_first: true,
            has_root_norms: true,
            has_biases: false,
            is_unscaled: true,
            taps_last_norm: true,
            dropouts: Dropouts {
                hidden: self.dropout_rate,
                attention: self.dropout_rate,
                inner: self.dropout_rate,
                last: self.dropout_rate,
            },
            word_tables: [words, words, output],
            logits_bias: None,
            embedding_scale: 1.0,
            output_scale: if self.scale_decoder_outputs { (self.d_model as f32).powf(-0.5) } else { 1.0 },
            positions: Positions::Relative {
                names: ["encoder", "decoder"].map(Self::relative),
                buckets: RelativeBuckets {
                    count: self.relative_attention_num_buckets,
                    max_distance: self.relative_attention_max_distance,
                    is_bidirectional: true,
                },
            },
            max_length: None,
            usual_max_length: self.n_positions,
            special_tokens: [self.decoder_start_token_id, self.eos_token_id, self.pad_token_id],
        }
    }

    /// JSON of `config.json`, for transformers to load.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let class = if self.family == T5Family::Mt5 { "MT5" } else { "T5" };
        let gate = if self.is_gated { "gated-" } else { "" };
        // The one name that means another function.
        let activation = match (self.is_gated, self.activation.as_str()) {
            (true, "gelu_new") => "gelu",
            (_, own) => own,
        };
        let mut json = json!({
            "model_type": self.family.model_type(),
            "architectures": [format!("{class}ForConditionalGeneration")],
            "is_encoder_decoder": true,
            "vocab_size": self.vocab_size,
            "d_model": self.d_model,
            "d_kv": self.d_kv,
            "d_ff": self.d_ff,
            "num_layers": self.num_layers,
            "num_decoder_layers": self.num_decoder_layers,
            "num_heads": self.num_heads,
            "relative_attention_num_buckets": self.relative_attention_num_buckets,
            "relative_attention_max_distance": self.relative_attention_max_distance,
            "feed_forward_proj": format!("{gate}{activation}"),
            "dropout_rate": decimal(self.dropout_rate),
            "layer_norm_epsilon": self.layer_norm_epsilon,
            "initializer_factor": 1.0,
            "n_positions": self.n_positions,
            "tie_word_embeddings": !self.is_untied,
            "pad_token_id": self.pad_token_id,
            "eos_token_id": self.eos_token_id,
            "decoder_start_token_id": self.decoder_start_token_id,
            "use_cache": true,
        });
        if self.family == T5Family::T5 {
            json["scale_decoder_outputs"] = self.scale_decoder_outputs.into();
        }
        json
    }
}

/// Activation, as transformers calls it, and gate of `feed_forward_proj`.
fn projection(value: &Value, usual: &str) -> Result<(String, bool), String> {
    let text = match value {
        Value::Null => usual,
        value => value.as_str().ok_or_else(|| {
            format!(
                "`feed_forward_proj` is {}; it is a name such as `gated-gelu`",
                quoted(&value.to_string())
            )
        })?,
    };
    match text.split_once('-') {
        None => Ok((text.to_owned(), false)),
        Some(("gated", "gelu")) => Ok(("gelu_new".to_owned(), true)),
        Some(("gated", activation)) if !activation.contains('-') => Ok((activation.to_owned(), true)),
        Some(_) => Err(format!(
            "`feed_forward_proj` is `{}`; it is the name of an activation, or `gated-` and one",
            quoted(text)
        )),
    }
}
