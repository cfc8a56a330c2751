//! Machine and versions of a run.

use std::path::Path;

use alambic_files::digests::Digest;
use alambic_files::write;
use alambic_models::ModelFolder;
use alambic_settings::IndexMap;
use alambic_teachers::Teacher;
use serde_json::json;

use crate::context::RunContext;
use crate::error::RunError;
use crate::load::Loaded;
use crate::machine;

/// Content of `environment.json`.
pub(crate) struct Environment {
    /// Versions, processor, threads: label to value.
    pub(crate) machine: IndexMap<String, String>,
    /// What to its hash.
    pub(crate) hashes: IndexMap<String, String>,
}

/// Writes `environment.json`.
pub(crate) fn write(
    loaded: &Loaded,
    context: &RunContext<'_>,
    teacher: Option<&dyn Teacher>,
    student: &Path,
) -> Result<Environment, RunError> {
    let machine = machine::describe();
    let mut hashes = IndexMap::new();
    hashes.insert("recipe".to_owned(), blake3::hash(loaded.resolved_toml().as_bytes()).to_hex().to_string());
    for (name, corpus) in context.corpora.iter() {
        hashes.insert(format!("data {name}"), corpus.fingerprint().to_owned());
    }
    if let Some(teacher) = teacher {
        hashes.insert("teacher".to_owned(), teacher.weights_digest());
    }
    let weights = ModelFolder::open(student)?.path().join("model.safetensors");
    hashes.insert("student".to_owned(), Digest::of_file(&weights)?.blake3);
    let value = json!({ "machine": machine, "hashes": hashes, "hash": "blake3", "seed": loaded.recipe.seed });
    let path = context.folder.path().join("environment.json");
    write::write(&path, format!("{value:#}\n").as_bytes())?;
    Ok(Environment { machine, hashes })
}
