//! Files of JSON, and what stands in them as a number or as a text.

use alambic_files::text::elided;
use alambic_settings::Location;
use serde::de::{DeserializeOwned, Error, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::{DataError, Fault, Place};
use crate::source::{Extent, TableSource};

/// A file of JSON.
///
/// # Errors
/// Where it cannot be read, or holds something else; with the line.
pub(crate) fn json<T: DeserializeOwned>(location: &Location) -> Result<(TableSource, T), DataError> {
    let source = TableSource::open_lines(location, Extent::Whole)?;
    let bytes = source.bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&source.bytes);
    let value = serde_json::from_slice(bytes).map_err(|error| {
        let fault = Fault::BrokenJson(elided(&error.to_string()));
        DataError::new(Place::line(&source.name, error.line()), fault)
    })?;
    Ok((source, value))
}

/// An id that one file has as a number and another as a text: `12`, `"12"`, `"012"` and `12.0` are one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Id(String);

impl Id {
    /// An id that is written as a text.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let without = if is_number { text.trim_start_matches('0') } else { text };
        Self(if is_number && without.is_empty() { "0".into() } else { without.into() })
    }

    /// The id with zeros before a number of fewer digits.
    pub(super) fn padded(&self, digits: usize) -> String {
        if self.0.bytes().all(|byte| byte.is_ascii_digit()) {
            format!("{:0>digits$}", self.0)
        } else {
            self.0.clone()
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) if !text.trim().is_empty() => Ok(Self::of(&text)),
            Value::Number(number) => match number.as_f64() {
                // As tables of floating-point numbers are written.
                Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < 2f64.powi(53) => {
                    Ok(Self((value as i64).to_string()))
                }
                Some(value) if number.is_f64() => Err(D::Error::invalid_value(Unexpected::Float(value), &ID)),
                _ => Ok(Self(number.to_string())),
            },
            other => Err(D::Error::custom(format!("invalid value: {}, expected {ID}", kind(&other)))),
        }
    }
}

/// What an id is.
const ID: &str = "an id, which is a whole number or a text";

/// A text that may be written as a number: the answer 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Words(pub(crate) String);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(text) => Ok(Self(text)),
            Value::Number(number) => Ok(Self(number.to_string())),
            other => Err(D::Error::custom(format!("invalid value: {}, expected a text", kind(&other)))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "an empty text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_as_number_and_as_text_is_one() {
        let read = |text: &str| serde_json::from_str::<Id>(text).map_err(|error| error.to_string());
        for text in ["12", "\"12\"", "\"0012\"", "12.0", "\" 12 \""] {
            assert_eq!(read(text).unwrap().as_str(), "12", "{text}");
        }
        assert_eq!(read("\"000\"").unwrap().as_str(), "0");
        assert_eq!(read("\"n12\"").unwrap().padded(4), "n12");
        assert_eq!(read("12").unwrap().padded(4), "0012");
        assert_eq!(read("-1").unwrap().as_str(), "-1");
        for text in ["null", "\"\"", "[1]", "1.5", "true"] {
            assert!(read(text).unwrap_err().contains("an id"), "{text}");
        }
    }
}
