//! Which files of a repository are a model: configuration, tokenizer, pooling, weights, and the same of its modules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use alambic_files::read;
use alambic_files::text::quoted;
use serde::Deserialize;

use crate::HubError;
use crate::path::{check_part, check_path};
use crate::snapshot::Snapshot;

/// What is fetched of a model's folder besides its weights, and of the folder of each of its modules, where it is there.
const WANTED: [&str; 20] = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
    "source.spm",
    "target.spm",
    "preprocessor_config.json",
    MODULES,
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    ADAPTER,
    // Where there is no `modules.json` that says so.
    "1_Pooling/config.json",
    "README.md",
];

/// Says where the modules of a sentence encoder lie.
const MODULES: &str = "modules.json";

/// Says that a folder is an adapter of a model, and of which. It has no `config.json` and no weights of a model: whoever
/// reads the folder says what it is.
const ADAPTER: &str = "adapter_config.json";

/// Names of weights, the preferred first; with `.index.json` behind it, a name stands for shards.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Modules of an encoder that are looked at.
const MAX_MODULES: usize = 64;

/// An entry of `modules.json`.
#[derive(Deserialize)]
struct Module {
    path: String,
}

/// `model.safetensors.index.json`.
#[derive(Deserialize)]
struct Index {
    /// The file of each tensor.
    weight_map: BTreeMap<String, String>,
}

/// Fetches the files of a model.
///
/// # Errors
/// When the repository holds no model, names files that are no paths, or a file cannot be had.
pub(crate) fn obtain(snapshot: &mut Snapshot) -> Result<(), HubError> {
    // As what a folder's name is put before: the model's own, then those of its modules.
    let mut folders = vec![String::new()];
    if snapshot.holds(MODULES) {
        let path = snapshot.obtain(MODULES, snapshot.max_bytes(MODULES))?;
        folders.extend(modules(snapshot, &path)?);
    }
    let mut files: Vec<String> = Vec::new();
    let mut has_model = false;
    for folder in &folders {
        let wanted = WANTED.iter().map(|file| format!("{folder}{file}")).filter(|file| snapshot.holds(file));
        files.extend(wanted.filter(|file| !files.contains(file)).collect::<Vec<_>>());
        let weights = weights(snapshot, folder)?;
        has_model |= !weights.is_empty() && snapshot.holds(&format!("{folder}config.json"));
        files.extend(weights);
    }
    if !has_model && !snapshot.holds(ADAPTER) {
        let has_config = folders.iter().any(|folder| snapshot.holds(&format!("{folder}config.json")));
        let file = if has_config { WEIGHTS[0] } else { "config.json" };
        return Err(snapshot.lacks(HubError::NoModel { name: snapshot.name(), file }));
    }
    snapshot.obtain_all(&files)
}

/// The folders of an encoder's modules but its own, each with a slash at its end.
fn modules(snapshot: &Snapshot, path: &Path) -> Result<Vec<String>, HubError> {
    let modules: Vec<Module> = parsed(snapshot, MODULES, path)?;
    if modules.len() > MAX_MODULES {
        return Err(
            snapshot.refused(format!("`{MODULES}` names {} modules, which is no model", modules.len()))
        );
    }
    let mut folders = Vec::new();
    for module in modules {
        let folder = module.path.strip_suffix('/').unwrap_or(&module.path);
        if folder.is_empty() || folder == "." {
            continue;
        }
        check_path(folder).map_err(|fault| {
            snapshot.refused(format!("`{MODULES}` names the folder `{}`, which {fault}", quoted(folder)))
        })?;
        let folder = format!("{folder}/");
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok(folders)
}

/// The files of the weights of a folder: one, or an index and the shards that it names. None where there are none.
fn weights(snapshot: &mut Snapshot, folder: &str) -> Result<Vec<String>, HubError> {
    for name in WEIGHTS {
        let whole = format!("{folder}{name}");
        if snapshot.holds(&whole) {
            return Ok(vec![whole]);
        }
        let index = format!("{whole}.index.json");
        if !snapshot.holds(&index) {
            continue;
        }
        let path = snapshot.obtain(&index, snapshot.max_bytes(&index))?;
        let map: Index = parsed(snapshot, &index, &path)?;
        let shards: BTreeSet<String> = map.weight_map.into_values().collect();
        let mut files = vec![index.clone()];
        for shard in shards {
            check_part(&shard).map_err(|fault| {
                snapshot.refused(format!("`{index}` names the shard `{}`, which {fault}", quoted(&shard)))
            })?;
            let file = format!("{folder}{shard}");
            if !snapshot.holds(&file) {
                let message =
                    format!("`{index}` names the shard `{}`, which is not in the repository", quoted(&shard));
                return Err(snapshot.lacks(snapshot.refused(message)));
            }
            files.push(file);
        }
        return Ok(files);
    }
    Ok(Vec::new())
}

/// What a file of JSON in the cache says.
fn parsed<T: for<'a> Deserialize<'a>>(snapshot: &Snapshot, file: &str, path: &Path) -> Result<T, HubError> {
    let text = read::text(path, snapshot.max_bytes(file))
        .map_err(|error| snapshot.refused(format!("`{}`: {error}", quoted(file))))?;
    serde_json::from_str(&text).map_err(|error| {
        snapshot.refused(format!(
            "`{}` does not say what it should: {}",
            quoted(file),
            quoted(&error.to_string())
        ))
    })
}
