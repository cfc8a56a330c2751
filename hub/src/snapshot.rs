//! Snapshot of a repository, its files at one commit: from the hub into the cache, or from the cache alone.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use alambic_files::lock::Lock;
use alambic_files::text::quoted;
use alambic_files::{FileError, digests};
use hf_hub::{Repo, RepoType};

use crate::download::{Download, DownloadError};
use crate::http::Client;
use crate::listing;
use crate::path::{check_distinct, check_path};
use crate::repository_cache::{FileState, RepositoryCache};
use crate::{Hub, HubError, HubName};

/// Interval between two tries of a lock that another process holds.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(100);

/// For another process to end, where only the commit of a branch is to be noted.
const REFERENCE_WAIT: Duration = Duration::from_secs(2);

/// Snapshot of a repository at a commit.
pub(crate) struct Snapshot<'a> {
    hub: &'a Hub,
    name: &'a HubName,
    kind: RepoType,
    cache: RepositoryCache,
    commit: String,
    files: BTreeSet<String>,
    /// None without a network.
    client: Option<Client>,
    /// Held from the first file on that is written, so that no other process writes the same ones.
    lock: Option<Lock>,
}

impl<'a> Snapshot<'a> {
    /// Opens the snapshot of a name, as the hub lists it; without a network, as it stood when it was last fetched.
    ///
    /// # Errors
    /// When the hub refuses, or nothing may be fetched and the repository is not in the cache.
    pub(crate) fn open(hub: &'a Hub, name: &'a HubName, kind: RepoType) -> Result<Self, HubError> {
        let repo = Repo::with_revision(name.repository(), kind, name.revision().to_owned());
        let root = hub.cache()?;
        let cache = RepositoryCache::new(root, &repo);
        if hub.is_offline {
            let absent = || HubError::Offline { name: quoted(&name.text), cache: root.to_owned() };
            let commit = cache.commit(name.revision()).ok_or_else(absent)?;
            let folder = cache.snapshot(&commit);
            let files = digests::files_below(&folder).map_err(|_| absent())?;
            let files = files.iter().map(|path| digests::relative(&folder, path)).collect();
            return Ok(Self { hub, name, kind, cache, commit, files, client: None, lock: None });
        }
        let client = hub.client()?;
        let api = match kind {
            RepoType::Dataset => "datasets",
            _ => "models",
        };
        let revision = listing::encoded_revision(name.revision());
        let address = format!("{}/api/{api}/{}/revision/{revision}", hub.endpoint, name.repository());
        let listing = listing::fetch(&client, &address, name.revision(), &hub.limits)
            .map_err(|failure| hub.refused(name, failure.message()))?;
        Ok(Self {
            hub,
            name,
            kind,
            cache,
            commit: listing.commit,
            files: listing.files,
            client: Some(client),
            lock: None,
        })
    }

    /// The names of its files, as the hub gives them.
    pub(crate) fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(String::as_str)
    }

    pub(crate) fn contains(&self, file: &str) -> bool {
        self.files.contains(file)
    }

    /// Its folder in the cache.
    pub(crate) fn folder(&self) -> PathBuf {
        self.cache.snapshot(&self.commit)
    }

    /// The error for something that the hub or a file of the repository says and that is not valid.
    pub(crate) fn refused(&self, message: String) -> HubError {
        self.hub.refused(self.name, message)
    }

    /// The error for a file that is not there: with a network what is given, without one that the cache lacks it.
    pub(crate) fn missing(&self, online: HubError) -> HubError {
        if self.client.is_some() { online } else { self.absent() }
    }

    fn absent(&self) -> HubError {
        HubError::Offline { name: self.name(), cache: self.hub.cache.clone().unwrap_or_default() }
    }

    /// The name as a message quotes it.
    pub(crate) fn name(&self) -> String {
        quoted(&self.name.text)
    }

    /// Several files, fetched where they are not in the cache, in their order.
    ///
    /// # Errors
    /// Those of [`Self::fetch`].
    pub(crate) fn fetch_all(&mut self, files: &[String]) -> Result<(), HubError> {
        files.iter().try_for_each(|file| self.fetch(file, self.max_bytes(file)).map(drop))
    }

    /// Checks that the files are no more than a model has, and can lie beside each other on every system.
    ///
    /// # Errors
    /// What is wrong with them.
    pub(crate) fn check_together(&self, files: &[String]) -> Result<(), String> {
        if files.len() > self.hub.limits.max_files {
            return Err(format!(
                "it has {} files; the most of a model are {}",
                files.len(),
                self.hub.limits.max_files
            ));
        }
        check_distinct(files.iter().map(String::as_str)).map_err(|(one, other)| {
            format!("`{}` and `{}` are one file on systems that ignore case", quoted(&one), quoted(&other))
        })
    }

    /// The error for files of the repository that say what cannot be. They are asked for again the next time: a hub that
    /// says otherwise then must not be held to what another said.
    pub(crate) fn reject(&self, files: &[String], message: String) -> HubError {
        if self.client.is_some() {
            for file in files {
                // A file that cannot be removed is found to be wrong again.
                let _ = std::fs::remove_file(self.folder().join(file));
            }
        }
        self.refused(message)
    }

    /// The most bytes that a file of a model may have.
    pub(crate) fn max_bytes(&self, file: &str) -> u64 {
        let limits = &self.hub.limits;
        let is_weights = [".safetensors", ".bin"].iter().any(|end| file.ends_with(end));
        if is_weights { limits.max_file_bytes } else { limits.max_text_bytes }
    }

    /// A file of at most `max` bytes, fetched if it is not in the cache or is damaged there.
    ///
    /// # Errors
    /// When its name is no path, the hub does not give it as it said, or the cache cannot be written; without a network,
    /// when it is not in the cache or is damaged there.
    pub(crate) fn fetch(&mut self, file: &str, max: u64) -> Result<PathBuf, HubError> {
        let described = |message: String| format!("`{}`: {message}", quoted(file));
        check_path(file)
            .map_err(|fault| self.refused(described(format!("the name of this file {fault}"))))?;
        let path = self.folder().join(file);
        let state = self.cache.state(&path);
        let Some(client) = &self.client else {
            return match state {
                FileState::Verified | FileState::Unverified => Ok(path),
                FileState::Corrupt => Err(HubError::Damaged { name: self.name(), path }),
                FileState::Missing => Err(self.absent()),
            };
        };
        if state == FileState::Verified {
            return Ok(path);
        }
        if cfg!(any(windows, target_os = "macos")) {
            let is_same = |other: &&String| *other != file && other.to_lowercase() == file.to_lowercase();
            if let Some(other) = self.files.iter().find(is_same) {
                return Err(self.refused(described(format!("it cannot lie beside `{}`", quoted(other)))));
            }
        }
        let download = Download {
            client,
            limits: &self.hub.limits,
            cache: &self.cache,
            commit: &self.commit,
            address: format!(
                "{}/{}{}/resolve/{}/{}",
                self.hub.endpoint,
                if matches!(self.kind, RepoType::Dataset) { "datasets/" } else { "" },
                self.name.repository(),
                self.commit,
                listing::encoded_path(file)
            ),
            max,
        };
        let metadata = download.metadata().map_err(|failure| self.refused(described(failure.message())))?;
        if state == FileState::Unverified && metadata.matches(&path) {
            return Ok(path);
        }
        if self.lock.is_none() {
            self.lock = Some(self.lock(self.hub.limits.wait_time)?);
        }
        // Another process may have fetched it while this one waited.
        if self.cache.state(&path) != FileState::Verified {
            let blob = download.blob(&metadata).map_err(|fault| match fault {
                DownloadError::Hub(failure) => self.refused(described(failure.message())),
                DownloadError::File(source) => self.cache_error(source),
            })?;
            self.cache.link_file(&path, &blob).map_err(|source| self.cache_error(source))?;
        }
        Ok(path)
    }

    /// Notes which commit the revision stood for, so that its name is enough without a network. That it cannot be noted
    /// does no harm now.
    pub(crate) fn write_reference(mut self) {
        let revision = self.name.revision();
        if self.client.is_none() || self.cache.commit(revision).as_ref() == Some(&self.commit) {
            return;
        }
        if self.lock.is_none() {
            self.lock = self.lock(self.hub.limits.wait_time.min(REFERENCE_WAIT)).ok();
        }
        if self.lock.is_some() {
            let _ = self.cache.write_commit(revision, &self.commit);
        }
    }

    /// Keeps other processes from writing into the repository's folder, when they have ended.
    fn lock(&self, wait: Duration) -> Result<Lock, HubError> {
        let root = self.cache.root();
        std::fs::create_dir_all(root).map_err(|error| self.cache_error(FileError::io(root)(error)))?;
        let until = Instant::now() + wait;
        loop {
            match Lock::acquire(root, "fetching from the hub") {
                Err(FileError::Locked { .. }) if Instant::now() < until => {
                    std::thread::sleep(LOCK_POLL_INTERVAL);
                }
                other => return other.map_err(|source| self.cache_error(source)),
            }
        }
    }

    fn cache_error(&self, source: FileError) -> HubError {
        HubError::Cache { name: self.name(), source }
    }
}
