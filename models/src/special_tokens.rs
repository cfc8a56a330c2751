//! Tokens of the vocabulary that writing needs.

use serde_json::{Value, json};

use crate::{ModelError, ModelFolder, Tokenizer};

/// Tokens with which a BERT that writes begins and ends, and that stands for one to be written: `[CLS]`, `[SEP]` and `[MASK]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialTokens {
    /// The token before what is written.
    pub start: u32,
    /// The token behind what is written.
    pub end: u32,
    /// The token in whose place one is to be written.
    pub mask: u32,
}

impl Default for SpecialTokens {
    /// Those of BERT's published vocabularies.
    fn default() -> Self {
        Self { start: 101, end: 102, mask: 103 }
    }
}

impl SpecialTokens {
    /// Those that a configuration names, or else those of the folder's vocabulary; without a tokenizer those of BERT's.
    ///
    /// # Errors
    /// When the configuration names one that is none of the vocabulary.
    pub(crate) fn open(folder: &ModelFolder, vocabulary: usize) -> Result<Self, ModelError> {
        let json = folder.json();
        let named = |key: &str| match &json[key] {
            Value::Null => Ok(None),
            value => value
                .as_u64()
                .and_then(|id| u32::try_from(id).ok())
                .filter(|&id| (id as usize) < vocabulary)
                .map(Some)
                .ok_or_else(|| {
                    let message =
                        format!("`{key}` is {value}, and no token of the {vocabulary} of the vocabulary");
                    ModelError::content(&folder.path().join("config.json"), message)
                }),
        };
        let [start, end, mask] = ["cls_token_id", "sep_token_id", "mask_token_id"].map(named);
        let (start, end, mask) = (start?, end?, mask?);
        // A tokenizer takes a while to read.
        let is_whole = start.is_some() && end.is_some() && mask.is_some();
        let tokenizer = if is_whole { None } else { folder.tokenizer().ok() };
        let usual = tokenizer.map_or_else(|| Ok(Self::default()), |tokenizer| Self::of(&tokenizer))?;
        Ok(Self {
            start: start.unwrap_or(usual.start),
            end: end.unwrap_or(usual.end),
            mask: mask.unwrap_or(usual.mask),
        })
    }

    /// Keys of `config.json`; none where they are no tokens of a vocabulary of so many, since a model was read without it.
    pub(crate) fn to_json(self, vocabulary: usize) -> Value {
        let Self { start, end, mask } = self;
        if [start, end, mask].iter().all(|&id| (id as usize) < vocabulary) {
            json!({ "cls_token_id": start, "sep_token_id": end, "mask_token_id": mask })
        } else {
            json!({})
        }
    }

    /// Those of a vocabulary: what stands before and behind a text, and its mask.
    ///
    /// # Errors
    /// When the tokenizer fails, or puts nothing around a text.
    pub fn of(tokenizer: &Tokenizer) -> Result<Self, ModelError> {
        let ids = tokenizer.encode_text("", None)?.ids;
        let none = || ModelError::Tokenizer("the vocabulary puts no token around a text".into());
        Ok(Self {
            start: *ids.first().ok_or_else(none)?,
            end: *ids.last().ok_or_else(none)?,
            // Training to write asks the vocabulary for a mask, and fails where it has none.
            mask: tokenizer.mask().unwrap_or(Self::default().mask),
        })
    }
}
