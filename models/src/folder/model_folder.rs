//! The folder of a model: where its files lie, and its configuration as JSON.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use alambic_files::read;
use alambic_files::text::quoted;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::modules;
use crate::{ModelError, json};

/// Folders of models that an error names.
const MOST_NAMED: usize = 5;

/// The longest configuration of an adapter that is read.
const LONGEST: u64 = 16 << 20;

/// A folder with `config.json`, weights and, for text, `tokenizer.json`.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    root: PathBuf,
    path: PathBuf,
    config: Value,
}

impl ModelFolder {
    /// Opens a folder and reads its configuration, which in older folders of sentence-transformers lies in one within it.
    ///
    /// # Errors
    /// When it is no folder, there is no `config.json`, or it is not JSON; when the folder is that of an adapter.
    pub fn open(root: &Path) -> Result<Self, ModelError> {
        check_place(root)?;
        let path = modules::transformer(root)?;
        let file = path.join("config.json");
        refuse_adapter(&path)?;
        let config: Value = match json::read_if_there(&file)? {
            Some(config) => config,
            // sentence-transformers writes none for static embeddings.
            None if modules::is_static(root)? => json!({ "model_type": "model2vec" }),
            None => return Err(no_config(&file, root)),
        };
        if !config.is_object() {
            return Err(ModelError::content(
                &file,
                "this is no object of keys and values, as a configuration is",
            ));
        }
        Ok(Self { root: root.to_owned(), path, config })
    }

    /// A folder of which only the weights are read.
    pub(super) fn of_weights(path: PathBuf) -> Self {
        Self { root: path.clone(), path, config: Value::Null }
    }

    /// The same folder with the configuration of a part of its model.
    pub(crate) fn with_json(&self, config: Value) -> Self {
        Self { config, ..self.clone() }
    }

    /// Path of the folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of its configuration and its weights, which in older folders of sentence-transformers lie in one within it.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// JSON of `config.json`.
    #[must_use]
    pub fn json(&self) -> &Value {
        &self.config
    }

    /// The `model_type` of the configuration, which names the architecture.
    ///
    /// # Errors
    /// When the configuration has none.
    pub fn model_type(&self) -> Result<&str, ModelError> {
        self.config.get("model_type").and_then(Value::as_str).ok_or_else(|| {
            ModelError::content(
                &self.path.join("config.json"),
                "there is no `model_type`, so the architecture is unknown",
            )
        })
    }

    /// The configuration of an architecture, which must be of type `model_type`.
    ///
    /// # Errors
    /// When the type is another, or a key is missing or has the wrong type.
    pub(crate) fn config<C: DeserializeOwned>(&self, model_type: &str) -> Result<C, ModelError> {
        self.typed_of(model_type, &self.config)
    }

    /// The configuration of an architecture out of `json`, which is made of that of the folder.
    pub(crate) fn typed_of<C: DeserializeOwned>(
        &self,
        model_type: &str,
        json: &Value,
    ) -> Result<C, ModelError> {
        let found = self.model_type()?;
        if found == model_type {
            return self.typed(json);
        }
        let found = quoted(found);
        Err(ModelError::content(
            &self.path.join("config.json"),
            format!("model_type is `{found}`; `{model_type}` is needed here"),
        ))
    }

    /// A size of the configuration, or that which it has where it has no such key.
    ///
    /// # Errors
    /// When its value is no size.
    pub(crate) fn size_or(&self, key: &str, default: usize) -> Result<usize, ModelError> {
        let value = &self.config[key];
        match value.as_u64() {
            _ if value.is_null() => Ok(default),
            Some(size) if size > 0 && i32::try_from(size).is_ok() => Ok(size as usize),
            _ => Err(ModelError::content(
                &self.path.join("config.json"),
                format!("`{key}` is {}; it is a positive whole number", quoted(&value.to_string())),
            )),
        }
    }

    /// A configuration out of `json`, which is made of that of the folder, whatever its type.
    pub(crate) fn typed<C: DeserializeOwned>(&self, json: &Value) -> Result<C, ModelError> {
        serde_json::from_value(json.clone()).map_err(|error| {
            let message = error.to_string();
            // The library does not say which key it is about: the one that fails so by itself.
            let same = |key: &str, value: &Value| {
                let alone = Value::Object([(key.to_owned(), value.clone())].into_iter().collect());
                serde_json::from_value::<C>(alone).is_err_and(|error| error.to_string() == message)
            };
            let missing = message.starts_with("missing field");
            let key = json
                .as_object()
                .and_then(|object| object.iter().find(|(key, value)| !missing && same(key, value)));
            let key = key.map_or_else(String::new, |(key, _)| format!("`{}`: ", quoted(key)));
            ModelError::content(&self.path.join("config.json"), format!("{key}{}", quoted(&message)))
        })
    }
}

/// Check that there is a folder in a place where a model is looked for.
fn check_place(root: &Path) -> Result<(), ModelError> {
    let needed = "a model is named by the folder that holds its `config.json` and its weights";
    match std::fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(ModelError::content(root, format!("this is a file, and {needed}"))),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(ModelError::content(root, format!("there is no such folder; {needed}")))
        }
        Err(error) => Err(ModelError::file(root)(error)),
    }
}

/// The error that a folder is no model's, and which ones within it are.
fn no_config(file: &Path, root: &Path) -> ModelError {
    let entries = std::fs::read_dir(root).into_iter().flatten().flatten();
    let mut within: Vec<String> = entries
        .filter(|entry| entry.path().join("config.json").is_file())
        .map(|entry| format!("`{}`", quoted(&entry.file_name().to_string_lossy())))
        .collect();
    within.sort();
    within.truncate(MOST_NAMED);
    let more = match within.as_slice() {
        [] => String::new(),
        within => format!("; folders within it that have one: {}", within.join(", ")),
    };
    let message = format!("there is no such file, so this is no folder of a model{more}");
    ModelError::content(file, message)
}

/// Check that a folder is not that of an adapter, whose weights are only what is added to those of another model.
fn refuse_adapter(path: &Path) -> Result<(), ModelError> {
    let file = path.join("adapter_config.json");
    if !json::is_there(&file)? {
        return Ok(());
    }
    let json: Value = serde_json::from_str(&read::text(&file, LONGEST)?).unwrap_or_default();
    let value = |key: &str| json[key].as_str().map(quoted);
    let kind = value("peft_type").map_or_else(String::new, |kind| format!(" ({kind})"));
    let base = value("base_model_name_or_path")
        .map_or_else(|| "another model".to_owned(), |base| format!("`{base}`"));
    Err(ModelError::content(
        &file,
        format!(
            "this is the folder of an adapter{kind} to {base}, not of a model: merge it into that model first (PEFT's \
             `merge_and_unload`), and name the folder to which the merged model is saved"
        ),
    ))
}
