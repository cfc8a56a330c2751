//! Files of a model in its repository: configuration, tokenizer, pooling, weights, and the same of its modules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use alambic_files::read;
use alambic_files::text::quoted;
use hf_hub::RepoType;
use serde::Deserialize;

use crate::path::{check_part, check_path};
use crate::snapshot::Snapshot;
use crate::{Hub, HubError, HubName};

/// Files that are fetched of a model's folder besides its weights, and of the folder of each of its modules, where they exist.
const MODEL_FILES: [&str; 21] = [
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
    "target_vocab.json",
    "preprocessor_config.json",
    MODULES,
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    ADAPTER,
    // Where there is no `modules.json` that says so.
    "1_Pooling/config.json",
    "README.md",
];

/// List of the modules of a sentence encoder.
const MODULES: &str = "modules.json";

/// Says that a folder is an adapter of a model, and of which. It has no `config.json` and no weights of a model: whoever
/// reads the folder says what it is.
const ADAPTER: &str = "adapter_config.json";

/// Names of weights, the preferred first; with [`INDEX`] behind it, a name stands for shards.
const WEIGHTS: [&str; 2] = ["model.safetensors", "pytorch_model.bin"];

/// Ending of the name of an index of shards.
const INDEX: &str = ".index.json";

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

impl Hub {
    /// The folder of a model with its configuration, tokenizer and weights, fetched if it is not in the cache.
    ///
    /// # Errors
    /// When the name is wrong, the hub refuses or says what cannot be, or nothing may be fetched and the model is not there.
    pub fn model(&self, name: &str) -> Result<PathBuf, HubError> {
        let name = HubName::parse_model(name)?;
        if name.path.is_some() {
            return Err(HubError::NoRepository(quoted(&name.text)));
        }
        let mut snapshot = Snapshot::open(self, &name, RepoType::Model)?;
        fetch_files(&mut snapshot)?;
        let folder = snapshot.folder();
        snapshot.write_reference();
        Ok(folder)
    }
}

/// Fetches the files of a model.
///
/// # Errors
/// When the repository holds no model, names files that are no paths, or a file cannot be had.
fn fetch_files(snapshot: &mut Snapshot) -> Result<(), HubError> {
    // Prefixes of the names of files: of the model's own folder, and those of its modules.
    let mut folders = vec![String::new()];
    // The files that say which others are wanted.
    let mut deciding = Vec::new();
    if snapshot.contains(MODULES) {
        folders.extend(modules(snapshot)?);
        deciding.push(MODULES.to_owned());
    }
    let mut files: Vec<String> = Vec::new();
    let mut all_weights = Vec::new();
    let mut has_model = false;
    for folder in &folders {
        let wanted =
            MODEL_FILES.iter().map(|file| format!("{folder}{file}")).filter(|file| snapshot.contains(file));
        files.extend(wanted.filter(|file| !files.contains(file)).collect::<Vec<_>>());
        let weights = weights(snapshot, folder)?;
        has_model |= !weights.is_empty() && snapshot.contains(&format!("{folder}config.json"));
        deciding.extend(weights.iter().filter(|file| file.ends_with(INDEX)).cloned());
        all_weights.push(weights);
    }
    if !has_model && !snapshot.contains(ADAPTER) {
        let has_config = folders.iter().any(|folder| snapshot.contains(&format!("{folder}config.json")));
        let file = if has_config { WEIGHTS[0] } else { "config.json" };
        return Err(snapshot.missing(HubError::NoModel { name: snapshot.name(), file }));
    }
    // The model's own weights come last: where they are, all is there, and what was cut short is not taken for a model.
    files.extend(all_weights.into_iter().rev().flatten());
    snapshot.check_together(&files).map_err(|message| snapshot.reject(&deciding, message))?;
    snapshot.fetch_all(&files)
}

/// The folders of an encoder's modules but its own, each with a slash at its end.
fn modules(snapshot: &mut Snapshot) -> Result<Vec<String>, HubError> {
    let modules: Vec<Module> = parsed(snapshot, MODULES)?;
    let rejected = |message: String| snapshot.reject(&[MODULES.to_owned()], format!("`{MODULES}` {message}"));
    if modules.len() > MAX_MODULES {
        return Err(rejected(format!("names {} modules; the most are {MAX_MODULES}", modules.len())));
    }
    let mut folders = Vec::new();
    for module in modules {
        let folder = module.path.strip_suffix('/').unwrap_or(&module.path);
        if folder.is_empty() || folder == "." {
            continue;
        }
        check_path(folder)
            .map_err(|fault| rejected(format!("names the folder `{}`, which {fault}", quoted(folder))))?;
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
        if snapshot.contains(&whole) {
            return Ok(vec![whole]);
        }
        let index = format!("{whole}{INDEX}");
        if !snapshot.contains(&index) {
            continue;
        }
        let map: Index = parsed(snapshot, &index)?;
        let rejected = |message: String| {
            snapshot.reject(
                std::slice::from_ref(&index),
                format!("`{}` names the shard {message}", quoted(&index)),
            )
        };
        let mut files = vec![index.clone()];
        for shard in map.weight_map.into_values().collect::<BTreeSet<String>>() {
            check_part(&shard).map_err(|fault| rejected(format!("`{}`, which {fault}", quoted(&shard))))?;
            let file = format!("{folder}{shard}");
            if !snapshot.contains(&file) {
                let message = format!("`{}`, which is not in the repository", quoted(&shard));
                return Err(snapshot.missing(rejected(message)));
            }
            files.push(file);
        }
        return Ok(files);
    }
    Ok(Vec::new())
}

/// The value of a JSON file, fetched if it is not in the cache.
fn parsed<T: for<'a> Deserialize<'a>>(snapshot: &mut Snapshot, file: &str) -> Result<T, HubError> {
    let max = snapshot.max_bytes(file);
    let path = snapshot.fetch(file, max)?;
    let fault = match read::text(&path, max) {
        Err(error) => error.to_string(),
        Ok(text) => match serde_json::from_str(&text) {
            Ok(value) => return Ok(value),
            Err(error) => quoted(&error.to_string()),
        },
    };
    let message = format!("`{}` is not valid: {fault}", quoted(file));
    Err(snapshot.reject(&[file.to_owned()], message))
}
