//! Lines of TSV, one at a time: files of features are larger than memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use alambic_settings::Location;

use super::feature_place::{FeaturePlace, open};
use crate::error::{DataError, Fault, Place, RegionFault};
use crate::source::local;

/// Bytes that are read ahead.
const BUFFER: usize = 1 << 20;

/// MiB that a line may have: fifty times those of a hundred regions in Oscar's files.
const LONGEST: usize = 64;

/// A TSV of which one line is in memory.
#[derive(Debug)]
pub(super) struct Rows {
    name: String,
    path: Arc<PathBuf>,
    /// Where the line begins.
    start: u64,
    reader: BufReader<File>,
    line: usize,
    bytes: Vec<u8>,
}

impl Rows {
    /// # Errors
    /// Where there is no such file, or it cannot be read.
    pub(super) fn open(location: &Location) -> Result<Self, DataError> {
        let (name, path) = local(location)?;
        let file = open(&path).map_err(|fault| DataError::new(Place::file(&name), fault))?;
        let (path, reader) = (Arc::new(path), BufReader::with_capacity(BUFFER, file));
        Ok(Self { name, path, start: 0, reader, line: 0, bytes: Vec::new() })
    }

    /// Reads the next line that is not blank; `false` at the end of the file.
    ///
    /// # Errors
    /// Where reading fails, or the line does not end.
    pub(super) fn advance(&mut self) -> Result<bool, DataError> {
        let most = LONGEST << 20;
        loop {
            self.line += 1;
            self.start += self.bytes.len() as u64;
            self.bytes.clear();
            let read = self.reader.by_ref().take(most as u64).read_until(b'\n', &mut self.bytes);
            match read {
                Err(error) => {
                    return Err(DataError::new(self.place(), Fault::Unreadable(error.to_string())));
                }
                Ok(0) => return Ok(false),
                Ok(length) if length == most && !self.bytes.ends_with(b"\n") => {
                    return Err(DataError::new(self.place(), RegionFault::LongLine(LONGEST).into()));
                }
                Ok(_) if self.bytes.iter().all(u8::is_ascii_whitespace) => {}
                Ok(_) => return Ok(true),
            }
        }
    }

    /// Number of the line, from 0.
    pub(super) fn row(&self) -> usize {
        self.line.saturating_sub(1)
    }

    /// Where the line stands.
    pub(super) fn place(&self) -> Place {
        Place::line(&self.name, self.line)
    }

    /// The first column.
    ///
    /// # Errors
    /// Where it is not UTF-8.
    pub(super) fn id(&self) -> Result<String, Fault> {
        let id = self.bytes.split(|&byte| byte == b'\t').next().unwrap_or_default();
        Ok(text(id)?.trim().to_owned())
    }

    /// All columns.
    ///
    /// # Errors
    /// Where they are not UTF-8.
    pub(super) fn columns(&self) -> Result<Vec<&str>, Fault> {
        columns(&self.bytes)
    }

    /// Where the line can be read again.
    pub(super) fn origin(&self) -> FeaturePlace {
        FeaturePlace::Line { path: Arc::clone(&self.path), start: self.start, length: self.bytes.len() }
    }
}

/// The columns of a line.
///
/// # Errors
/// Where they are not UTF-8.
pub(super) fn columns(bytes: &[u8]) -> Result<Vec<&str>, Fault> {
    Ok(text(bytes)?.trim_end_matches(['\r', '\n']).split('\t').map(str::trim).collect())
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes)
        .map_err(|error| Fault::NotUtf8(bytes.get(error.valid_up_to()).copied().unwrap_or_default()))
}
