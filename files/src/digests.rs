//! Digests of the files of a folder, so that damage is named before the files are used, and files that a program wrote are
//! distinguished from those of others.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::{FileError, Result};
use crate::lock::LOCK;
use crate::{read, write};

/// The file of a folder that holds the digests of the others.
pub const DIGESTS: &str = "digests.json";

/// Length and digest of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// Its length.
    pub bytes: u64,
    /// BLAKE3 of its bytes, in hexadecimal.
    pub blake3: String,
}

impl Digest {
    /// The digest of a file, which is read through once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(FileError::io(path))?.len();
        let mut hasher = blake3::Hasher::new();
        hash_file(&mut hasher, path)?;
        Ok(Self { bytes, blake3: hasher.finalize().to_hex().to_string() })
    }

    /// The digest of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    /// Checks that a file has this digest.
    ///
    /// # Errors
    /// [`FileError::Content`] that says in what it differs; when it cannot be read.
    pub fn check(&self, path: &Path) -> Result<()> {
        let found = Self::of_file(path)?;
        if found.bytes != self.bytes {
            let message = format!(
                "the file has {} bytes, and {} when it was written: it is damaged or was changed",
                found.bytes, self.bytes
            );
            return Err(FileError::content(path, message));
        }
        if found.blake3 != self.blake3 {
            return Err(FileError::content(
                path,
                "its bytes are not those that were written: the file is damaged or was changed",
            ));
        }
        Ok(())
    }
}

/// Takes the bytes of a file into a hasher, without holding them in memory.
///
/// # Errors
/// When it cannot be read.
pub fn hash_file(hasher: &mut blake3::Hasher, path: &Path) -> Result<()> {
    // A pipe or a device might never end.
    drop(read::open(path)?);
    hasher.update_mmap_rayon(path).map_err(FileError::io(path))?;
    Ok(())
}

/// The digests of a folder's files, each under its path with slashes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Digests {
    /// The files.
    pub files: IndexMap<String, Digest>,
}

/// `digests.json`.
#[derive(Serialize, Deserialize)]
struct Stored {
    files: IndexMap<String, Digest>,
    /// BLAKE3 of `files` as compact JSON: damage to this file itself is not to be taken for damage to another.
    blake3: String,
}

fn digest_of(files: &IndexMap<String, Digest>, path: &Path) -> Result<String> {
    let text = serde_json::to_vec(files).map_err(|error| FileError::content(path, error))?;
    Ok(blake3::hash(&text).to_hex().to_string())
}

impl Digests {
    /// The digests of all files below a folder but its own `digests.json` and lock, in the order of their names.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let mut digests = Self::default();
        for path in files_below(folder)? {
            let name = relative(folder, &path);
            if !is_bookkeeping(&name) {
                digests.files.insert(name, Digest::of_file(&path)?);
            }
        }
        Ok(digests)
    }

    /// Takes a file of the folder in, or its new digest.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn insert(&mut self, folder: &Path, name: &str) -> Result<()> {
        self.files.insert(name.to_owned(), Digest::of_file(&folder.join(name))?);
        Ok(())
    }

    /// Writes `digests.json` into a folder.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join(DIGESTS);
        let stored = Stored { blake3: digest_of(&self.files, &path)?, files: self.files.clone() };
        let text = serde_json::to_string_pretty(&stored).map_err(|error| FileError::content(&path, error))?;
        write::write(&path, (text + "\n").as_bytes())
    }

    /// Reads the digests of a folder; none where it has no `digests.json`.
    ///
    /// # Errors
    /// When the file cannot be read, or is not whole.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(DIGESTS);
        let text = match read::bytes(&path, u64::MAX) {
            Err(FileError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other?,
        };
        let damaged = |what: &dyn std::fmt::Display| {
            FileError::content(&path, format!("the list of digests is damaged: {what}"))
        };
        let stored: Stored = serde_json::from_slice(&text).map_err(|error| damaged(&error))?;
        if digest_of(&stored.files, &path)? != stored.blake3 {
            return Err(damaged(&"its own digest is another"));
        }
        Ok(Some(Self { files: stored.files }))
    }

    /// The digests of a folder that must have them.
    ///
    /// # Errors
    /// Those of [`Self::read`], and when there is no `digests.json`.
    pub fn require(folder: &Path) -> Result<Self> {
        let missing = || FileError::content(&folder.join(DIGESTS), "the list of digests is missing");
        Self::read(folder)?.ok_or_else(missing)
    }

    /// Checks that each listed file is as it was written.
    ///
    /// # Errors
    /// [`FileError::Content`] or [`FileError::Io`] that names the first file that is damaged or missing.
    pub fn check(&self, folder: &Path) -> Result<()> {
        self.files.iter().try_for_each(|(name, digest)| digest.check(&folder.join(name)))
    }

    /// Checks that one of the listed files is as it was written.
    ///
    /// # Errors
    /// As for [`Self::check`], and when it is not listed.
    pub fn check_file(&self, folder: &Path, name: &str) -> Result<()> {
        let path = folder.join(name);
        match self.files.get(name) {
            Some(digest) => digest.check(&path),
            None => Err(FileError::content(&path, "the file is not in its folder's list of digests")),
        }
    }

    /// Foreign files and links below a folder: those that are not listed.
    ///
    /// # Errors
    /// When a folder cannot be read.
    pub fn foreign(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        let is_foreign = |path: &PathBuf| {
            let name = relative(folder, path);
            !is_bookkeeping(&name) && !self.files.contains_key(&name)
        };
        Ok(files_below(folder)?.into_iter().filter(is_foreign).collect())
    }
}

/// Moves a complete folder to its place with the digests of its files, in place of an earlier one of the same make.
///
/// # Errors
/// [`FileError::Foreign`] when the earlier folder holds what is not in its list of digests; when the system refuses.
pub fn publish(partial: &Path, whole: &Path) -> Result<()> {
    let foreign = foreign(whole)?;
    if !foreign.is_empty() {
        return Err(FileError::Foreign { path: whole.to_owned(), foreign });
    }
    Digests::of_folder(partial)?.write(partial)?;
    write::publish_folder(partial, whole)
}

/// Foreign files of a folder, those that are not in its list of digests: everything where it has none, nothing
/// where it is not there.
///
/// # Errors
/// When a folder or the list cannot be read.
pub fn foreign(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(if fs::symlink_metadata(folder).is_ok() { vec![folder.to_owned()] } else { Vec::new() });
    }
    Digests::read(folder)?.unwrap_or_default().foreign(folder)
}

/// Checks that files which are about to be written into a folder replace nothing but earlier ones that are listed.
///
/// # Errors
/// [`FileError::Foreign`] that names those that are there and not in the folder's list.
pub fn check_replaceable(folder: &Path, names: &[&str]) -> Result<()> {
    let digests = Digests::read(folder)?.unwrap_or_default();
    let foreign: Vec<PathBuf> = names
        .iter()
        .filter(|name| !digests.files.contains_key(**name))
        .map(|name| folder.join(name))
        .filter(|path| fs::symlink_metadata(path).is_ok())
        .collect();
    if foreign.is_empty() { Ok(()) } else { Err(FileError::Foreign { path: folder.to_owned(), foreign }) }
}

/// Checks that a folder of results is one of these files alone, as far as it lists any: the figures of a run do not make way for
/// those of something else; and that the files replace nothing but earlier ones, as [`check_replaceable`].
///
/// # Errors
/// [`FileError::Foreign`] that names the others.
pub fn check_only(folder: &Path, names: &[&str]) -> Result<()> {
    let listed = Digests::read(folder)?.unwrap_or_default().files;
    let others = listed.keys().filter(|name| !names.contains(&name.as_str()));
    let foreign: Vec<PathBuf> = others.map(|name| folder.join(name)).collect();
    if !foreign.is_empty() {
        return Err(FileError::Foreign { path: folder.to_owned(), foreign });
    }
    check_replaceable(folder, names)
}

/// Registers files that are about to be written, so that a process killed meanwhile leaves none that is not listed.
///
/// # Errors
/// When the list cannot be read or written.
pub fn register(folder: &Path, names: &[&str]) -> Result<()> {
    let mut digests = Digests::read(folder)?.unwrap_or_default();
    for name in names {
        digests.files.entry((*name).to_owned()).or_insert_with(|| Digest::of(b""));
    }
    digests.write(folder)
}

/// Records files that were just written in a folder's list of digests.
///
/// # Errors
/// When a file cannot be read or the list written.
pub fn record(folder: &Path, names: &[&str]) -> Result<()> {
    let mut digests = Digests::read(folder)?.unwrap_or_default();
    for name in names {
        digests.insert(folder, name)?;
    }
    digests.write(folder)
}

/// Checks that a file which is about to be read is as it was written, where its folder or the one above lists it; others pass.
///
/// # Errors
/// [`FileError::Content`] that says in what it differs and how a change that is meant is made known.
pub fn check_listed(path: &Path) -> Result<()> {
    // Its own folder, or the one that this lies in: `1_Pooling/config.json` is listed above.
    for folder in path.ancestors().skip(1).take(2).filter(|folder| !folder.as_os_str().is_empty()) {
        let Some(digests) = Digests::read(folder)? else { continue };
        let Some(digest) = digests.files.get(&relative(folder, path)) else { continue };
        return digest.check(path).map_err(|error| match error {
            FileError::Content { path, message } => {
                let list = folder.join(DIGESTS);
                FileError::Content {
                    path,
                    message: format!("{message}; where the change is meant, delete {}", list.display()),
                }
            }
            other => other,
        });
    }
    Ok(())
}

fn is_bookkeeping(name: &str) -> bool {
    name == DIGESTS || name == LOCK
}

/// All files and links below a folder, in the order of their names. Links are not followed.
///
/// # Errors
/// When a folder cannot be read.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(FileError::io(folder))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()
        .map_err(FileError::io(folder))?;
    entries.sort_unstable();
    for path in entries {
        let metadata = fs::symlink_metadata(&path).map_err(FileError::io(&path))?;
        if metadata.is_dir() {
            found.extend(files_below(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// A path below a folder with slashes on every system.
#[must_use]
pub fn relative(folder: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(folder).unwrap_or(path);
    inside.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}
