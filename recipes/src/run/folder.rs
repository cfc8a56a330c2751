//! The run's folder: starting in it, resuming in it, and what is written there first.

use std::path::Path;

use alambic_models::ModelFolder;
use alambic_reports::record::EventLog;
use alambic_settings::IndexMap;
use alambic_teachers::TeacherOptions;
use serde_json::Value;

use super::checkpoint::{Checkpoint, remove};
use super::workshop::Workshop;
use super::{RunError, RunOptions, StartMode, stage};
use crate::load::Loaded;

const RECIPE: &str = "recipe.toml";
const RESOLVED: &str = "recipe.resolved.toml";
const EVENTS: &str = "events.jsonl";
const INPUTS: &str = "inputs.json";

/// Prepares the folder for a start in the given mode, and opens its log of events.
pub(crate) fn open(loaded: &Loaded, options: &RunOptions) -> Result<EventLog, RunError> {
    let folder = &options.out;
    let resolved = folder.join(RESOLVED);
    let occupied = resolved.is_file();
    match options.mode {
        StartMode::Fresh if occupied => return Err(RunError::Occupied(folder.clone())),
        StartMode::Resume if !occupied => return Err(RunError::NothingToResume(folder.clone())),
        StartMode::Resume => {
            same_recipe(loaded, folder)?;
            return resume(folder);
        }
        StartMode::Overwrite if occupied => remove(folder)?,
        StartMode::Fresh | StartMode::Overwrite => {
            let empty = !folder.exists()
                || std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none());
            if !empty {
                return Err(RunError::Foreign(folder.clone()));
            }
        }
    }
    std::fs::create_dir_all(folder).map_err(RunError::file(folder))?;
    let recipe = folder.join(RECIPE);
    std::fs::write(&recipe, loaded.written()).map_err(RunError::file(&recipe))?;
    let events = EventLog::create(&folder.join(EVENTS))?;
    // Last, since it is what makes the folder a run.
    std::fs::write(&resolved, loaded.resolved_toml()).map_err(RunError::file(&resolved))?;
    Ok(events)
}

/// A run goes on with the values it was started with; comments, which tell where values came from, may differ.
fn same_recipe(loaded: &Loaded, folder: &Path) -> Result<(), RunError> {
    let path = folder.join(RESOLVED);
    let before = std::fs::read_to_string(&path).map_err(RunError::file(&path))?;
    let now = loaded.resolved_toml();
    let (before, now) = (values(&before), values(&now));
    let differing = before.iter().zip(&now).find(|(before, now)| before != now);
    match differing {
        Some((before, now)) => Err(RunError::OtherRecipe {
            folder: folder.to_owned(),
            what: format!("`{now}`, which was `{before}`"),
        }),
        None if before.len() != now.len() => {
            Err(RunError::OtherRecipe { folder: folder.to_owned(), what: "the keys it holds".into() })
        }
        None => Ok(()),
    }
}

/// Notes what a run reads, or makes sure that a run which goes on reads what it read before: a vocabulary made of other texts
/// would give other meanings to what was learnt.
pub(crate) fn same_inputs(workshop: &Workshop<'_>) -> Result<(), RunError> {
    let mut now: IndexMap<String, String> = IndexMap::new();
    for (name, corpus) in workshop.corpora.iter() {
        now.insert(format!("data `{name}`"), corpus.fingerprint.clone());
    }
    for (name, options) in &workshop.recipe.teacher {
        if matches!(options, TeacherOptions::Checkpoint(options) if options.model.is_some()) {
            now.insert(format!("teacher `{name}`"), fingerprint(&workshop.checkpoint_folder(name)?)?);
        }
    }
    let path = workshop.folder.join(INPUTS);
    let before = std::fs::read_to_string(&path).ok();
    // A run that was killed while it wrote this has read nothing yet.
    let before = before.and_then(|text| serde_json::from_str::<IndexMap<String, String>>(&text).ok());
    if let Some(before) = before {
        let changed = before.iter().find(|(what, hash)| now.get(*what) != Some(*hash));
        if let Some((what, _)) = changed {
            return Err(RunError::OtherInputs { folder: workshop.folder.clone(), what: what.clone() });
        }
        return Ok(());
    }
    let text = serde_json::to_string_pretty(&now).map_err(|error| RunError::Recipe(error.to_string()))?;
    std::fs::write(&path, text + "\n").map_err(RunError::file(&path))
}

/// The hash of a model's weights, configuration and vocabulary.
fn fingerprint(folder: &Path) -> Result<String, RunError> {
    let mut files = ModelFolder::open(folder)?.weight_files()?;
    files.extend(["config.json", "tokenizer.json"].map(|name| folder.join(name)));
    let mut hasher = blake3::Hasher::new();
    for file in files.iter().filter(|file| file.is_file()) {
        let open = std::fs::File::open(file).map_err(RunError::file(file))?;
        hasher.update_reader(open).map_err(RunError::file(file))?;
    }
    Ok(hasher.finalize().to_hex().to_string())
}

/// The lines of a resolved recipe without the comments that end them.
fn values(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.rfind(" # ").map_or(line, |end| &line[..end]).trim())
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect()
}

/// Opens the log without the events that came after the newest checkpoints.
fn resume(folder: &Path) -> Result<EventLog, RunError> {
    let log = EventLog::resume(&folder.join(EVENTS), |event| {
        let (Some(label), Some(step)) =
            (event.get("stage").and_then(Value::as_str), event.get("step").and_then(Value::as_u64))
        else {
            return true;
        };
        if stage::finished(folder, label).is_ok_and(|trained| trained.is_some()) {
            return true;
        }
        let reached = Checkpoint::newest_step(&folder.join("checkpoints").join(label)).unwrap_or_default();
        step <= reached as u64
    })?;
    Ok(log)
}
