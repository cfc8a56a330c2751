//! Folder that a run writes.

use std::path::{Path, PathBuf};

use alambic_files::lock::Lock;

use crate::error::RunError;

/// The folder of a run, locked for this process.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    lock: Lock,
}

impl RunFolder {
    /// A folder with its lock.
    pub(crate) fn new(path: PathBuf, lock: Lock) -> Self {
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
        Ok(self.lock.check()?)
    }
}
