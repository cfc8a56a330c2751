//! Reading within limits, and the format of a file that is not the expected one.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use crate::error::{FileError, Result};

/// Bytes of a file's beginning by which [`describe`] recognises its format.
const HEAD_BYTES: u64 = 512;

/// Opens a file that must be a regular one: a pipe or a device might never end.
///
/// # Errors
/// When it cannot be opened, or is something else than a file.
pub fn open(path: &Path) -> Result<File> {
    // Before it is opened: opening a pipe waits for somebody to write into it.
    let metadata = fs::metadata(path).map_err(FileError::io(path))?;
    if metadata.is_dir() {
        return Err(FileError::content(path, "this is a folder, and a file is needed"));
    }
    if !metadata.is_file() {
        return Err(FileError::content(path, "this is a pipe or a device, and only files are read"));
    }
    File::open(path).map_err(FileError::io(path))
}

/// The bytes of a file of at most `limit` bytes.
///
/// # Errors
/// Those of [`open`], and when the file is longer.
pub fn bytes(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let file = open(path)?;
    let length = file.metadata().map_err(FileError::io(path))?.len();
    let mut bytes = Vec::new();
    if length <= limit {
        // It may grow while it is read.
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(FileError::io(path))?;
    }
    if length > limit || bytes.len() as u64 > limit {
        return Err(FileError::content(
            path,
            format!("the file is longer than {limit} bytes, the most that is read"),
        ));
    }
    Ok(bytes)
}

/// The text of a file of at most `limit` bytes in UTF-8, without a byte order mark.
///
/// # Errors
/// Those of [`bytes`], and when the bytes are not UTF-8; the error says what they seem to be.
pub fn text(path: &Path, limit: u64) -> Result<String> {
    let bytes = bytes(path, limit)?;
    let what = describe(&bytes);
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let message = what.map_or_else(
            || {
                format!(
                    "not UTF-8: byte 0x{:02x} at {}",
                    error.as_bytes()[error.utf8_error().valid_up_to()],
                    error.utf8_error().valid_up_to()
                )
            },
            |what| format!("this is {what}, and text in UTF-8 is needed"),
        );
        FileError::content(path, message)
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// The most bytes of a file of state: an account, a list, a recipe.
const MAX_STATE_BYTES: u64 = 1 << 28;

/// The text of a file of a run's own state, as [`text`].
///
/// # Errors
/// Those of [`text`].
pub fn state(path: &Path) -> Result<String> {
    text(path, MAX_STATE_BYTES)
}

/// Format of a file by its first bytes, where that is one that people put in the place of another: a pointer of Git LFS, a
/// compressed file, a web page, text in UTF-16. None where the format is not known.
///
/// # Errors
/// When it cannot be read.
pub fn describe_file(path: &Path) -> Result<Option<&'static str>> {
    let mut head = Vec::new();
    open(path)?.take(HEAD_BYTES).read_to_end(&mut head).map_err(FileError::io(path))?;
    Ok(describe(&head))
}

/// [`describe_file`] of bytes.
#[must_use]
pub fn describe(bytes: &[u8]) -> Option<&'static str> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES as usize)];
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(b"version https://git-lfs.github.com/spec/") {
        return Some("a pointer of Git LFS instead of the file (`git lfs pull` fetches it)");
    }
    let kinds: [(&[u8], &str); 9] = [
        (&[0x1f, 0x8b], "compressed with gzip"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "compressed with zstd"),
        (b"BZh", "compressed with bzip2"),
        (&[0xfd, b'7', b'z', b'X', b'Z', 0], "compressed with xz"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"PAR1", "Apache Parquet"),
        (b"%PDF-", "a PDF document"),
        (&[0xff, 0xfe], "text in UTF-16"),
        (&[0xfe, 0xff], "text in UTF-16"),
    ];
    if let Some((_, what)) = kinds.iter().find(|(magic, _)| starts(magic)) {
        return Some(what);
    }
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start().to_ascii_lowercase();
    let is_page = ["<!doctype html", "<html", "<head", "<body"].iter().any(|start| text.starts_with(start));
    is_page.then_some("a web page (HTML) instead of the file, perhaps a log-in or an error")
}
