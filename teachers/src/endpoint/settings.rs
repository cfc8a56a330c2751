//! Settings that the answers of a file were made with.

use std::path::{Path, PathBuf};

use alambic_files::text::quoted;
use alambic_files::{FileError, read, write};
use serde_json::{Map, Value, json};

use super::error::{EndpointError, SETTINGS_EXTENSION};
use crate::error::TeacherError;

/// Version of the file's layout.
const VERSION: u64 = 1;

/// Settings that decide what is answered, by their keys. They lie beside the table of answers, as one JSON object in a file
/// whose name ends with `.settings.json`, so that every line of the table is an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AnswerSettings(Map<String, Value>);

impl AnswerSettings {
    pub(crate) fn new(settings: Map<String, Value>) -> Self {
        let mut all = Map::from_iter([("version".to_owned(), json!(VERSION))]);
        all.extend(settings);
        Self(all)
    }

    /// The file beside a table.
    pub(crate) fn path(table: &Path) -> PathBuf {
        let mut name = table.file_name().unwrap_or_default().to_owned();
        name.push(SETTINGS_EXTENSION);
        table.with_file_name(name)
    }

    /// Digest by which tables of ranks are told apart that were made with other settings.
    pub(crate) fn digest(&self) -> String {
        const CHARACTERS: usize = 16;
        let digest = blake3::hash(Value::Object(self.0.clone()).to_string().as_bytes());
        digest.to_hex()[..CHARACTERS].to_owned()
    }

    /// Checks that a table was made with these settings. Whether it has any beside it.
    ///
    /// # Errors
    /// [`EndpointError::Stale`] when it was made with others, and when the file cannot be read.
    pub(crate) fn check(&self, table: &Path) -> Result<bool, TeacherError> {
        let path = Self::path(table);
        if !path.is_file() {
            return Ok(false);
        }
        let failed = |error: serde_json::Error| FileError::content(&path, error);
        let other: Map<String, Value> = serde_json::from_str(&read::state(&path)?).map_err(failed)?;
        match self.difference(&other) {
            None => Ok(true),
            Some(part) => {
                let shown = |settings: &Map<String, Value>| {
                    quoted(&settings.get(part).unwrap_or(&Value::Null).to_string())
                };
                let (was, now) = (shown(&other), shown(&self.0));
                Err(EndpointError::Stale { path: table.to_owned(), part: part.to_owned(), was, now }.into())
            }
        }
    }

    /// The first key whose value differs; one that is missing is null.
    fn difference<'a>(&'a self, other: &'a Map<String, Value>) -> Option<&'a str> {
        let value = |settings: &'a Map<String, Value>, key: &str| settings.get(key).unwrap_or(&Value::Null);
        let mut keys = self.0.keys().chain(other.keys());
        keys.find(|key| value(&self.0, key) != value(other, key)).map(String::as_str)
    }

    /// Writes them beside a table.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn write(&self, table: &Path) -> Result<(), FileError> {
        let text = format!("{:#}\n", Value::Object(self.0.clone()));
        write::write(&Self::path(table), text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, Value)]) -> AnswerSettings {
        AnswerSettings::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
    }

    #[test]
    fn changed_part_is_named_with_both_values() {
        let folder = tempfile::tempdir().unwrap();
        let table = folder.path().join("answers.jsonl");
        let made = settings(&[("model", json!("m")), ("prompt", json!("{text}?")), ("seed", json!(null))]);
        assert!(!made.check(&table).unwrap());
        made.write(&table).unwrap();
        assert!(made.check(&table).unwrap());
        // A key that was not there is the same as one without a value.
        assert!(settings(&[("model", json!("m")), ("prompt", json!("{text}?"))]).check(&table).unwrap());
        let error =
            settings(&[("model", json!("m")), ("prompt", json!("{text}!"))]).check(&table).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("another `prompt` (\"{text}?\"; now \"{text}!\")"), "{said}");
        let error = settings(&[("model", json!("m")), ("prompt", json!("{text}?")), ("seed", json!(1))]);
        assert!(error.check(&table).unwrap_err().to_string().contains("another `seed` (null; now 1)"));
        assert_ne!(made.digest(), settings(&[]).digest());
    }
}
