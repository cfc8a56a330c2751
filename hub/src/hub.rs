//! Client of the hub: its address, its cache, its token and its limits.

use std::path::{Path, PathBuf};

use alambic_files::text::quoted;

use crate::http::Client;
use crate::{HubError, HubName, Limits, environment};

/// Client of the hub, as the environment describes it.
#[derive(Clone)]
pub struct Hub {
    pub(crate) endpoint: String,
    /// None where the environment names no folder.
    pub(crate) cache: Option<PathBuf>,
    token: Option<String>,
    pub(crate) is_offline: bool,
    pub(crate) limits: Limits,
}

impl Hub {
    /// The hub and the cache that the environment names.
    #[must_use]
    pub fn from_environment() -> Self {
        Self {
            endpoint: without_trailing_slash(&environment::endpoint()),
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
            endpoint: without_trailing_slash(endpoint),
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

    /// The cache's folder.
    pub(crate) fn cache(&self) -> Result<&Path, HubError> {
        self.cache.as_deref().ok_or_else(|| {
            HubError::Environment("there is no home folder for the hub's cache: name one in HF_HOME".into())
        })
    }

    pub(crate) fn client(&self) -> Result<Client, HubError> {
        Client::new(&self.endpoint, self.token.clone(), self.limits).map_err(HubError::Environment)
    }

    pub(crate) fn refused(&self, name: &HubName, message: String) -> HubError {
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
fn without_trailing_slash(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_owned()
}
