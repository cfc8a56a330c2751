//! Folder that a run writes.

use std::path::{Path, PathBuf};

use alambic_files::lock::Lock;

use crate::error::RunError;

/// The folder of a run, locked for this process, or for the first of the ranks that work on it.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// None on the other ranks, which write nothing.
    lock: Option<Lock>,
}

impl RunFolder {
    /// A folder with its lock.
    pub(crate) fn new(path: PathBuf, lock: Option<Lock>) -> Self {
        Self { path, lock }
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Checks that the folder is still the one that was locked, before something is written there.
    ///
    /// # Errors
    /// When it was moved or deleted.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        Ok(self.lock.as_ref().map_or(Ok(()), Lock::check)?)
    }
}
