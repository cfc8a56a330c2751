//! One vector for a whole text, as sentence-transformers has it.

use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::ops::masked_mean;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{ModelError, ModelFolder, Tokens};

/// Which token states make the vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gathering {
    /// The mean over the tokens of the text.
    Mean,
    /// The first token.
    First,
}

/// How the last hidden states of a text become one vector, the tap `embedding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling {
    /// Which states.
    pub gathering: Gathering,
    /// Whether the vector is brought to length one.
    pub normalise: bool,
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

    /// The vectors `[batch, width]` of hidden states `[batch, length, width]`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn apply(&self, hidden: &Tensor, tokens: &Tokens) -> Result<Tensor, ModelError> {
        let vectors = match self.gathering {
            Gathering::First => hidden.narrow(1, 0, 1)?.squeeze(1)?,
            Gathering::Mean => masked_mean(hidden, &tokens.mask)?,
        };
        if !self.normalise {
            return Ok(vectors);
        }
        let lengths = vectors.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?.maximum(1e-12)?;
        Ok(vectors.broadcast_div(&lengths)?)
    }

    /// The files that make a folder a sentence-transformers model, by their path in it.
    #[must_use]
    pub fn files(&self, width: usize, longest: usize) -> Vec<(&'static str, Value)> {
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

fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> Result<T, ModelError> {
    let text = std::fs::read_to_string(path).map_err(ModelError::file(path))?;
    serde_json::from_str(&text).map_err(|error| ModelError::content(path, error))
}
