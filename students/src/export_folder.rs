//! Folder of an export: written whole or not at all, and never over files of others.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use alambic_files::digests::{DIGESTS, Digest, Digests, files_below, relative};
use alambic_files::lock::{LOCK, Lock};
use alambic_files::text::quoted;
use alambic_files::{FileError, read, write};
use alambic_models::ModelFolder;
use serde_json::{Map, Value, json};

use crate::StudentError;
use crate::save_pretrained::write_json;

/// File that marks a folder as the export of a model.
const MARK: &str = "export.json";

/// The folder of the Hugging Face form within that of an export.
pub(crate) const HUGGING_FACE: &str = "hf";

/// Version of the layout of an export. In the first one, ONNX files lay beside `hf/`.
const SCHEMA: u64 = 2;

/// Maximum number of foreign files that an error names.
const MAX_NAMED: usize = 5;

/// Folder of an export, which is written beside its place until it is complete.
pub(crate) struct ExportFolder {
    whole: PathBuf,
    partial: PathBuf,
    model: String,
    /// Files of an earlier export of the same model.
    earlier: Vec<PathBuf>,
    /// Whether the folder was not there before.
    is_new: bool,
    lock: Option<Lock>,
}

impl ExportFolder {
    /// The folder `to` for an export of a model, if it may be written.
    pub(crate) fn open(to: &Path, model: &ModelFolder) -> Result<Self, StudentError> {
        let refused = |message: String| StudentError::ExportFolder { path: to.to_owned(), message };
        if to.exists() && !to.is_dir() {
            return Err(refused("this is no folder; name one with `--to`".into()));
        }
        write::recover(to)?;
        let is_new = !to.exists();
        fs::create_dir_all(to).map_err(FileError::io(to))?;
        // Links and `..` may lead to the model's own folder.
        let whole = to.canonicalize().map_err(FileError::io(to))?;
        let mut target = Self {
            partial: write::partial_beside(&whole),
            model: String::new(),
            earlier: Vec::new(),
            is_new,
            lock: None,
            whole,
        };
        for own in [model.root(), model.path()] {
            let own = own.canonicalize().map_err(FileError::io(own))?;
            if own.starts_with(&target.whole) {
                return Err(refused(
                    "the model that is exported lies there; name another folder with `--to`".into(),
                ));
            }
        }
        let current = std::env::current_dir().and_then(|current| current.canonicalize());
        if current.is_ok_and(|current| current.starts_with(&target.whole)) {
            return Err(refused("this is the folder you are in; name one within it with `--to`".into()));
        }
        target.lock = Some(Lock::acquire(&target.whole, "alambic export")?);
        target.model = identity(model)?;
        target.earlier = target.earlier(to)?;
        write::begin_folder(&target.partial)?;
        Ok(target)
    }

    /// Where it is written until it is whole.
    pub(crate) fn partial(&self) -> &Path {
        &self.partial
    }

    /// The files of an earlier export of the model in the folder.
    fn earlier(&self, to: &Path) -> Result<Vec<PathBuf>, StudentError> {
        let refused = |message: String| StudentError::ExportFolder { path: to.to_owned(), message };
        let files: Vec<PathBuf> = files_below(&self.whole)?
            .into_iter()
            .filter(|path| path.file_name() != Some(OsStr::new(LOCK)))
            .collect();
        if files.is_empty() {
            return Ok(files);
        }
        let mark = self.whole.join(MARK);
        let digests = if mark.is_file() { Digests::read(&self.whole)? } else { None };
        let listed = digests.unwrap_or_default().files;
        let is_own = |path: &PathBuf| {
            let name = relative(&self.whole, path);
            name == DIGESTS && !listed.is_empty()
                || listed.get(&name).is_some_and(|digest: &Digest| digest.check(path).is_ok())
        };
        let foreign: Vec<String> = files
            .iter()
            .filter(|path| !is_own(path))
            .map(|path| format!("`{}`", quoted(&relative(&self.whole, path))))
            .collect();
        if !foreign.is_empty() {
            let more = match foreign.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            return Err(refused(format!(
                "the folder holds files that no export wrote, or that were changed since: {}{more}; name an empty folder with \
                 `--to`, or move them away",
                foreign.into_iter().take(MAX_NAMED).collect::<Vec<_>>().join(", ")
            )));
        }
        let text = read::state(&mark)?;
        let marked: Value = serde_json::from_str(&text).map_err(|error| FileError::content(&mark, error))?;
        if marked["schema"] != SCHEMA {
            return Err(refused(
                "the folder holds the export of an earlier version, whose files lie in other places; name another folder with \
                 `--to`, or remove it"
                    .into(),
            ));
        }
        if marked["model"] != self.model.as_str() {
            return Err(refused(
                "the folder holds the export of another model; name another folder with `--to`, or remove it"
                    .into(),
            ));
        }
        Ok(files)
    }

    /// What an earlier export of the model measured.
    fn recorded(&self) -> Result<Map<String, Value>, StudentError> {
        let mark = self.whole.join(MARK);
        if self.earlier.is_empty() {
            return Ok(Map::new());
        }
        let read: Value =
            serde_json::from_str(&read::state(&mark)?).map_err(|error| FileError::content(&mark, error))?;
        Ok(read["exported"].as_object().cloned().unwrap_or_default())
    }

    /// Puts the folder in its place, with the forms of an earlier export that were not written anew. `exported` says of each
    /// file or folder that was, by its path within, what was measured.
    pub(crate) fn publish(mut self, exported: Map<String, Value>) -> Result<(), StudentError> {
        let mut recorded = self.recorded()?;
        recorded.extend(exported);
        let mark = json!({ "schema": SCHEMA, "model": self.model, "exported": recorded });
        write_json(&self.partial.join(MARK), &mark)?;
        for path in &self.earlier {
            let place = self.partial.join(relative(&self.whole, path));
            // A Hugging Face folder is written anew as a whole.
            let is_replaced = place.exists()
                || path.file_name() == Some(OsStr::new(DIGESTS))
                || path.starts_with(self.whole.join(HUGGING_FACE))
                    && self.partial.join(HUGGING_FACE).exists();
            if !is_replaced {
                let folder = write::parent(&place);
                fs::create_dir_all(folder).map_err(FileError::io(folder))?;
                fs::copy(path, &place).map_err(FileError::io(path))?;
            }
        }
        Digests::of_folder(&self.partial)?.write(&self.partial)?;
        write::publish_folder(&self.partial, &self.whole)?;
        self.is_new = false;
        Ok(())
    }
}

impl Drop for ExportFolder {
    fn drop(&mut self) {
        // Nothing of an export that failed stays; there is nowhere to report that even this fails. What another process writes
        // is let alone.
        if self.lock.take().is_some() {
            let _ = write::discard(&self.partial);
        }
        if self.is_new {
            let _ = fs::remove_dir(&self.whole);
        }
    }
}

/// Identity of a model: the digest of its configuration and weights.
fn identity(model: &ModelFolder) -> Result<String, StudentError> {
    let mut hasher = blake3::Hasher::new();
    // Static embeddings of sentence-transformers have no configuration.
    let config = Some(model.path().join("config.json")).filter(|path| path.is_file());
    for path in config.into_iter().chain(model.weight_files()?) {
        hasher.update(Digest::of_file(&path)?.blake3.as_bytes());
    }
    Ok(hasher.finalize().to_hex().to_string())
}
