//! Cache of a repository, in the layout that all clients of the hub share.
//!
//! `blobs/DIGEST` holds what files contain, `snapshots/COMMIT/PATH` leads to it by a relative link (or is a copy, where the
//! system has no links), and `refs/REVISION` holds the commit that a branch stood for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use alambic_files::{FileError, read, write};
use hf_hub::{Cache, CacheRepo, Repo};

use crate::digest::DigestKind;
use crate::path::is_commit;

/// Longest text of a reference that is read.
const MAX_REFERENCE_BYTES: u64 = 200;

/// State of a file in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileState {
    /// Not there.
    Missing,
    /// Something else than the digest in its name says, or a link that leads out of the repository's folder.
    Corrupt,
    /// A file without a digest in its name: a copy, or a blob of a hub that gives none.
    Unverified,
    /// The file of its digest.
    Verified,
}

/// Cache of a repository: its folder among those of all.
pub(crate) struct RepositoryCache {
    root: PathBuf,
    repo: CacheRepo,
}

impl RepositoryCache {
    pub(crate) fn new(cache: &Path, repo: &Repo) -> Self {
        let root = cache.join(repo.folder_name());
        Self { root, repo: Cache::new(cache.to_owned()).repo(repo.clone()) }
    }

    /// The repository's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder of a commit's files.
    pub(crate) fn snapshot(&self, commit: &str) -> PathBuf {
        self.repo.pointer_path(commit)
    }

    /// The blob of a digest.
    pub(crate) fn blob(&self, digest: &str) -> PathBuf {
        self.root.join("blobs").join(digest)
    }

    /// The path at which a file is written until it is whole. No other client uses the name, and none can go on with it.
    pub(crate) fn partial(&self, digest: Option<&str>) -> PathBuf {
        let name = format!("{}.alambic", digest.unwrap_or("unnamed"));
        write::partial(&self.root.join("blobs").join(name))
    }

    /// The commit that a branch stood for when it was last fetched; a commit stands for itself. None where that is not
    /// known, or the file holds no word.
    pub(crate) fn commit(&self, revision: &str) -> Option<String> {
        if is_commit(revision) {
            return Some(revision.to_owned());
        }
        let text = read::text(&self.root.join("refs").join(revision), MAX_REFERENCE_BYTES).ok()?;
        let commit = text.trim();
        // Written by whatever client: a word, at least, stays within `snapshots`.
        let is_word = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_word.then(|| commit.to_owned())
    }

    /// Notes which commit a branch stands for.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write_commit(&self, revision: &str, commit: &str) -> Result<(), FileError> {
        let path = self.root.join("refs").join(revision);
        self.make_parent(&path)?;
        write::write(&path, commit.as_bytes())
    }

    /// The state of a file.
    pub(crate) fn state(&self, path: &Path) -> FileState {
        let Ok(metadata) = fs::symlink_metadata(path) else { return FileState::Missing };
        let Ok(real) = path.canonicalize() else { return FileState::Corrupt };
        if !self.holds(&real) || !real.is_file() {
            return FileState::Corrupt;
        }
        if !metadata.is_symlink() {
            return FileState::Unverified;
        }
        Self::verify(&real)
    }

    /// Whether a blob is what its name says.
    pub(crate) fn verify(blob: &Path) -> FileState {
        if !blob.is_file() {
            return FileState::Missing;
        }
        let name = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        match DigestKind::of(name).map(|kind| kind.of_file(blob)) {
            None => FileState::Unverified,
            Some(Ok(digest)) if digest == name => FileState::Verified,
            Some(_) => FileState::Corrupt,
        }
    }

    /// Puts a blob into the place of a file, in one step where the system has links.
    ///
    /// # Errors
    /// When the system refuses, and when the place lies behind a link that leads out of the cache.
    pub(crate) fn link_file(&self, path: &Path, blob: &Path) -> Result<(), FileError> {
        self.link_file_by(link, path, blob)
    }

    fn link_file_by(
        &self,
        link: impl FnOnce(&Path, &Path) -> io::Result<()>,
        path: &Path,
        blob: &Path,
    ) -> Result<(), FileError> {
        self.make_parent(path)?;
        let depth = path.strip_prefix(&self.root).unwrap_or(path).components().count();
        let mut target: PathBuf = std::iter::repeat_n("..", depth.saturating_sub(1)).collect();
        target.extend(["blobs".as_ref(), blob.file_name().unwrap_or_default()]);
        // In the repository's own folder, where no file of the hub can have the name.
        let partial = write::partial(&self.root.join(".pointer"));
        write::discard(&partial)?;
        link(&target, &partial)
            .or_else(|_| fs::hard_link(blob, &partial))
            .or_else(|_| fs::copy(blob, &partial).map(drop))
            .map_err(FileError::io(&partial))?;
        fs::rename(&partial, path).map_err(FileError::io(path))?;
        // Two names of one file are left as they are.
        write::discard(&partial)?;
        write::sync_folder(write::parent(path))
    }

    /// Makes the folder that a path lies in.
    ///
    /// # Errors
    /// When the system refuses, and when a link on the way leads out of the cache.
    pub(crate) fn make_parent(&self, path: &Path) -> Result<(), FileError> {
        let parent = write::parent(path);
        fs::create_dir_all(&self.root).map_err(FileError::io(&self.root))?;
        // Before anything is made: the nearest folder that is there decides where the rest is made.
        let nearest = parent.ancestors().find(|folder| folder.exists()).unwrap_or(parent);
        let real = nearest.canonicalize().map_err(FileError::io(nearest))?;
        if !self.holds(&real) {
            return Err(FileError::content(nearest, "this leads out of the cache; remove it"));
        }
        fs::create_dir_all(parent).map_err(FileError::io(parent))
    }

    /// Whether a path without links that lies in the repository's folder, or where its blobs are.
    fn holds(&self, real: &Path) -> bool {
        [self.root.clone(), self.root.join("blobs")]
            .iter()
            .filter_map(|folder| folder.canonicalize().ok())
            .any(|folder| real.starts_with(folder))
    }
}

#[cfg(unix)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, path)
}

#[cfg(windows)]
fn link(target: &Path, path: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, path)
}

#[cfg(not(any(unix, windows)))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use hf_hub::RepoType;

    use super::*;

    #[test]
    fn where_there_are_no_links_the_file_itself_is_in_its_place() {
        let cache = tempfile::tempdir().unwrap();
        let store = RepositoryCache::new(cache.path(), &Repo::new("owner/small".into(), RepoType::Model));
        let blob = store.blob("900150983cd24fb0d6963f7d28e17f72");
        fs::create_dir_all(blob.parent().unwrap()).unwrap();
        fs::write(&blob, "abc").unwrap();
        let path = store.snapshot("a").join("1_Pooling/config.json");
        for _ in 0..2 {
            store.link_file_by(|_, _| Err(io::ErrorKind::Unsupported.into()), &path, &blob).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"abc");
            assert_eq!(store.state(&path), FileState::Unverified);
            assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
            assert!(!write::partial(&store.root().join(".pointer")).exists());
        }
    }

    #[test]
    fn a_reference_that_is_no_word_is_none() {
        let cache = tempfile::tempdir().unwrap();
        let store = RepositoryCache::new(cache.path(), &Repo::new("owner/small".into(), RepoType::Model));
        assert_eq!(store.commit("main"), None);
        store.write_commit("feature/x", "0123abc").unwrap();
        assert_eq!(store.commit("feature/x").as_deref(), Some("0123abc"));
        for wrong in ["../../..", "", "/etc", "a/b", "a\u{0}b", &"a".repeat(300)] {
            store.write_commit("main", wrong).unwrap();
            assert_eq!(store.commit("main"), None, "{wrong:?}");
        }
    }
}
