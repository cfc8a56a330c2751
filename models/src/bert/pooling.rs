//! One vector for a whole text, as sentence-transformers has it, or by long short-term memory.

use std::path::Path;

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::ops::masked_mean;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::layers::{Recurrent, Shapes, Source};
use crate::{ModelError, ModelFolder, Tokens};

/// Which token states make the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// The mean over the tokens of the text.
    Mean,
    /// The first token.
    First,
    /// What long short-term memory keeps of all tokens (Dadas, 2022): the state behind the last one, and of two layers, of which
    /// one reads backward, also that before the first one. The published code takes the output at the last token of both, where
    /// the backward one has read that token alone.
    Recurrent {
        /// Numbers of a layer's state.
        width: usize,
        /// Whether a second layer reads backward.
        both: bool,
    },
}

/// The key of `config.json` that tells of recurrent pooling, which sentence-transformers has no module for.
const RECURRENT: &str = "recurrent_pooling";

/// What the names of its tensors begin with.
const NAME: &str = "pooling";

/// How the last hidden states of a text become one vector, the tap `embedding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling {
    /// Which states.
    pub gathering: Gathering,
    /// Whether the vector is brought to length one.
    pub normalise: bool,
}

/// The value of [`RECURRENT`].
#[derive(Deserialize)]
struct PublishedRecurrent {
    hidden_size: usize,
    bidirectional: bool,
    normalize: bool,
}

/// `1_Pooling/config.json`.
#[derive(Deserialize)]
struct Published {
    #[serde(rename = "pooling_mode")]
    mode: Option<String>,
    #[serde(rename = "pooling_mode_cls_token", default)]
    first: bool,
    #[serde(rename = "pooling_mode_mean_tokens", default)]
    mean: bool,
}

impl Pooling {
    /// The pooling of a sentence-transformers folder; none where there is no `modules.json`.
    ///
    /// # Errors
    /// When the folder pools in a way that is not known.
    pub fn open(folder: &ModelFolder) -> Result<Option<Self>, ModelError> {
        let recurrent = &folder.json()[RECURRENT];
        if !recurrent.is_null() {
            let path = folder.path().join("config.json");
            let own: PublishedRecurrent = serde_json::from_value(recurrent.clone())
                .map_err(|error| ModelError::content(&path, format!("{RECURRENT}: {error}")))?;
            let gathering = Gathering::Recurrent { width: own.hidden_size, both: own.bidirectional };
            return Ok(Some(Self { gathering, normalise: own.normalize }));
        }
        let path = folder.path().join("modules.json");
        if !path.is_file() {
            return Ok(None);
        }
        let modules: Vec<Value> = read(&path)?;
        let module = |kind: &str| {
            modules.iter().find(|module| {
                module["type"].as_str().is_some_and(|class| class.rsplit('.').next() == Some(kind))
            })
        };
        if let Some(other) = modules.iter().filter_map(|module| module["type"].as_str()).find(|class| {
            !["Transformer", "Pooling", "Normalize"].contains(&class.rsplit('.').next().unwrap_or_default())
        }) {
            return Err(ModelError::content(&path, format!("module `{other}` is not supported")));
        }
        let Some(pooling) = module("Pooling") else { return Ok(None) };
        let path = folder.path().join(pooling["path"].as_str().unwrap_or("1_Pooling")).join("config.json");
        let published: Published = read(&path)?;
        let gathering = match published.mode.as_deref() {
            Some("mean") => Gathering::Mean,
            Some("cls") => Gathering::First,
            None if published.mean => Gathering::Mean,
            None if published.first => Gathering::First,
            _ => {
                return Err(ModelError::content(
                    &path,
                    "this pooling is not supported; pooling_mode_mean_tokens and pooling_mode_cls_token are",
                ));
            }
        };
        Ok(Some(Self { gathering, normalise: module("Normalize").is_some() }))
    }

    /// Numbers of the vector of a text, by those of a token's state.
    #[must_use]
    pub fn width(&self, state: usize) -> usize {
        match self.gathering {
            Gathering::Recurrent { width, both } => {
                if both {
                    2 * width
                } else {
                    width
                }
            }
            Gathering::Mean | Gathering::First => state,
        }
    }

    /// The names of its recurrent layers, that which reads forward first; none where it has none.
    #[must_use]
    pub fn layers(&self) -> Vec<String> {
        match self.gathering {
            Gathering::Recurrent { both, .. } => Recurrent::names(NAME, both),
            Gathering::Mean | Gathering::First => Vec::new(),
        }
    }

    /// Adds its parameters to those of a model.
    pub(super) fn shapes(&self, shapes: &mut Shapes, state: usize) {
        if let Gathering::Recurrent { width, both } = self.gathering {
            Recurrent::shapes(shapes, NAME, state, width, both);
        }
    }

    /// What `config.json` says of it, if that is where it is told of.
    pub(super) fn to_json(self) -> Option<(&'static str, Value)> {
        match self.gathering {
            Gathering::Recurrent { width, both } => Some((
                RECURRENT,
                json!({ "hidden_size": width, "bidirectional": both, "normalize": self.normalise }),
            )),
            Gathering::Mean | Gathering::First => None,
        }
    }

    /// Writes the files that make a folder a sentence-transformers model; none where it has no such pooling.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(&self, folder: &Path, width: usize, longest: usize) -> Result<(), ModelError> {
        for (name, value) in self.files(width, longest) {
            let path = folder.join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(ModelError::file(parent))?;
            }
            std::fs::write(&path, format!("{value:#}\n")).map_err(ModelError::file(&path))?;
        }
        Ok(())
    }

    /// These files, by their path in the folder.
    fn files(&self, width: usize, longest: usize) -> Vec<(&'static str, Value)> {
        if self.to_json().is_some() {
            return Vec::new();
        }
        let module = |index: usize, path: &str, class: &str| {
            json!({
                "idx": index,
                "name": index.to_string(),
                "path": path,
                "type": format!("sentence_transformers.models.{class}"),
            })
        };
        let mut modules = vec![module(0, "", "Transformer"), module(1, "1_Pooling", "Pooling")];
        if self.normalise {
            modules.push(module(2, "2_Normalize", "Normalize"));
        }
        let pooling = json!({
            "word_embedding_dimension": width,
            "pooling_mode_cls_token": self.gathering == Gathering::First,
            "pooling_mode_mean_tokens": self.gathering == Gathering::Mean,
            "pooling_mode_max_tokens": false,
            "pooling_mode_mean_sqrt_len_tokens": false,
        });
        vec![
            ("modules.json", Value::Array(modules)),
            ("1_Pooling/config.json", pooling),
            ("sentence_bert_config.json", json!({ "max_seq_length": longest, "do_lower_case": false })),
        ]
    }
}

/// Pooling over the weights of a model.
#[derive(Debug, Clone)]
pub(super) struct Pooler {
    pooling: Pooling,
    recurrent: Option<Recurrent>,
}

impl Pooler {
    /// Of states of this width.
    pub(super) fn load(source: Source<'_>, pooling: Pooling, state: usize) -> Result<Self, ModelError> {
        let recurrent = match pooling.gathering {
            Gathering::Recurrent { width, both } => Some(Recurrent::load(source, NAME, state, width, both)?),
            Gathering::Mean | Gathering::First => None,
        };
        Ok(Self { pooling, recurrent })
    }

    /// The vectors `[batch, width]` of hidden states `[batch, length, state]`.
    pub(super) fn forward(&self, hidden: &Tensor, tokens: &Tokens) -> Result<Tensor, ModelError> {
        let vectors = match (&self.recurrent, self.pooling.gathering) {
            (Some(recurrent), _) => recurrent.forward(hidden, tokens)?,
            (None, Gathering::First) => hidden.narrow(1, 0, 1)?.squeeze(1)?,
            (None, _) => masked_mean(hidden, &tokens.mask)?,
        };
        if !self.pooling.normalise {
            return Ok(vectors);
        }
        let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
        Ok(vectors.broadcast_div(&lengths)?)
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    let text = std::fs::read_to_string(path).map_err(ModelError::file(path))?;
    serde_json::from_str(&text).map_err(|error| ModelError::content(path, error))
}
