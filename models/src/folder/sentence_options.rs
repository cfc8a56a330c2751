//! Options of sentence-transformers, beside those of its modules, that change what a model computes.

use std::path::{Path, PathBuf};

use alambic_files::text::quoted;
use serde_json::{Value, json};

use super::model_folder::ModelFolder;
use crate::{ModelError, json};

/// Names of the file of its Transformer module, which earlier versions chose by the model; the first that is there counts.
pub(crate) const TRANSFORMER: [&str; 7] = [
    "sentence_bert_config.json",
    "sentence_roberta_config.json",
    "sentence_distilbert_config.json",
    "sentence_camembert_config.json",
    "sentence_albert_config.json",
    "sentence_xlm-roberta_config.json",
    "sentence_xlnet_config.json",
];

/// The file of the model as a whole: its prompts, and what is done with its vectors.
pub(crate) const MODEL: &str = "config_sentence_transformers.json";

/// What [`MODEL`] holds of a model that has no prompts, and whose vectors are compared as is usual.
pub(crate) fn usual_model() -> Value {
    json!({ "prompts": {}, "default_prompt_name": null, "similarity_fn_name": "cosine" })
}

/// Keys of [`TRANSFORMER`] that are read with the tokenizer, or change the speed alone.
const READ: [&str; 3] = ["max_seq_length", "do_lower_case", "unpad_inputs"];

/// What the states of tokens are taken of, by the key of [`TRANSFORMER`], where they are pooled.
const POOLED: [(&str, &str); 2] =
    [("transformer_task", "feature-extraction"), ("module_output_name", "token_embeddings")];

/// Tasks in which they are not pooled.
const TASKS: [&str; 3] = ["feature-extraction", "sequence-classification", "fill-mask"];

/// Check that a folder of modules asks for nothing that is not supported, which gives how many numbers of its vectors are kept; none
/// for all. `is_pooled` is whether the states of its tokens are pooled.
///
/// # Errors
/// When it does; the error names file and key.
pub(crate) fn check(folder: &ModelFolder, is_pooled: bool) -> Result<Option<usize>, ModelError> {
    let path = folder.root().join(MODEL);
    let model: Value = json::read_if_there(&path)?.unwrap_or_default();
    let kept = match &model["truncate_dim"] {
        Value::Null => None,
        value => {
            let kept = value.as_u64().and_then(|kept| usize::try_from(kept).ok()).filter(|kept| *kept > 0);
            Some(kept.ok_or_else(|| {
                let found = quoted(&value.to_string());
                let fault = format!("`truncate_dim` is {found}, and a number of at least 1 is needed");
                ModelError::content(&path, fault)
            })?)
        }
    };
    let Some(path) = transformer_file(folder.path())? else { return Ok(kept) };
    let config: Value = json::read(&path)?;
    for (key, value) in config.as_object().into_iter().flatten() {
        if is_empty(value) || READ.contains(&key.as_str()) {
            continue;
        }
        let expected = POOLED.iter().find(|(known, _)| known == key).map(|(_, expected)| *expected);
        let is_supported = match (key.as_str(), expected) {
            ("modality_config", _) => !is_pooled || is_last_state(&value["text"]),
            (_, Some(expected)) if is_pooled => value == expected,
            ("transformer_task", _) => TASKS.iter().any(|task| value == task),
            (_, expected) => expected.is_some(),
        };
        if !is_supported {
            let (key, value) = (quoted(key), quoted(&value.to_string()));
            return Err(ModelError::content(&path, format!("`{key}` is {value}, which is not supported")));
        }
    }
    Ok(kept)
}

/// The file of the Transformer module in its folder; none where there is none.
pub(crate) fn transformer_file(folder: &Path) -> Result<Option<PathBuf>, ModelError> {
    for name in TRANSFORMER {
        let path = folder.join(name);
        if json::is_there(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether the way a text is read ends in the last hidden states.
fn is_last_state(text: &Value) -> bool {
    text["method"] == "forward" && text["method_output_name"] == "last_hidden_state"
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(items) => items.is_empty(),
        _ => false,
    }
}
