//! Errors of this crate.

use std::path::PathBuf;

use alambic_files::FileError;

use crate::HubNameError;

/// Error of fetching from the hub.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The name is not one of the hub's.
    #[error(transparent)]
    HubName(#[from] HubNameError),
    /// The environment describes no hub that can be asked.
    #[error("{0}")]
    Environment(String),
    /// It is not in the cache, and the network may not be used.
    #[error("hf:{name} is not in {}, and HF_HUB_OFFLINE forbids to fetch it: run once without it", cache.display())]
    Offline {
        /// The name.
        name: String,
        /// The cache.
        cache: PathBuf,
    },
    /// A file in the cache is not what its digest says, and the network may not be used.
    #[error(
        "hf:{name}: {} is damaged, and HF_HUB_OFFLINE forbids to fetch it again: run once without it", path.display()
    )]
    Damaged {
        /// The name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// The hub did not give it, or gave something else.
    #[error("hf:{name} cannot be fetched from {endpoint}: {message}")]
    Refused {
        /// The name.
        name: String,
        /// The hub's address.
        endpoint: String,
        /// Which file, why, and what to do.
        message: String,
    },
    /// A file where a model is wanted.
    #[error("hf:{0} names a file, and a model is a whole repository: leave out the path behind its name")]
    NoRepository(String),
    /// A model's repository holds nothing that a model is made of.
    #[error("hf:{name} holds no `{file}`; is it a model?")]
    NoModel {
        /// The name.
        name: String,
        /// The file that is missing.
        file: &'static str,
    },
    /// The cache cannot be read or written.
    #[error("the cache of hf:{name}: {source}")]
    Cache {
        /// The name.
        name: String,
        /// What the system said, with the file.
        source: FileError,
    },
}
