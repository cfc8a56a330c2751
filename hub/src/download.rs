//! One file of a hub, fetched into the cache: it gets its name when its length and its digest are right.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use alambic_files::{FileError, write};

use crate::Limits;
use crate::answer::Failure;
use crate::digest::{Hasher, Kind};
use crate::http::{Client, PROBE};
use crate::store::{State, Store};

/// What a hub says of a file before it gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Its `ETag`.
    etag: String,
    /// Its length.
    bytes: u64,
}

/// Why a file was not fetched.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The hub's part.
    Hub(Failure),
    /// The cache's.
    File(FileError),
}

impl From<Failure> for Fault {
    fn from(failure: Failure) -> Self {
        Self::Hub(failure)
    }
}

impl From<FileError> for Fault {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// A file of a hub at a commit.
pub(crate) struct Download<'a> {
    pub(crate) client: &'a Client,
    pub(crate) limits: &'a Limits,
    pub(crate) store: &'a Store,
    pub(crate) commit: &'a str,
    /// Its address.
    pub(crate) address: String,
    /// The most bytes that it may have.
    pub(crate) max: u64,
}

impl Facts {
    /// The digest in the `ETag`; none where that is something else.
    fn digest(&self) -> Option<Kind> {
        Kind::of(&self.etag)
    }

    /// True of a file in the cache that has the length and, as far as it can be told, the digest.
    pub(crate) fn fit(&self, path: &Path) -> bool {
        let has_length = fs::metadata(path).is_ok_and(|metadata| metadata.len() == self.bytes);
        has_length
            && self.digest().is_none_or(|kind| kind.of_file(path).is_ok_and(|digest| digest == self.etag))
    }
}

impl Download<'_> {
    /// What the hub says of the file.
    ///
    /// # Errors
    /// When it does not answer, says too little, or speaks of another commit than the listing did.
    pub(crate) fn facts(&self) -> Result<Facts, Failure> {
        self.repeated(|| {
            let answer = self.client.get(&self.address, Some(PROBE), self.limits.request_time)?;
            self.check_commits(&answer.told.commits)?;
            if answer.told.commits.is_empty() {
                return Err(Failure::Wrong("the hub does not say of which commit it is".into()));
            }
            let etag = answer.told.etag.clone();
            let etag = etag.ok_or_else(|| Failure::Wrong("the hub gives no ETag for it".into()))?;
            let bytes = answer.whole()?;
            self.client.drain(answer);
            if bytes > self.max {
                return Err(Failure::Wrong(format!(
                    "it has {bytes} bytes, and {} are the most that is fetched of such a file",
                    self.max
                )));
            }
            Ok(Facts { etag, bytes })
        })
    }

    /// The blob of the file, fetched if it is not in the cache.
    ///
    /// # Errors
    /// When the hub does not give it, or gives something else than it said; when the cache cannot be written.
    pub(crate) fn blob(&self, facts: &Facts) -> Result<PathBuf, Fault> {
        let digest = facts.digest().map(|_| facts.etag.as_str());
        if let Some(digest) = digest
            && Store::proof(&self.store.blob(digest)) == State::Sound
        {
            return Ok(self.store.blob(digest));
        }
        let partial = self.store.partial(digest);
        self.store.make_parent(&partial)?;
        let fetched = self.repeated(|| self.attempt(facts, &partial));
        let is_useful = matches!(&fetched, Ok(_) | Err(Fault::Hub(Failure::Passing(_)))) && digest.is_some();
        if fetched.is_err() && !is_useful {
            // What is wrong with it is told; a later attempt begins anew.
            let _ = fs::remove_file(&partial);
        }
        // Without a digest of the hub's the blob gets its own, so that damage to it is found all the same.
        let blob = self.store.blob(&fetched?);
        fs::rename(&partial, &blob).map_err(FileError::io(&blob))?;
        write::sync_folder(write::parent(&blob))?;
        Ok(blob)
    }

    /// Does something again while it fails for reasons that may pass.
    fn repeated<T, E: Passing>(&self, mut attempt: impl FnMut() -> Result<T, E>) -> Result<T, E> {
        let mut number = 1;
        loop {
            match attempt() {
                Err(error) if error.is_passing() && number < self.limits.max_attempts => {
                    std::thread::sleep(self.limits.pause * number);
                    number += 1;
                }
                other => return other,
            }
        }
    }

    fn check_commits(&self, commits: &[String]) -> Result<(), Failure> {
        match commits.iter().find(|commit| *commit != self.commit) {
            Some(other) => Err(Failure::Wrong(format!(
                "it comes from the commit `{}`, and the listing names {}",
                alambic_files::text::quoted(other),
                self.commit
            ))),
            None => Ok(()),
        }
    }

    /// Fetches what the partial file lacks, and gives the digest of the whole.
    fn attempt(&self, facts: &Facts, partial: &Path) -> Result<String, Fault> {
        let kind = facts.digest().unwrap_or(Kind::Sha256);
        let file = |error: io::Error| Fault::File(FileError::io(partial)(error));
        let mut part = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(partial)
            .map_err(file)?;
        let mut hasher = kind.start(facts.bytes);
        let mut start = 0;
        // Without a digest nobody could tell whether the two pieces belong together.
        let has_part = facts.digest().is_some() && part.metadata().map_err(file)?.len() <= facts.bytes;
        if has_part {
            start = hasher.read(&mut part).map_err(file)?;
        } else {
            part.set_len(0).map_err(file)?;
        }
        let is_continued = start > 0;
        if start < facts.bytes {
            self.continued(facts, start, &mut part, &mut hasher, file)?;
        }
        part.sync_all().map_err(file)?;
        let digest = hasher.finish();
        if facts.digest().is_some() && digest != facts.etag {
            part.set_len(0).map_err(file)?;
            let message = format!("its bytes have the digest {digest}, and the hub says {}", facts.etag);
            // The part that was there may have been the wrong one.
            let failure = if is_continued { Failure::Passing(message) } else { Failure::Wrong(message) };
            return Err(failure.into());
        }
        Ok(digest)
    }

    /// Fetches the file from the byte `start` on.
    fn continued(
        &self,
        facts: &Facts,
        mut start: u64,
        part: &mut File,
        hasher: &mut Hasher,
        file: impl Fn(io::Error) -> Fault + Copy,
    ) -> Result<(), Fault> {
        let range = format!("bytes={start}-");
        let mut answer =
            self.client.get(&self.address, Some(&range), self.limits.time_for(facts.bytes - start))?;
        self.check_commits(&answer.told.commits)?;
        answer.check_plain()?;
        if answer.told.etag.as_ref().is_some_and(|etag| *etag != facts.etag) {
            return Err(Failure::Wrong("its ETag changed between two answers".into()).into());
        }
        match answer.status {
            206 if answer.range()? == Some((start, facts.bytes)) => {}
            // A hub that gives no parts.
            200 => {
                start = 0;
                part.set_len(0).map_err(file)?;
                *hasher = facts.digest().unwrap_or(Kind::Sha256).start(facts.bytes);
            }
            _ => {
                part.set_len(0).map_err(file)?;
                return Err(Failure::Passing("the hub does not go on where it was cut".into()).into());
            }
        }
        let left = facts.bytes - start;
        if let Some(length) = answer.length()?
            && length != left
        {
            return Err(
                Failure::Wrong(format!("{length} bytes are announced, and {left} were to come")).into()
            );
        }
        part.seek(SeekFrom::Start(start)).map_err(file)?;
        let bytes = self.client.read(&mut answer, left, |piece| {
            hasher.update(piece);
            part.write_all(piece).map_err(file)
        })?;
        if bytes < left {
            return Err(Failure::Passing(format!("it ends after {bytes} of {left} bytes")).into());
        }
        Ok(())
    }
}

/// Of errors: whether another attempt may go better.
trait Passing {
    fn is_passing(&self) -> bool;
}

impl Passing for Failure {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Passing(_))
    }
}

impl Passing for Fault {
    fn is_passing(&self) -> bool {
        matches!(self, Self::Hub(failure) if failure.is_passing())
    }
}
