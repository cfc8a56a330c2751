//! Models and files of the Hugging Face hub, fetched into its usual cache.
//!
//! A name is `OWNER/NAME[@REVISION]`, and for a file of a dataset `OWNER/NAME[@REVISION]/PATH` ([`Name`]); without a
//! revision it is `main`. Everything is fetched at one commit, so that a branch that moves meanwhile cannot mix two versions.
//! The cache is the one that the Python libraries use: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH`
//! and `HF_HUB_OFFLINE` are honoured, and `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
//!
//! What a hub says is not believed: names become paths when they stay below their folder on every system, a file gets its
//! name when its length and its digest are those that were told for the commit of the listing, the token goes to the hub's
//! own address alone, and everything has a limit ([`Limits`]). A file that is damaged in the cache is fetched again.

mod answer;
mod digest;
mod download;
mod environment;
mod error;
mod http;
mod limits;
mod listing;
mod model;
mod name;
mod path;
mod snapshot;
mod store;

use std::path::{Path, PathBuf};

use alambic_files::text::quoted;
use hf_hub::RepoType;

pub use error::HubError;
pub use limits::Limits;
pub use name::{Name, NameError};

use crate::http::Client;
use crate::snapshot::Snapshot;

/// Files of a dataset that an error names.
const NAMED: usize = 20;

/// The hub as the environment describes it.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    /// None where the environment names no folder.
    cache: Option<PathBuf>,
    token: Option<String>,
    is_offline: bool,
    limits: Limits,
}

impl Hub {
    /// The hub and the cache that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            endpoint: bare(&environment::endpoint()),
            cache: environment::cache(),
            token: environment::token(),
            is_offline: environment::is_offline(),
            limits: Limits::default(),
        }
    }

    /// A hub at an address with a cache, for tools that ask no environment.
    #[must_use]
    pub fn at(endpoint: &str, cache: &Path) -> Self {
        Self {
            endpoint: bare(endpoint),
            cache: Some(cache.to_owned()),
            token: None,
            is_offline: false,
            limits: Limits::default(),
        }
    }

    /// The same without a network.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.is_offline = true;
        self
    }

    /// The same with a token, which is sent to the hub's address and to no other.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// The same within other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The folder of a model with its configuration, tokenizer and weights, fetched if it is not in the cache.
    ///
    /// # Errors
    /// When the name is wrong, the hub refuses or says what cannot be, or nothing may be fetched and the model is not there.
    pub fn model(&self, name: &str) -> Result<PathBuf, HubError> {
        let name = Name::parse_model(name)?;
        if name.path.is_some() {
            return Err(HubError::NoRepository(quoted(&name.text)));
        }
        let mut snapshot = Snapshot::open(self, &name, RepoType::Model)?;
        model::obtain(&mut snapshot)?;
        let folder = snapshot.folder();
        snapshot.keep_reference();
        Ok(folder)
    }

    /// A file of a dataset's repository, named `OWNER/NAME[@REVISION]/PATH`, fetched if it is not in the cache.
    ///
    /// # Errors
    /// As for [`Self::model`], and when there is no such file; the error lists the tables that there are.
    pub fn file(&self, name: &str) -> Result<PathBuf, HubError> {
        let name = Name::parse(name)?;
        let path = name.path.as_deref().unwrap_or_default();
        let mut snapshot = Snapshot::open(self, &name, RepoType::Dataset)?;
        if !snapshot.holds(path) {
            return Err(snapshot.lacks(no_file(&snapshot, path)));
        }
        let file = snapshot.obtain(path, self.limits.max_file_bytes)?;
        snapshot.keep_reference();
        Ok(file)
    }

    /// The cache's folder.
    fn cache(&self) -> Result<&Path, HubError> {
        self.cache.as_deref().ok_or_else(|| {
            HubError::Environment("there is no home folder for the hub's cache: name one in HF_HOME".into())
        })
    }

    fn client(&self) -> Result<Client, HubError> {
        Client::new(&self.endpoint, self.token.clone(), self.limits).map_err(HubError::Environment)
    }

    fn refused(&self, name: &Name, message: String) -> HubError {
        // Without a user's name and password, where it has them.
        let endpoint = match self.endpoint.split_once("://") {
            Some((scheme, rest)) => match rest.rsplit_once('@') {
                Some((_, host)) => format!("{scheme}://{host}"),
                None => self.endpoint.clone(),
            },
            None => self.endpoint.clone(),
        };
        HubError::Refused { name: quoted(&name.text), endpoint: quoted(&endpoint), message }
    }
}

impl std::fmt::Debug for Hub {
    /// Without the token.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("is_offline", &self.is_offline)
            .finish_non_exhaustive()
    }
}

/// An address without the slash at its end.
fn bare(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_owned()
}

/// The error for a file that is not in a dataset, with the tables that are.
fn no_file(snapshot: &Snapshot, path: &str) -> HubError {
    let ends = [".parquet", ".csv", ".tsv", ".jsonl", ".json"];
    let tables: Vec<&str> =
        snapshot.files().filter(|file| ends.iter().any(|end| file.ends_with(end))).collect();
    if tables.is_empty() {
        return snapshot.refused("there is no table in it".to_owned());
    }
    let named: Vec<String> = tables.iter().take(NAMED).map(|file| quoted(file)).collect();
    let more = match tables.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let missing = if path.is_empty() { String::new() } else { format!("it has no `{}`; ", quoted(path)) };
    snapshot.refused(format!(
        "{missing}name one of its files behind it, as `hf:OWNER/NAME/PATH`; it has {}{more}",
        named.join(", ")
    ))
}
