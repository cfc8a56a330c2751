//! Download of one file into the cache, where it gets its name once its length and its digest are verified.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alambic_files::{FileError, write};

use crate::Limits;
use crate::answer::Failure;
use crate::digest::{DigestKind, Hasher};
use crate::http::{Client, PROBE};
use crate::repository_cache::{FileState, RepositoryCache};

/// Metadata of a file, as the hub gives them before its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileMetadata {
    /// Its `ETag`.
    etag: String,
    /// Its length.
    bytes: u64,
}

/// Error of a download.
#[derive(Debug)]
pub(crate) enum DownloadError {
    /// From the hub.
    Hub(Failure),
    /// From the cache.
    File(FileError),
}

impl From<Failure> for DownloadError {
    fn from(failure: Failure) -> Self {
        Self::Hub(failure)
    }
}

impl From<FileError> for DownloadError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// Download of a file of a hub at a commit.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) limits: &'a Limits,
    pub(crate) cache: &'a RepositoryCache,
    pub(crate) commit: &'a str,
    /// Its address.
    pub(crate) address: String,
    /// The most bytes that it may have.
    pub(crate) max: u64,
}

impl FileMetadata {
    /// The digest in the `ETag`; none where that is something else.
    fn digest(&self) -> Option<DigestKind> {
        DigestKind::of(&self.etag)
    }

    /// Whether a file in the cache has the length and, where it is known, the digest.
    pub(crate) fn matches(&self, path: &Path) -> bool {
        let has_length = fs::metadata(path).is_ok_and(|metadata| metadata.len() == self.bytes);
        has_length
            && self.digest().is_none_or(|kind| kind.of_file(path).is_ok_and(|digest| digest == self.etag))
    }
}

impl Download<'_> {
    /// The metadata of the file.
    ///
    /// # Errors
    /// When it does not answer, says too little, or speaks of another commit than the listing did.
    pub(crate) fn metadata(&self) -> Result<FileMetadata, Failure> {
        self.retried(|| {
            let answer = self.client.get(&self.address, Some(PROBE), self.limits.request_time)?;
            self.check_commits(&answer.metadata.commits)?;
            if answer.metadata.commits.is_empty() {
                return Err(Failure::Invalid("the hub does not give its commit".into()));
            }
            let etag = answer.metadata.etag.clone();
            let etag = etag.ok_or_else(|| Failure::Invalid("the hub gives no ETag for it".into()))?;
            let bytes = answer.whole()?;
            self.client.drain(answer);
            if bytes > self.max {
                return Err(Failure::Invalid(format!(
                    "it has {bytes} bytes, and {} are the most that is fetched of such a file",
                    self.max
                )));
            }
            Ok(FileMetadata { etag, bytes })
        })
    }

    /// The blob of the file, fetched if it is not in the cache.
    ///
    /// # Errors
    /// When the hub does not give it, or gives something else than it said; when the cache cannot be written.
    pub(crate) fn blob(&self, metadata: &FileMetadata) -> Result<PathBuf, DownloadError> {
        let digest = metadata.digest().map(|_| metadata.etag.as_str());
        if let Some(digest) = digest
            && RepositoryCache::verify(&self.cache.blob(digest)) == FileState::Verified
        {
            return Ok(self.cache.blob(digest));
        }
        let partial = self.cache.partial(digest);
        self.cache.make_parent(&partial)?;
        let fetched = self.retried(|| self.attempt(metadata, &partial));
        let is_useful =
            matches!(&fetched, Ok(_) | Err(DownloadError::Hub(Failure::Transient(_)))) && digest.is_some();
        if fetched.is_err() && !is_useful {
            // The error is reported; a later attempt begins anew.
            let _ = fs::remove_file(&partial);
        }
        // Without a digest of the hub's the blob gets its own, so that damage to it is found all the same.
        let blob = self.cache.blob(&fetched?);
        fs::rename(&partial, &blob).map_err(FileError::io(&blob))?;
        write::sync_folder(write::parent(&blob))?;
        Ok(blob)
    }

    /// Does something again while it fails for reasons that may pass.
    fn retried<T, E: Transient>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let mut number = 1;
        loop {
            match attempt() {
                Err(error) if error.is_transient() && number < self.limits.max_attempts => {
                    std::thread::sleep(self.limits.pause * number);
                    number += 1;
                }
                other => return other,
            }
        }
    }

    fn check_commits(&self, commits: &[String]) -> Result<(), Failure> {
        match commits.iter().find(|commit| *commit != self.commit) {
            Some(other) => Err(Failure::Invalid(format!(
                "it comes from the commit `{}`, and the listing names {}",
                alambic_files::text::quoted(other),
                self.commit
            ))),
            None => Ok(()),
        }
    }

    /// Fetches what the partial file lacks, and gives the digest of the whole.
    fn attempt(&self, metadata: &FileMetadata, partial: &Path) -> Result<String, DownloadError> {
        let kind = metadata.digest().unwrap_or(DigestKind::Sha256);
        let file = |error: io::Error| DownloadError::File(FileError::io(partial)(error));
        let mut part = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(partial)
            .map_err(file)?;
        let mut hasher = kind.start(metadata.bytes);
        let mut start = 0;
        // Without a digest nobody could know whether the two parts belong together.
        let has_part = metadata.digest().is_some() && part.metadata().map_err(file)?.len() <= metadata.bytes;
        if has_part {
            start = hasher.read(&mut part).map_err(file)?;
        } else {
            part.set_len(0).map_err(file)?;
        }
        let is_continued = start > 0;
        if start < metadata.bytes {
            self.continued(metadata, start, &mut part, &mut hasher, file)?;
        }
        part.sync_all().map_err(file)?;
        let digest = hasher.finish();
        if metadata.digest().is_some() && digest != metadata.etag {
            part.set_len(0).map_err(file)?;
            let message = format!("its bytes have the digest {digest}, and the hub gives {}", metadata.etag);
            // The part that was there may have been the wrong one.
            let failure = if is_continued { Failure::Transient(message) } else { Failure::Invalid(message) };
            return Err(failure.into());
        }
        Ok(digest)
    }

    /// Fetches the file from the byte `start` on.
    fn continued(
        &self,
        metadata: &FileMetadata,
        mut start: u64,
        part: &mut File,
        hasher: &mut Hasher,
        file: impl Fn(io::Error) -> DownloadError + Copy,
    ) -> Result<(), DownloadError> {
        let range = format!("bytes={start}-");
        let mut answer =
            self.client.get(&self.address, Some(&range), self.limits.time_for(metadata.bytes - start))?;
        self.check_commits(&answer.metadata.commits)?;
        answer.check_plain()?;
        if answer.metadata.etag.as_ref().is_some_and(|etag| *etag != metadata.etag) {
            return Err(Failure::Invalid("its ETag changed between two answers".into()).into());
        }
        match answer.status {
            206 if answer.range()? == Some((start, metadata.bytes)) => {}
            // A hub that gives no parts.
            200 => {
                start = 0;
                part.set_len(0).map_err(file)?;
                *hasher = metadata.digest().unwrap_or(DigestKind::Sha256).start(metadata.bytes);
            }
            _ => {
                part.set_len(0).map_err(file)?;
                return Err(Failure::Transient("the hub does not go on where it was cut".into()).into());
            }
        }
        let left = metadata.bytes - start;
        if let Some(length) = answer.length()?
            && length != left
        {
            return Err(
                Failure::Invalid(format!("{length} bytes are announced, and {left} were to come")).into()
            );
        }
        part.seek(SeekFrom::Start(start)).map_err(file)?;
        let bytes = self.client.read(&mut answer, left, |piece| {
            hasher.update(piece);
            part.write_all(piece).map_err(file)
        })?;
        if bytes < left {
            return Err(Failure::Transient(format!("it ends after {bytes} of {left} bytes")).into());
        }
        Ok(())
    }
}

/// Error that may be transient, so that another attempt may go better.
trait Transient {
    fn is_transient(&self) -> bool;
}

impl Transient for Failure {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Transient(_))
    }
}

impl Transient for DownloadError {
    fn is_transient(&self) -> bool {
        matches!(self, Self::Hub(failure) if failure.is_transient())
    }
}
