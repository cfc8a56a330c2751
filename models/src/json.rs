//! Small files of JSON.

use std::path::Path;

use alambic_files::text::quoted;
use alambic_files::{digests, read};
use serde::de::DeserializeOwned;

use crate::ModelError;

/// Most bytes of a file of settings.
const SETTINGS: u64 = 16 << 20;

/// What a file of settings says.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    digests::check_listed(path)?;
    parse(path, read::text(path, SETTINGS)?.as_bytes())
}

/// What the bytes of a file say; the error names its place, and what the file is if it is no JSON at all.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ModelError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| match read::describe(bytes) {
        Some(what) => ModelError::content(path, format!("this is {what}, and JSON is needed")),
        None => ModelError::content(path, quoted(&error.to_string())),
    })
}
