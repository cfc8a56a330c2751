//! Atomic writing of files and folders: a reader never meets half of one, and a power cut leaves the old state or the new.
//!
//! A file or folder is written under another name beside its place, synced, renamed, and the folder that holds it is
//! synced. On systems that cannot sync a folder (Windows) the rename alone is what there is. What is written into a folder
//! that was begun and is not whole yet is synced with it, when it is published, and not before: each sync is a wait for the disk.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use crate::error::{FileError, Result};

/// Extension of files and folders that are not whole yet.
pub const PARTIAL: &str = "part";

/// The name beside `path` under which it is written until it is whole: `NAME.part`.
#[must_use]
pub fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().map_or_else(OsString::new, OsString::from);
    name.push(".");
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// The name beside a place that a user names, under which a folder is written until it is whole: hidden and ours alone,
/// since `NAME.part` may be somebody's download.
#[must_use]
pub fn partial_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".alambic.");
    name.push(PARTIAL);
    path.with_file_name(name)
}

/// Writes a file whole: a killed process or a power cut leaves the old file or the new one. Within a folder of
/// [`begin_folder`], a power cut may leave half of it until [`publish_folder`] syncs it.
///
/// # Errors
/// When the folder does not exist or the system refuses; the file of the other name is removed then.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |file| file.write_all(bytes))
}

/// Writes a file whole, as [`write`](fn@write) does, by what `fill` puts into it.
///
/// # Errors
/// Those of [`write`](fn@write), and those of `fill`.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<()> {
    let (partial, is_synced_later) = (partial(path), is_within_begun(path));
    let written = File::create(&partial)
        .and_then(|mut file| {
            fill(&mut file)?;
            if is_synced_later { Ok(()) } else { file.sync_all() }
        })
        .map_err(FileError::io(&partial))
        .and_then(|()| fs::rename(&partial, path).map_err(FileError::io(path)));
    if written.is_err() {
        // The error is reported; a file of the other name that stays would only be overwritten later.
        let _ = fs::remove_file(&partial);
    }
    written?;
    if is_synced_later { Ok(()) } else { sync_folder(parent(path)) }
}

/// Syncs a file that was written before, and its name.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_file(path: &Path) -> Result<()> {
    sync_content(path)?;
    sync_folder(parent(path))
}

/// Folders that this process has begun and not published. Their names alone would not tell: a user's folder may end in
/// `.part`, too.
static BEGUN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn begun() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BEGUN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a path lies in a folder that is begun and not whole yet.
fn is_within_begun(path: &Path) -> bool {
    let begun = begun();
    path.ancestors().skip(1).any(|folder| begun.contains(folder))
}

/// Begins a folder under the name that it has until it is whole, in place of one that was left there: what is written into
/// it is synced by [`publish_folder`].
///
/// # Errors
/// When the folder that holds it does not exist or the system refuses.
pub fn begin_folder(partial: &Path) -> Result<()> {
    discard(partial)?;
    fs::create_dir(partial).map_err(FileError::io(partial))?;
    begun().insert(partial.to_owned());
    Ok(())
}

/// Moves a folder that is complete to its place: its files and folders are synced, an earlier folder of the name is
/// renamed away and removed when the new one is in its place, and the renames are synced. A process killed between the
/// renames leaves the earlier folder under the name that [`discarded`] gives; [`recover`] brings it back.
///
/// # Errors
/// When the system refuses.
pub fn publish_folder(partial: &Path, whole: &Path) -> Result<()> {
    begun().remove(partial);
    sync_tree(partial)?;
    let away = discarded(whole);
    if whole.is_dir() {
        remove_tree(&away)?;
        fs::rename(whole, &away).map_err(FileError::io(whole))?;
    }
    fs::rename(partial, whole).map_err(FileError::io(whole))?;
    sync_folder(parent(whole))?;
    remove_tree(&away)
}

/// Brings an earlier folder back that a killed process had renamed away for a new one which did not come.
///
/// # Errors
/// When the system refuses.
pub fn recover(whole: &Path) -> Result<()> {
    let away = discarded(whole);
    if away.is_dir() && fs::symlink_metadata(whole).is_err() {
        fs::rename(&away, whole).map_err(FileError::io(whole))?;
    }
    Ok(())
}

/// Makes a folder and those above it that are missing, each synced into the one that it lies in.
///
/// # Errors
/// When the system refuses.
pub fn create_folder(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = parent(path);
    if above != Path::new(".") {
        create_folder(above)?;
    }
    match fs::create_dir(path) {
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        other => other.map_err(FileError::io(path))?,
    }
    if is_within_begun(path) { Ok(()) } else { sync_folder(above) }
}

/// Files of a folder that are synced at once: a file system writes what several wait for together.
const SYNCED_AT_ONCE: usize = 8;

/// Syncs every file below a folder, and the folders.
///
/// # Errors
/// When something cannot be opened or synced.
pub fn sync_tree(folder: &Path) -> Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(FileError::io(folder))? {
        let entry = entry.map_err(FileError::io(folder))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(FileError::io(&path))?;
        if kind.is_dir() {
            sync_tree(&path)?;
        } else if kind.is_file() {
            files.push(path);
        }
    }
    for some in files.chunks(SYNCED_AT_ONCE) {
        sync_files(some)?;
    }
    sync_folder(folder)
}

/// Syncs files, each in a thread of its own as far as the system gives them.
fn sync_files(paths: &[PathBuf]) -> Result<()> {
    thread::scope(|scope| {
        let start = |path| thread::Builder::new().spawn_scoped(scope, move || sync_content(path)).ok();
        let Some((last, others)) = paths.split_last() else { return Ok(()) };
        let threads: Vec<_> = others.iter().map(|path| (path, start(path))).collect();
        let mut synced = sync_content(last);
        for (path, thread) in threads {
            let own = match thread.map(ScopedJoinHandle::join) {
                Some(Ok(own)) => own,
                // Without a thread it is done here.
                Some(Err(_)) | None => sync_content(path),
            };
            synced = synced.and(own);
        }
        synced
    })
}

fn sync_content(path: &Path) -> Result<()> {
    // Windows syncs only what is open for writing.
    let file = OpenOptions::new().read(true).write(cfg!(windows)).open(path);
    file.and_then(|file| file.sync_all()).map_err(FileError::io(path))
}

/// Syncs the names in a folder, so that a rename outlasts a power cut.
///
/// # Errors
/// When it cannot be opened or synced.
pub fn sync_folder(folder: &Path) -> Result<()> {
    if !cfg!(unix) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems sync no folders; there the rename is all there is.
        Err(error) if [io::ErrorKind::InvalidInput, io::ErrorKind::Unsupported].contains(&error.kind()) => {
            Ok(())
        }
        other => other.map_err(FileError::io(folder)),
    }
}

/// Removes a file or a folder with all that it holds, if it is there. A folder is renamed away first, so that a process
/// killed meanwhile leaves it whole or not at all under its name.
///
/// # Errors
/// When the system refuses.
pub fn discard(path: &Path) -> Result<()> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(FileError::io(path))?,
    };
    if !metadata.is_dir() {
        return fs::remove_file(path).map_err(FileError::io(path));
    }
    let away = if is_partial(path) { path.to_owned() } else { discarded(path) };
    if away != path {
        // Left by an earlier attempt.
        remove_tree(&away)?;
        fs::rename(path, &away).map_err(FileError::io(path))?;
    }
    remove_tree(&away)
}

/// Whether a name is one that [`partial`] and [`discard`] give, so that the file or folder may be removed.
#[must_use]
pub fn is_partial(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == PARTIAL)
}

/// The name beside a folder under which it is removed: `.NAME.old.part`, hidden, since a removal that was killed leaves it.
#[must_use]
pub fn discarded(path: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".old.");
    name.push(PARTIAL);
    path.with_file_name(name)
}

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(FileError::io(path)(error)),
        _ => Ok(()),
    }
}

/// The folder that a path lies in; the current one for a bare name.
#[must_use]
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_synced_later_only_within_begun_folders() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("alambic-begun-{}.part", std::process::id()));
        fs::create_dir_all(&folder).map_err(FileError::io(&folder))?;
        let (whole, partial) = (folder.join("whole"), partial(&folder.join("whole")));
        assert!(!is_within_begun(&folder.join("file")), "a user's folder may have any name");
        begin_folder(&partial)?;
        assert!(is_within_begun(&partial.join("inner/file")) && !is_within_begun(&partial));
        write(&partial.join("file"), b"text")?;
        publish_folder(&partial, &whole)?;
        assert!(!is_within_begun(&partial.join("file")) && whole.join("file").is_file());
        discard(&folder)
    }
}
