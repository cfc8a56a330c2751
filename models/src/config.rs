//! The configuration of a model of any architecture.

use alambic_tensor::Streams;
use alambic_tensor::parameters::Weights;
use indexmap::IndexMap;
use serde_json::Value;

use crate::bert::{Bert, BertConfig, Family};
use crate::marian::{Marian, MarianConfig};
use crate::{ModelError, ModelFolder, Outline};

/// A configuration, by its architecture.
#[derive(Debug, Clone, PartialEq)]
pub enum Config {
    /// An encoder-decoder in Marian's layout.
    Marian(MarianConfig),
    /// A text encoder of BERT's family.
    Bert(BertConfig),
}

impl From<MarianConfig> for Config {
    fn from(config: MarianConfig) -> Self {
        Self::Marian(config)
    }
}

impl From<BertConfig> for Config {
    fn from(config: BertConfig) -> Self {
        Self::Bert(config)
    }
}

impl Config {
    /// Reads the configuration of a folder; of its weights no more than the head.
    ///
    /// # Errors
    /// When the configuration is broken or the architecture is not known.
    pub fn open(folder: &ModelFolder) -> Result<Self, ModelError> {
        match folder.model_type()? {
            "marian" => Ok(Self::Marian(folder.config("marian")?)),
            other if Family::of(other).is_some() => Ok(Self::Bert(BertConfig::open(folder)?)),
            other => Err(ModelError::content(
                &folder.path().join("config.json"),
                format!(
                    "model_type is `{other}`; known are bert, roberta, xlm-roberta, distilbert and marian"
                ),
            )),
        }
    }

    /// The weights of a folder of this configuration, under transformers' names.
    ///
    /// # Errors
    /// When a file is missing or broken, or the weights lack a tensor.
    pub fn weights(&self, folder: &ModelFolder) -> Result<Weights, ModelError> {
        match self {
            Self::Marian(_) => folder.weights(),
            Self::Bert(config) => config.weights(folder),
        }
    }

    /// Initial weights, drawn from the streams of a seed.
    ///
    /// # Errors
    /// When a tensor cannot be made.
    pub fn initial_weights(&self, streams: &Streams) -> Result<Weights, ModelError> {
        match self {
            Self::Marian(config) => Marian::initial_weights(config, streams),
            Self::Bert(config) => Bert::initial_weights(config, streams),
        }
    }

    /// Streams, heads and widths.
    #[must_use]
    pub fn outline(&self) -> Outline {
        match self {
            Self::Marian(config) => config.outline(),
            Self::Bert(config) => config.outline(),
        }
    }

    /// Name and shape of every parameter, in the order in which they are initialised.
    #[must_use]
    pub fn shapes(&self) -> IndexMap<String, Vec<usize>> {
        match self {
            Self::Marian(config) => config.shapes(),
            Self::Bert(config) => config.shapes(),
        }
    }

    /// Where the tensors of a file are not those of the configuration, in words; `found` holds names and shapes.
    #[must_use]
    pub fn misfits(&self, found: &IndexMap<String, Vec<usize>>) -> Vec<String> {
        let misfit = |(name, shape): (String, Vec<usize>)| {
            let stored = match self {
                Self::Marian(_) => Some(name.clone()).filter(|name| found.contains_key(name)),
                Self::Bert(config) => config.stored_name(&name, |other| found.contains_key(other)),
            };
            match stored.and_then(|stored| found.get(&stored)) {
                None => Some(format!("there is no tensor `{name}`")),
                Some(found) if *found != shape => Some(format!(
                    "tensor `{name}` has shape {found:?}, and the configuration asks for {shape:?}"
                )),
                Some(_) => None,
            }
        };
        self.shapes().into_iter().filter_map(misfit).collect()
    }

    /// What is wrong with the configuration on its own, in words.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let (heads, width, activation): (Vec<(&str, usize)>, (&str, usize), _) = match self {
            Self::Marian(config) => (
                vec![
                    ("encoder_attention_heads", config.encoder_attention_heads),
                    ("decoder_attention_heads", config.decoder_attention_heads),
                ],
                ("d_model", config.d_model),
                config.activation(),
            ),
            Self::Bert(config) => (
                vec![("num_attention_heads", config.heads)],
                ("hidden_size", config.width),
                config.activation(),
            ),
        };
        let heads = heads.into_iter().filter(|(_, heads)| *heads == 0 || !width.1.is_multiple_of(*heads));
        let heads = heads
            .map(|(key, heads)| format!("{key} is {heads}, which does not divide {}, {}", width.0, width.1));
        heads.chain(activation.err().map(|error| error.to_string())).collect()
    }

    /// How many parameters there are.
    #[must_use]
    pub fn parameters(&self) -> usize {
        self.shapes().values().map(|shape| shape.iter().product::<usize>()).sum()
    }

    /// Rows of the embedding table.
    #[must_use]
    pub fn vocabulary(&self) -> usize {
        match self {
            Self::Marian(config) => config.vocab_size,
            Self::Bert(config) => config.vocabulary,
        }
    }

    /// The most tokens of a text.
    #[must_use]
    pub fn longest(&self) -> usize {
        match self {
            Self::Marian(config) => config.max_position_embeddings,
            Self::Bert(config) => config.longest(),
        }
    }

    /// The padding token.
    #[must_use]
    pub fn padding(&self) -> u32 {
        match self {
            Self::Marian(config) => config.pad_token_id,
            Self::Bert(config) => config.padding,
        }
    }

    /// What `config.json` holds, for transformers to load.
    ///
    /// # Errors
    /// When the configuration cannot be written as JSON.
    pub fn to_json(&self) -> Result<Value, ModelError> {
        match self {
            Self::Marian(config) => config.to_json(),
            Self::Bert(config) => Ok(config.to_json()),
        }
    }

    /// The configuration of an encoder-decoder.
    ///
    /// # Errors
    /// When it is that of another architecture.
    pub fn marian(&self) -> Result<&MarianConfig, ModelError> {
        match self {
            Self::Marian(config) => Ok(config),
            Self::Bert(config) => Err(ModelError::Configuration(format!(
                "a model that writes text is needed here, and a {} only reads it",
                config.family.model_type()
            ))),
        }
    }

    /// The configuration of a text encoder.
    ///
    /// # Errors
    /// When it is that of another architecture.
    pub fn bert(&self) -> Result<&BertConfig, ModelError> {
        match self {
            Self::Bert(config) => Ok(config),
            Self::Marian(_) => Err(ModelError::Configuration(
                "a text encoder is needed here, and a marian is an encoder-decoder".into(),
            )),
        }
    }
}
