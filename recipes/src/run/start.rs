//! The run's folder: starting in it, resuming in it, and what is written there first.

use std::path::{Path, PathBuf};

use alambic_files::digests::{self, DIGESTS, Digest, Digests};
use alambic_files::lock::{LOCK, Lock};
use alambic_files::text::quoted;
use alambic_files::{FileError, read, write};
use alambic_models::ModelFolder;
use alambic_reports::document::PLOTS;
use alambic_reports::outcome::Outcome;
use alambic_reports::record::{EventLog, LogMark};
use alambic_settings::{IndexMap, Location, Node, Value};
use alambic_teachers::TeacherOptions;
use indexmap::IndexSet;

use super::options::{RunOptions, StartMode};
use super::ranks::{RANKS, check_recipe, check_shared};
use crate::context::RunContext;
use crate::error::RunError;
use crate::folder::foreign::{discard_caches, foreign};
use crate::folder::layout::{self, EVENTS, INPUTS, RECIPE, RESOLVED, TOKEN, entries};
use crate::load::{self, Loaded};
use crate::training::checkpoint::Checkpoint;
use crate::training::output::TrainOutput;

/// Message for another process that meets the lock.
const COMMAND: &str = "alambic run";

/// State of a run's folder at the start.
pub(crate) enum Opened {
    /// It starts, or goes on: its log of events, and the folder locked for this process, the first rank.
    Running(EventLog, Option<Lock>),
    /// It was finished before; nothing is left to do.
    Finished(Box<Outcome>),
}

/// Prepares the folder for a start in the given mode: on the first rank, which the others wait for.
pub(crate) fn open(loaded: &Loaded, options: &RunOptions) -> Result<Opened, RunError> {
    let (ranks, folder) = (&options.ranks, &options.out);
    check_recipe(loaded, ranks)?;
    let opened = if ranks.is_first() { Some(open_alone(loaded, options)?) } else { None };
    let is_finished = ranks.any(matches!(opened, Some(Opened::Finished(_))))?;
    check_shared(folder, ranks)?;
    Ok(match opened {
        Some(opened) => opened,
        None if is_finished => Opened::Finished(Box::new(Outcome::read(folder)?)),
        None => Opened::Running(EventLog::unwritten(&folder.join(EVENTS)), None),
    })
}

fn open_alone(loaded: &Loaded, options: &RunOptions) -> Result<Opened, RunError> {
    let folder = &options.out;
    if options.mode == StartMode::Resume {
        resumable(folder)?;
        let lock = Lock::acquire(folder, COMMAND)?;
        same_recipe(loaded, folder)?;
        if let Some(outcome) = finished(folder)? {
            // A process that was killed behind the result left them.
            discard_caches(folder)?;
            return Ok(Opened::Finished(Box::new(outcome)));
        }
        return Ok(Opened::Running(EventLog::resume(&folder.join(EVENTS), &mark(folder)?)?, Some(lock)));
    }
    write::create_folder(folder)?;
    // A link may lead to it; it is the folder itself that makes way.
    let place = &folder.canonicalize().map_err(RunError::file(folder))?;
    let mut lock = Lock::acquire(place, COMMAND)?;
    // What a removal left that was killed.
    write::discard(&write::discarded(place))?;
    if is_run(folder)? {
        if options.mode == StartMode::Fresh {
            return Err(RunError::Occupied(folder.clone()));
        }
        may_be_replaced(loaded, folder)?;
        let old = write::discarded(place);
        if cfg!(windows) {
            // It renames no folder in which a file is open.
            drop(lock);
        }
        std::fs::rename(place, &old).map_err(RunError::file(place))?;
        std::fs::create_dir(place).map_err(RunError::file(place))?;
        lock = Lock::acquire(place, COMMAND)?;
        write::discard(&old)?;
    } else if !is_cut_short(loaded, folder)? {
        return Err(RunError::NoRun(folder.clone()));
    }
    write::write(&folder.join(RECIPE), loaded.written().as_bytes())?;
    // From here on, what a start writes can be distinguished from a user's own files, also where it does not finish.
    digests::record(folder, &[RECIPE])?;
    let events = EventLog::create(&folder.join(EVENTS))?;
    write::write(&folder.join(RESOLVED), loaded.resolved_toml().as_bytes())?;
    // Last, since it is what makes the folder a run.
    digests::record(folder, &[RECIPE, RESOLVED])?;
    Ok(Opened::Running(events, Some(lock)))
}

/// Whether a folder holds a run that was started.
fn is_run(folder: &Path) -> Result<bool, RunError> {
    Ok(Digests::read(folder)?.is_some_and(|digests| digests.files.contains_key(RESOLVED)))
}

/// The resolved recipe of a run that can go on.
///
/// # Errors
/// When the folder holds no run, or the recipe is not as it was written.
pub fn resumable(folder: &Path) -> Result<PathBuf, RunError> {
    if !folder.is_dir() || !is_run(folder)? {
        return Err(RunError::NothingToResume(folder.to_owned()));
    }
    Digests::require(folder)?.check_file(folder, RESOLVED)?;
    Ok(folder.join(RESOLVED))
}

/// Refuses `--overwrite` where it would remove what no run wrote, or what this run is to read.
fn may_be_replaced(loaded: &Loaded, folder: &Path) -> Result<(), RunError> {
    let foreign = foreign(folder)?;
    if !foreign.is_empty() {
        return Err(FileError::Foreign { path: folder.to_owned(), foreign }.into());
    }
    let Ok(own) = folder.canonicalize() else { return Ok(()) };
    let teachers = loaded.recipe.teacher.values().flat_map(|options| match options {
        TeacherOptions::Checkpoint(options) => options.model.iter().collect(),
        TeacherOptions::Recorded(options) => options.path.iter().chain(&options.vectors).collect(),
        TeacherOptions::Endpoint(options) => options.answers.iter().collect(),
        TeacherOptions::Pipeline(_) | TeacherOptions::Ensemble(_) => Vec::new(),
    });
    let read = teachers.chain([&loaded.location]).find_map(|location| match location {
        Location::File(path) => path.canonicalize().ok().filter(|path| path.starts_with(&own)),
        _ => None,
    });
    match read {
        Some(path) => Err(RunError::ReadsItself { folder: folder.to_owned(), path }),
        None => Ok(()),
    }
}

/// Whether a folder is empty, or holds nothing but what a start of this recipe writes and did not come to the end of.
fn is_cut_short(loaded: &Loaded, folder: &Path) -> Result<bool, RunError> {
    let resolved = loaded.resolved_toml();
    let listed = Digests::read(folder)?;
    for entry in std::fs::read_dir(folder).map_err(RunError::file(folder))? {
        let path = entry.map_err(RunError::file(folder))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let whole = match name.strip_suffix(".part").unwrap_or(name) {
            LOCK | TOKEN => continue,
            RESOLVED | EVENTS | DIGESTS if listed.is_some() => continue,
            RECIPE if listed.as_ref().is_some_and(|listed| listed.check_file(folder, RECIPE).is_ok()) => {
                continue;
            }
            RECIPE => loaded.written(),
            RESOLVED => &resolved,
            EVENTS => "",
            // Without what it is to list, it lists nothing.
            DIGESTS if write::is_partial(&path) => continue,
            _ => return Ok(false),
        };
        let is_torn = path.is_file()
            && std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() <= whole.len() as u64)
            && read::bytes(&path, whole.len() as u64).is_ok_and(|bytes| whole.as_bytes().starts_with(&bytes));
        if !is_torn {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The result of a run that is finished and still whole.
fn finished(folder: &Path) -> Result<Option<Outcome>, RunError> {
    let mut digests = Digests::require(folder)?;
    let has_all =
        layout::RESULTS.iter().all(|name| digests.files.contains_key(*name) && folder.join(name).is_file());
    let folders = [layout::STUDENT, PLOTS].map(|name| folder.join(name));
    if !has_all || !folders.iter().all(|path| path.is_dir()) {
        // They are made anew, and are not to be taken for damaged ones where a process is killed meanwhile.
        digests.files.retain(|name, _| !layout::RESULTS.contains(&name.as_str()));
        digests.write(folder)?;
        return Ok(None);
    }
    digests.check(folder)?;
    for path in &folders {
        Digests::require(path)?.check(path)?;
    }
    Ok(Some(Outcome::read(folder)?))
}

/// Notes that a run is done, with the digests of its results.
pub(crate) fn finish(folder: &Path) -> Result<(), RunError> {
    digests::record(folder, &layout::RESULTS)?;
    discard_caches(folder)
}

/// A run goes on with the values it was started with; comments, which say where values came from, may differ.
fn same_recipe(loaded: &Loaded, folder: &Path) -> Result<(), RunError> {
    let path = folder.join(RESOLVED);
    let before = read::state(&path)?;
    let now = loaded.resolved_toml();
    let parsed = Node::parse(&path, &before).map_err(|diagnostics| {
        let message = diagnostics.list.first().map_or("it is not TOML", |first| first.message.as_str());
        RunError::content(&path, message)
    })?;
    let now = Node::parse(&path, &now).map_err(|_| RunError::content(&path, "the recipe is not TOML"))?;
    let Some(key) = difference(String::new(), &parsed, &now) else { return Ok(()) };
    let shown = |recipe: &Node| {
        let node = key.split('.').try_fold(recipe, |node, key| match (&node.value, key.parse::<usize>()) {
            (Value::List(items), Ok(index)) => items.get(index),
            _ => node.get(key),
        });
        node.map_or_else(
            || "not there".to_owned(),
            |node| format!("`{}`", quoted(&load::written(&node.value))),
        )
    };
    let what = format!("`{key}`, which is {} and was {}", shown(&now), shown(&parsed));
    Err(RunError::OtherRecipe { folder: folder.to_owned(), what })
}

/// The first key under which two recipes have different values, wherever these were written; none if they are the same.
fn difference(key: String, before: &Node, now: &Node) -> Option<String> {
    let below = |name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}.{name}") };
    let is_same = match (&before.value, &now.value) {
        (Value::Table(before), Value::Table(now)) => {
            let names: IndexSet<&String> = before.keys().chain(now.keys()).collect();
            return names.into_iter().find_map(|name| match (before.get(name), now.get(name)) {
                (Some(before), Some(now)) => difference(below(name), &before.node, &now.node),
                // A key that one version writes empty and another one does not know asks for nothing in either.
                (Some(own), None) | (None, Some(own)) if asks_for_nothing(&own.node.value) => None,
                _ => Some(below(name)),
            });
        }
        (Value::List(before), Value::List(now)) if before.len() == now.len() => {
            let items = before.iter().zip(now).enumerate();
            return items
                .into_iter()
                .find_map(|(index, (before, now))| difference(below(&index.to_string()), before, now));
        }
        (Value::Boolean(before), Value::Boolean(now)) => before == now,
        (Value::Integer(before), Value::Integer(now)) => before == now,
        (Value::Float(before), Value::Float(now)) => before == now,
        (Value::Text(before), Value::Text(now)) | (Value::Datetime(before), Value::Datetime(now)) => {
            before == now
        }
        _ => false,
    };
    (!is_same).then_some(key)
}

fn asks_for_nothing(value: &Value) -> bool {
    match value {
        Value::List(items) => items.is_empty(),
        Value::Table(keys) => keys.is_empty(),
        _ => false,
    }
}

/// Notes what a run reads, or makes sure that a run which goes on reads what it read before: a vocabulary made of other texts
/// would give other meanings to what was learnt.
pub(crate) fn check_inputs(loaded: &Loaded, context: &RunContext<'_>) -> Result<(), RunError> {
    let mut now: IndexMap<String, String> = IndexMap::new();
    for (name, corpus) in context.corpora.iter() {
        now.insert(format!("data `{name}`"), corpus.fingerprint().to_owned());
    }
    for (name, options) in &loaded.recipe.teacher {
        // A file is known by the same name from whichever folder the run goes on.
        let files: Vec<(PathBuf, PathBuf)> = match options {
            TeacherOptions::Checkpoint(options) if options.model.is_some() => {
                let folder = context.models.checkpoint_folder(name)?;
                let named = |file: PathBuf| (file.strip_prefix(&folder).unwrap_or(&file).to_owned(), file);
                model_files(&folder)?.into_iter().map(named).collect()
            }
            TeacherOptions::Recorded(options) => {
                let file = |location: &Location| match location {
                    Location::File(path) => {
                        let whole = path.canonicalize().map_err(RunError::file(path));
                        Some(whole.map(|whole| (whole, path.clone())))
                    }
                    _ => None,
                };
                let files = options.path.iter().chain(&options.vectors).filter_map(file);
                files.collect::<Result<_, RunError>>()?
            }
            TeacherOptions::Checkpoint(_)
            | TeacherOptions::Pipeline(_)
            | TeacherOptions::Endpoint(_)
            | TeacherOptions::Ensemble(_) => continue,
        };
        for (known, file) in files {
            now.insert(format!("teacher `{name}`: {}", known.display()), Digest::of_file(&file)?.blake3);
        }
    }
    if loaded.ranks() > 1 {
        now.insert(RANKS.to_owned(), loaded.ranks().to_string());
    }
    let path = context.folder.path().join(INPUTS);
    let digests = Digests::require(context.folder.path())?;
    if digests.files.contains_key(INPUTS) {
        digests.check_file(context.folder.path(), INPUTS)?;
        let text = read::state(&path)?;
        let before: IndexMap<String, String> =
            serde_json::from_str(&text).map_err(|error| RunError::content(&path, error))?;
        let changed = before.iter().find(|(what, hash)| now.get(*what) != Some(*hash));
        return match changed {
            Some((what, _)) => {
                Err(RunError::OtherInputs { folder: context.folder.path().to_owned(), what: what.clone() })
            }
            None => Ok(()),
        };
    }
    // A run that was killed before this has read nothing yet.
    let text = serde_json::to_string_pretty(&now).map_err(|error| RunError::content(&path, error))?;
    write::write(&path, (text + "\n").as_bytes())?;
    Ok(digests::record(context.folder.path(), &[INPUTS])?)
}

/// The files of a model's folder that decide how it reads and answers: weights, and whatever holds settings or a vocabulary,
/// also in the folders of modules.
fn model_files(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    const SETTINGS: [&str; 5] = ["json", "txt", "model", "spm", "vocab"];
    let mut files = ModelFolder::open(folder)?.weight_files()?;
    let mut folders = vec![folder.to_owned()];
    folders.extend(entries(folder)?.into_iter().filter(|path| path.is_dir()));
    for folder in folders {
        files.extend(entries(&folder)?.into_iter().filter(|path| {
            let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
            path.is_file() && SETTINGS.contains(&ending)
        }));
    }
    files.sort_unstable();
    files.dedup();
    Ok(files)
}

/// How far the log of events went when the newest state was written with which this run goes on.
fn mark(run: &Path) -> Result<LogMark, RunError> {
    let folder = run.join(layout::CHECKPOINTS);
    let mut newest = LogMark::default();
    if !folder.is_dir() {
        return Ok(newest);
    }
    for entry in std::fs::read_dir(&folder).map_err(RunError::file(&folder))? {
        let training = entry.map_err(RunError::file(&folder))?.path();
        let mark = match TrainOutput::read(&training)? {
            Some(output) => Some(output.events),
            None => Checkpoint::newest_mark(&training)?,
        };
        newest = mark.into_iter().chain([newest]).max_by_key(|mark| mark.bytes).unwrap_or_default();
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipes_differ_by_their_values_and_not_by_keys_that_are_empty() {
        let differs = |before: &str, now: &str| {
            let [before, now] = [before, now].map(|text| Node::parse(Path::new("recipe"), text).unwrap());
            difference(String::new(), &before, &now)
        };
        assert_eq!(differs("a = 1\n[b]\nc = [1, 2]\n", "a = 1 # said\n[b]\nc = [1, 2]\n"), None);
        assert_eq!(differs("[b]\nc = [1, 2]\n", "[b]\nc = [1, 3]\n"), Some("b.c.1".into()));
        assert_eq!(differs("a = 1\n", "a = 1\nb = 0\n"), Some("b".into()));
        // As a version writes that knows more keys.
        assert_eq!(differs("a = 1\n", "a = 1\nb = []\n[c]\n"), None);
        assert_eq!(differs("a = 1\nb = []\n", "a = 1\nb = [1]\n"), Some("b".into()));
        assert_eq!(differs("b = [1]\n", "[c]\n"), Some("b".into()));
    }
}
