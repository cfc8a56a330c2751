//! JSON files: reading them, and making what they hold.

use std::path::Path;

use alambic_files::text::quoted;
use alambic_files::{digests, read};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::ModelError;

/// Most bytes of a file of settings.
const SETTINGS: u64 = 16 << 20;

/// Contents of a JSON file.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, ModelError> {
    digests::check_listed(path)?;
    parse(path, read::text(path, SETTINGS)?.as_bytes())
}

/// The same of a file that a folder may leave out; none where there is none. A folder of its name is none, but a fault.
pub(crate) fn read_if_there<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ModelError> {
    if is_there(path)? { read(path).map(Some) } else { Ok(None) }
}

/// Whether there is anything of this name.
pub(crate) fn is_there(path: &Path) -> Result<bool, ModelError> {
    path.try_exists().map_err(ModelError::file(path))
}

/// Check that boolean keys are not of another type, which would be taken for a key that is not there.
pub(crate) fn check_flags<'k>(json: &Value, keys: impl IntoIterator<Item = &'k str>) -> Result<(), String> {
    let mut keys = keys.into_iter();
    match keys.find(|key| !json[*key].is_null() && !json[*key].is_boolean()) {
        Some(key) => {
            Err(format!("`{}` is {}; it is true or false", quoted(key), quoted(&json[key].to_string())))
        }
        None => Ok(()),
    }
}

/// Check that an object has a value under no other key than these. Another one may change what a model computes.
pub(crate) fn check_keys(json: &Value, known: &[&str]) -> Result<(), String> {
    let set = json.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    match set.map(|(key, _)| key).find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(format!("the key `{}` is not supported; {} are", quoted(key), known.join(", "))),
        None => Ok(()),
    }
}

/// Contents of the bytes of a JSON file; the error names its place, and what the file is if it is no JSON at all.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, ModelError> {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| match read::describe(bytes) {
        Some(what) => ModelError::content(path, format!("this is {what}, and JSON is needed")),
        None => ModelError::content(path, quoted(&error.to_string())),
    })
}

/// A number for a configuration file in as few digits as identify it: 0.1, and not the double next to the `f32`.
pub(crate) fn decimal(number: f32) -> Value {
    number.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// Adds the keys of one JSON object to another.
pub(crate) fn extend_object(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}

/// A configuration as JSON, with further keys or other values for some.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn config_json(config: &impl Serialize, more: Value) -> Result<Value, ModelError> {
    let mut json = serde_json::to_value(config)
        .map_err(|error| ModelError::Configuration(format!("configuration: {error}")))?;
    extend_object(&mut json, more);
    Ok(json)
}
