//! Digests by which the hub names the contents of files.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use crate::path::is_hexadecimal;

/// Bytes that are read at a time.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// Kind of the digest by which a hub names the bytes of a file, where it can be computed: the `ETag` of a file and
/// the name of its blob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DigestKind {
    /// Of large files: SHA-256, 64 hexadecimal digits.
    Sha256,
    /// Of small files: SHA-1 as git computes it, of the length and the bytes, 40 hexadecimal digits.
    Git,
}

impl DigestKind {
    /// The kind of a digest by its form; none where it is neither.
    pub(crate) fn of(name: &str) -> Option<Self> {
        match name.len() {
            64 if is_hexadecimal(name) => Some(Self::Sha256),
            40 if is_hexadecimal(name) => Some(Self::Git),
            _ => None,
        }
    }

    /// Begins to compute it of a file of so many bytes.
    pub(crate) fn start(self, bytes: u64) -> Hasher {
        match self {
            Self::Sha256 => Hasher(Context::new(&SHA256)),
            Self::Git => {
                let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
                context.update(format!("blob {bytes}\0").as_bytes());
                Hasher(context)
            }
        }
    }

    /// Computes it of a file.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn of_file(self, path: &Path) -> io::Result<String> {
        let mut file = File::open(path)?;
        let mut hasher = self.start(file.metadata()?.len());
        hasher.read(&mut file)?;
        Ok(hasher.finish())
    }
}

/// Hasher of the bytes of a file.
pub(crate) struct Hasher(Context);

impl Hasher {
    /// Takes further bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Takes what a file holds from where it stands to its end, and gives how many bytes that were.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&mut self, file: &mut File) -> io::Result<u64> {
        let mut buffer = vec![0; CHUNK_BYTES];
        let mut bytes = 0;
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(bytes),
                read => {
                    self.0.update(&buffer[..read]);
                    bytes += read as u64;
                }
            }
        }
    }

    /// The digest in hexadecimal.
    pub(crate) fn finish(self) -> String {
        use std::fmt::Write as _;
        self.0.finish().as_ref().iter().fold(String::new(), |mut text, byte| {
            // Writing into a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_git_and_of_large_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "test content\n").unwrap();
        // From chapter 10.2 of Pro Git.
        let git = "d670460b4b4aece5915caf5c68d12f560a9fe3e4";
        assert_eq!(DigestKind::of(git).unwrap().of_file(&path).unwrap(), git);
        std::fs::write(&path, "abc").unwrap();
        // From FIPS 180-2.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(DigestKind::of(sha256).unwrap().of_file(&path).unwrap(), sha256);
        assert!(DigestKind::of("abc").is_none() && DigestKind::of(&"g".repeat(40)).is_none());
    }
}
