//! The folder of an evaluation: starting in it, and going on.

use std::path::Path;

use alambic_files::digests::{self, Digests};
use alambic_files::lock::Lock;
use alambic_files::{read, write};
use alambic_models::ModelFolder;
use alambic_settings::{AddedKinds, resolved_toml};
use serde_json::{Value, json};

use super::EvaluateOptions;
use crate::error::RunError;
use crate::suite::LoadedSuite;

/// What an evaluation was started with.
const STATE: &str = "evaluation.json";

/// Opens the folder of an evaluation, which stays locked, and notes what it is started with, or makes sure that one that goes on is
/// the same.
pub(super) fn open(suite: &LoadedSuite, options: &EvaluateOptions) -> Result<Lock, RunError> {
    let folder = &options.out;
    write::create_folder(folder)?;
    let lock = Lock::acquire(folder, "alambic evaluate")?;
    let now = started_with(suite, options)?;
    let path = folder.join(STATE);
    let is_started = Digests::read(folder)?.is_some_and(|digests| digests.files.contains_key(STATE));
    if is_started {
        if !options.resume {
            return Err(RunError::Occupied(folder.clone()));
        }
        Digests::require(folder)?.check_file(folder, STATE)?;
        let before: Value =
            serde_json::from_str(&read::state(&path)?).map_err(|error| RunError::content(&path, error))?;
        if let Some(what) = difference(&before, &now) {
            return Err(RunError::OtherInputs { folder: folder.clone(), what });
        }
        return Ok(lock);
    }
    if options.resume {
        return Err(RunError::NothingToResume(folder.clone()));
    }
    if !digests::foreign(folder)?.is_empty() {
        return Err(RunError::NoRun(folder.clone()));
    }
    let text = serde_json::to_string_pretty(&now).map_err(|error| RunError::content(&path, error))?;
    write::write(&path, (text + "\n").as_bytes())?;
    digests::record(folder, &[STATE])?;
    Ok(lock)
}

/// What decides the outcome of an evaluation.
fn started_with(suite: &LoadedSuite, options: &EvaluateOptions) -> Result<Value, RunError> {
    let mut models = serde_json::Map::new();
    for model in &options.models {
        let mut hasher = blake3::Hasher::new();
        for file in ModelFolder::open(&model.folder)?.weight_files()? {
            digests::hash_file(&mut hasher, &file)?;
        }
        models.insert(model.name.clone(), hasher.finalize().to_hex().as_str().into());
    }
    let absolute =
        |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string();
    Ok(json!({
        "suite": resolved_toml(&suite.suite, &suite.tree, &AddedKinds::default()),
        "models": models,
        "data": absolute(&options.data),
        "labels": absolute(&options.labels),
        "setting": options.setting.name(),
        "shots": options.shots,
        "tasks": options.selection.tasks,
        "languages": options.selection.languages,
        "seed": options.seed,
    }))
}

/// What differs between two starts.
fn difference(before: &Value, now: &Value) -> Option<String> {
    let (before, now) = (before.as_object()?, now.as_object()?);
    let key = now.keys().chain(before.keys()).find(|key| before.get(*key) != now.get(*key))?;
    Some(match key.as_str() {
        "suite" | "setting" | "seed" | "data" => format!("the {key}"),
        "shots" => "the number of shots".to_owned(),
        "models" => "the weights or the list of models".to_owned(),
        other => format!("the list of {other}"),
    })
}
