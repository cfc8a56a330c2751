//! Errors of teachers over HTTP.

use std::path::PathBuf;

/// What the name of the file with the settings of answers adds to that of their table.
pub(crate) const SETTINGS_EXTENSION: &str = ".settings.json";

/// Reasons why an endpoint gives no supervision.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// An option does not go with the others, or with what is asked.
    #[error("`{key}` {message}")]
    Options {
        /// The key, or `classes`, `examples` and `texts` for what the caller gave.
        key: &'static str,
        /// What is wrong with it, and what to do.
        message: String,
    },
    /// The key cannot be had from the environment.
    #[error("the environment variable {variable} that `key-variable` names {problem}")]
    Key {
        /// Its name in backquotes, or nothing where that might be a key.
        variable: String,
        /// What is wrong with it, and what to do.
        problem: &'static str,
    },
    /// The server refused, or gave no answer that can be read.
    #[error("{url}: {message}")]
    Server {
        /// The address that was asked.
        url: String,
        /// What went wrong, what the server says, and what to do.
        message: String,
    },
    /// The answers of a file were made with other settings.
    #[error(
        "{}: the answers in it were made with another `{part}` ({was}; now {now}); name another file, delete this one \
         with the one that ends with `{}`, or go back to that `{part}`",
        path.display(), SETTINGS_EXTENSION
    )]
    Stale {
        /// The file of answers.
        path: PathBuf,
        /// The key that changed.
        part: String,
        /// Its value in the file, as JSON, shortened.
        was: String,
        /// The value now.
        now: String,
    },
    /// A file of answers is in use.
    #[error("{}: another process writes answers into this file; wait until it has ended, or name another", path.display())]
    InUse {
        /// The file of answers.
        path: PathBuf,
    },
}
