//! Errors of this crate.

use std::io;
use std::path::{Path, PathBuf};

use crate::text::visible;

/// The result of an operation on files.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

/// Error of an operation on a file or folder.
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
    /// A folder that would be replaced holds files that are not in its list of digests.
    #[error("{} holds what no command wrote: {}; move it away, or choose another folder", path.display(), list(foreign))]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Those files.
        foreign: Vec<PathBuf>,
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

    /// What is wrong, without the path.
    #[must_use]
    pub fn reason(&self) -> String {
        let (text, path) = (self.to_string(), self.path().display().to_string());
        text.strip_prefix(&path).map_or(text.as_str(), |rest| rest.trim_start_matches([':', ' '])).to_owned()
    }

    /// The file or folder that it is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Content { path, .. }
            | Self::Foreign { path, .. }
            | Self::Locked { path, .. } => path,
        }
    }
}

/// The first of some paths, and how many more there are.
fn list(paths: &[PathBuf]) -> String {
    const MAX_LISTED: usize = 5;
    let shown: Vec<String> =
        paths.iter().take(MAX_LISTED).map(|path| visible(&path.to_string_lossy())).collect();
    let more = paths.len().saturating_sub(MAX_LISTED);
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("{}{more}", shown.join(", "))
}
