//! The list of a cache's shards, written while the teacher or a training goes on.

use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use alambic_files::digests::Digests;
use alambic_files::lock::Lock;
use alambic_files::write;

use crate::TeacherError;

/// The list of a cache's shards, and the lock of whoever computes them.
#[derive(Debug)]
struct List {
    folder: PathBuf,
    digests: Digests,
    /// None where the cache was complete.
    _lock: Option<Lock>,
}

impl List {
    /// Syncs a shard, and lists it: until then it counts as not there.
    fn add(&mut self, shard: &str) -> Result<(), TeacherError> {
        write::sync_file(&self.folder.join(shard))?;
        self.digests.insert(&self.folder, shard)?;
        Ok(self.digests.write(&self.folder)?)
    }
}

/// A list of shards that grows in the background: to sync a large shard is a wait for the disk.
///
/// A process that ends before a shard is listed computes it once more.
#[derive(Debug)]
pub(super) struct Listing {
    /// The list, while nothing is added.
    list: Option<List>,
    adding: Option<JoinHandle<Result<List, TeacherError>>>,
}

impl Listing {
    /// The list of a cache as it was read.
    pub(super) fn new(folder: PathBuf, digests: Digests, lock: Option<Lock>) -> Self {
        Self { list: Some(List { folder, digests, _lock: lock }), adding: None }
    }

    /// Lists a shard that has been written, when the one before is listed.
    ///
    /// # Errors
    /// When the one before could not be synced or listed.
    pub(super) fn add(&mut self, shard: String) -> Result<(), TeacherError> {
        self.wait()?;
        if let Some(mut list) = self.list.take() {
            let folder = list.folder.clone();
            let adding = move || list.add(&shard).map(|()| list);
            self.adding = Some(thread::Builder::new().spawn(adding).map_err(TeacherError::file(&folder))?);
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<(), TeacherError> {
        // A thread that panicked has said so; nothing more is listed.
        if let Some(Ok(listed)) = self.adding.take().map(JoinHandle::join) {
            self.list = Some(listed?);
        }
        Ok(())
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        // What could not be listed is computed once more by whoever needs it next.
        let _ = self.wait();
    }
}
