//! Files of a run's folder that a run wrote, and files of others.

use std::fs;
use std::path::{Path, PathBuf};

use alambic_files::{FileError, digests, write};
use alambic_reports::document::PLOTS;
use alambic_teachers::{append_only_cache, cache};

use super::layout::{
    CACHE, CHECKPOINTS, CORPORA, DETECTORS, FILES, RECORDS, RESULTS, STUDENT, TEACHERS, UNTRAINED, entries,
    name_of,
};
use crate::error::RunError;
use crate::training::checkpoint;

/// Entries of a run's folder.
#[derive(Clone, Copy)]
enum Contents {
    /// Files that its list of digests names.
    Listed,
    /// Folders of such files.
    FoldersOfListed,
    /// Trainings, each with its checkpoints and its finished model.
    Trainings,
    /// Records of teachers.
    Records,
    /// Caches, each a folder.
    Caches,
}

const FOLDERS: [(&str, Contents); 9] = [
    (STUDENT, Contents::Listed),
    (PLOTS, Contents::Listed),
    (UNTRAINED, Contents::Listed),
    (TEACHERS, Contents::FoldersOfListed),
    (DETECTORS, Contents::FoldersOfListed),
    (CHECKPOINTS, Contents::Trainings),
    (RECORDS, Contents::Records),
    (CORPORA, Contents::Listed),
    (CACHE, Contents::Caches),
];

/// Entries of a run's folder that no run wrote.
///
/// # Errors
/// When a folder or a list of digests cannot be read.
pub(crate) fn foreign(run: &Path) -> Result<Vec<PathBuf>, RunError> {
    let mut foreign = Vec::new();
    for path in entries(run)? {
        let name = name_of(&path);
        // What was being written, or removed, when a process was killed.
        let own = name.strip_suffix(".part").unwrap_or(name);
        let own = own.strip_suffix(".old").and_then(|own| own.strip_prefix('.')).unwrap_or(own);
        let folder = FOLDERS.iter().find(|(folder, _)| *folder == own);
        match folder {
            Some(_) if write::is_partial(&path) => {}
            Some((_, contents)) if path.is_dir() => foreign.extend(foreign_in(&path, *contents)?),
            None if FILES.iter().chain(&RESULTS).any(|file| *file == own) && !path.is_dir() => {}
            _ => foreign.push(path),
        }
    }
    Ok(foreign)
}

fn foreign_in(folder: &Path, contents: Contents) -> Result<Vec<PathBuf>, RunError> {
    let each = |contents: Contents| -> Result<Vec<PathBuf>, RunError> {
        let mut foreign = Vec::new();
        for path in entries(folder)?.into_iter().filter(|path| !write::is_partial(path)) {
            if path.is_dir() { foreign.extend(foreign_in(&path, contents)?) } else { foreign.push(path) }
        }
        Ok(foreign)
    };
    Ok(match contents {
        Contents::Listed => digests::foreign(folder)?,
        Contents::FoldersOfListed => each(Contents::Listed)?,
        Contents::Trainings => {
            let mut foreign = Vec::new();
            for training in entries(folder)? {
                if !training.is_dir() {
                    foreign.push(training);
                    continue;
                }
                for path in entries(&training)? {
                    match checkpoint::kind(&path) {
                        Some(checkpoint::Kind::Partial) => {}
                        Some(checkpoint::Kind::Step(_)) => foreign.extend(checkpoint::foreign(&path)?),
                        Some(checkpoint::Kind::Finished) => foreign.extend(digests::foreign(&path)?),
                        None => foreign.push(path),
                    }
                }
            }
            foreign
        }
        Contents::Records => {
            let is_own = |path: &PathBuf| {
                write::is_partial(path) || path.is_file() && append_only_cache::is_append_only_cache(path)
            };
            entries(folder)?.into_iter().filter(|path| !is_own(path)).collect()
        }
        Contents::Caches => {
            let mut foreign = Vec::new();
            for path in entries(folder)? {
                if path.is_dir() { foreign.extend(cache::foreign_files(&path)?) } else { foreign.push(path) }
            }
            foreign
        }
    })
}

/// Removes a run's own caches, which serve nobody when it is done. What somebody else put there stays.
///
/// # Errors
/// When something cannot be removed.
pub(crate) fn discard_caches(run: &Path) -> Result<(), RunError> {
    let folder = run.join(CACHE);
    if !folder.is_dir() {
        return Ok(());
    }
    for path in entries(&folder)?.into_iter().filter(|path| path.is_dir()) {
        let foreign = cache::foreign_files(&path)?;
        if foreign.is_empty() {
            write::discard(&path)?;
            continue;
        }
        for file in digests::files_below(&path)?.into_iter().filter(|file| !foreign.contains(file)) {
            fs::remove_file(&file).map_err(FileError::io(&file))?;
        }
    }
    if entries(&folder)?.is_empty() {
        fs::remove_dir(&folder).map_err(FileError::io(&folder))?;
    }
    Ok(())
}
