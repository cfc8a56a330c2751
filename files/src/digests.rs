//! Digests of the files of a folder, so that damage is named before the files are used.

use std::fs;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::{FileError, Result};
use crate::write;

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
    /// Of a file, which is read through once.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self> {
        let bytes = fs::metadata(path).map_err(FileError::io(path))?.len();
        let mut hasher = blake3::Hasher::new();
        hasher.update_mmap_rayon(path).map_err(FileError::io(path))?;
        Ok(Self { bytes, blake3: hasher.finalize().to_hex().to_string() })
    }

    /// Of bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, blake3: blake3::hash(bytes).to_hex().to_string() }
    }

    /// That a file is the one that this is of.
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

/// `digests.json`: every file below a folder, by its path with slashes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Digests {
    /// The files.
    pub files: IndexMap<String, Digest>,
}

impl Digests {
    /// Of all files below a folder but its own `digests.json`, in the order of their names.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn of_folder(folder: &Path) -> Result<Self> {
        let mut files = IndexMap::new();
        for path in files_below(folder)? {
            let name = relative(folder, &path);
            if name != DIGESTS {
                files.insert(name, Digest::of_file(&path)?);
            }
        }
        Ok(Self { files })
    }

    /// Writes `digests.json` for what a folder holds.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn seal(folder: &Path) -> Result<()> {
        let path = folder.join(DIGESTS);
        let text = serde_json::to_string_pretty(&Self::of_folder(folder)?)
            .map_err(|error| FileError::content(&path, error))?;
        write::write(&path, (text + "\n").as_bytes())
    }

    /// Reads the digests of a folder; none where it has no `digests.json`.
    ///
    /// # Errors
    /// When the file cannot be read, or is not whole.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(DIGESTS);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(FileError::io(&path))?,
        };
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| FileError::content(&path, format!("the list of digests is damaged: {error}")))
    }

    /// That each listed file is as it was written.
    ///
    /// # Errors
    /// [`FileError::Content`] or [`FileError::Io`] that names the first file that is damaged or missing.
    pub fn check(&self, folder: &Path) -> Result<()> {
        self.files.iter().try_for_each(|(name, digest)| digest.check(&folder.join(name)))
    }
}

/// All files below a folder, in the order of their names. Links to folders are not followed.
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
