//! JSON of a tokenizer, and what the tokenizers library makes of it.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::limits::guarded;
use crate::ModelError;

/// The library's tokenizer of what `tokenizer.json` says.
pub(super) fn library(json: &Value) -> Result<tokenizers::Tokenizer, String> {
    // By way of its text: the library's reader borrows from it.
    let text = json.to_string();
    guarded(|| Ok(serde_json::from_str(&text)?))
}

/// Contents of a tokenizer's file.
pub(super) fn parsed<T: DeserializeOwned>(json: &[u8]) -> Result<T, ModelError> {
    serde_json::from_slice(json).map_err(|error| ModelError::Tokenizer(error.to_string()))
}
