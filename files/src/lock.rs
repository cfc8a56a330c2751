//! Lock of a folder, held by one process at a time.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::error::{FileError, Result};
use crate::read;
use crate::text::quoted;

/// The file that a process holds locked in the folder it works in.
pub const LOCK: &str = ".alambic.lock";

/// The most bytes of a lock file that are read for a message.
const MAX_HOLDER_BYTES: u64 = 200;

/// Lock of a folder by this process, until it is dropped. It is the operating system's: it ends with the process,
/// however that ends, and a file that a killed process left keeps nobody out.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Locks a folder that exists, for what `command` does.
    ///
    /// # Errors
    /// [`FileError::Locked`] when another process holds it, and when the system refuses. Where a file system knows no locks
    /// at all, the folder is taken as unlocked.
    pub fn acquire(folder: &Path, command: &str) -> Result<Self> {
        let path = folder.join(LOCK);
        if path.exists() {
            // To open a pipe would wait for somebody to write into it.
            drop(read::open(&path)?);
        }
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&path)
                .map_err(FileError::io(&path))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    let mut holder = Vec::new();
                    // A message without the other's name is still a message.
                    let _ = (&mut file).take(MAX_HOLDER_BYTES).read_to_end(&mut holder);
                    let holder = String::from_utf8_lossy(&holder);
                    let holder = if holder.trim().is_empty() {
                        "another process".into()
                    } else {
                        quoted(holder.trim())
                    };
                    return Err(FileError::Locked { path: folder.to_owned(), holder });
                }
                Err(TryLockError::Error(error)) if is_unsupported(&error) => {}
                Err(TryLockError::Error(error)) => return Err(FileError::io(&path)(error)),
            }
            if !is_same_file(&file, &path) {
                // The former holder removed it between opening and locking.
                continue;
            }
            let holder = format!("process {} ({command})\n", std::process::id());
            file.set_len(0)
                .and_then(|()| file.rewind())
                .and_then(|()| file.write_all(holder.as_bytes()))
                .map_err(FileError::io(&path))?;
            return Ok(Self { path, file });
        }
    }
}

impl Lock {
    /// Checks that the folder is still the one that was locked: what is written by its path from now on would otherwise land in
    /// another process's.
    ///
    /// # Errors
    /// [`FileError::Content`] when it was moved away or replaced.
    pub fn check(&self) -> Result<()> {
        if is_same_file(&self.file, &self.path) {
            return Ok(());
        }
        let folder = crate::write::parent(&self.path);
        Err(FileError::content(
            folder,
            "the folder was moved away or replaced while this process worked in it",
        ))
    }
}

/// Whether a file system supports no locks, as some that are mounted over a network.
fn is_unsupported(error: &std::io::Error) -> bool {
    /// `ENOLCK` of Linux.
    const NO_LOCKS: i32 = 37;
    error.kind() == std::io::ErrorKind::Unsupported
        || cfg!(target_os = "linux") && error.raw_os_error() == Some(NO_LOCKS)
}

impl Drop for Lock {
    fn drop(&mut self) {
        // While it is still locked, and only if it is still ours: the folder may have been replaced.
        if is_same_file(&self.file, &self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(unix)]
fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(one), Ok(other)) = (file.metadata(), fs::metadata(path)) else { return false };
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Elsewhere a file that is open cannot be replaced.
#[cfg(not(unix))]
fn is_same_file(_: &File, path: &Path) -> bool {
    path.exists()
}
