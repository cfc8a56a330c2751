//! Errors of this crate.

use std::io;
use std::path::{Path, PathBuf};

/// The result of an operation on files.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

/// What can go wrong with a file or folder.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is not what is expected in its place.
    #[error("{}: {message}", path.display())]
    Content {
        /// Which file.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// Another process works in the folder.
    #[error("{} is in use by {holder}; wait until it has ended, or stop it", path.display())]
    Locked {
        /// The folder.
        path: PathBuf,
        /// The other process: its number, its command, and since when.
        holder: String,
    },
}

impl FileError {
    /// The failure of an operation on a path.
    pub fn io(path: &Path) -> impl Fn(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path: path.clone(), source }
    }

    /// A file that is not what is expected.
    #[must_use]
    pub fn content(path: &Path, message: impl std::fmt::Display) -> Self {
        Self::Content { path: path.to_owned(), message: message.to_string() }
    }

    /// The file or folder that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. } | Self::Content { path, .. } | Self::Locked { path, .. } => path,
        }
    }
}
