//! Records of what a teacher wrote: JSON lines behind a line that says what they were made of.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Request, Teacher, TeacherError, Written};

/// Requests between two writes to the file; a run that is stopped loses at most these.
const CHUNK: usize = 2048;

/// What a record was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Digest of the teacher's weights and vocabularies.
    pub weights: String,
    /// Digest of the requests, in order.
    pub data: String,
    /// The settings that decide what is written.
    pub settings: String,
}

impl Fingerprint {
    /// Of what a teacher would write for these requests.
    #[must_use]
    pub fn of(teacher: &dyn Teacher, requests: &[Request]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for request in requests {
            for part in [&request.text, &request.language] {
                hasher.update(&(part.len() as u64).to_le_bytes());
                hasher.update(part.as_bytes());
            }
        }
        Self {
            weights: teacher.weights_digest(),
            data: hasher.finalize().to_hex().to_string(),
            settings: teacher.settings(),
        }
    }

    /// The first part in which two differ.
    fn difference(&self, other: &Self) -> Option<&'static str> {
        [
            ("weights", self.weights != other.weights),
            ("data", self.data != other.data),
            ("settings", self.settings != other.settings),
        ]
        .into_iter()
        .find_map(|(part, differs)| differs.then_some(part))
    }
}

/// One line of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    request: Request,
    #[serde(flatten)]
    written: Written,
}

/// What a teacher wrote, kept in a file.
#[derive(Debug)]
pub struct Record {
    path: PathBuf,
    fingerprint: Fingerprint,
    rows: Vec<(Request, Written)>,
}

impl Record {
    /// Reads a record. A last line that was cut off by a crash is left out.
    ///
    /// # Errors
    /// When the file cannot be read or a line is broken.
    pub fn read(path: &Path) -> Result<Self, TeacherError> {
        let mut bytes = std::fs::read(path).map_err(TeacherError::file(path))?;
        let broken =
            |line: usize, message: String| TeacherError::Record { path: path.to_owned(), line, message };
        // Before the bytes are read as text: a torn line may end in the middle of a character.
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let before = &bytes[..error.valid_up_to()];
            broken(before.split(|&byte| byte == b'\n').count(), error.to_string())
        })?;
        let mut lines = text.lines();
        let first = lines.next().ok_or_else(|| broken(1, "the record is empty; delete it".into()))?;
        let fingerprint = serde_json::from_str(first).map_err(|error| broken(1, error.to_string()))?;
        let rows = lines
            .enumerate()
            .map(|(index, line)| {
                let line: Line =
                    serde_json::from_str(line).map_err(|error| broken(index + 2, error.to_string()))?;
                Ok((line.request, line.written))
            })
            .collect::<Result<_, TeacherError>>()?;
        Ok(Self { path: path.to_owned(), fingerprint, rows })
    }

    /// What the teacher wrote for the requests: read from the record as far as it goes, and written on from there.
    /// A record that was cut off comes out as one written in a single run. `progress` hears how many were read, then
    /// how many more are done.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the record was made of something else; any error of the teacher or the file.
    pub fn complete(
        path: &Path,
        teacher: &dyn Teacher,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Written>, TeacherError> {
        let fingerprint = Fingerprint::of(teacher, requests);
        let mut record = if path.is_file() {
            let record = Self::read(path)?;
            if let Some(part) = record.fingerprint.difference(&fingerprint) {
                return Err(TeacherError::Stale { path: path.to_owned(), part });
            }
            record
        } else {
            Self { path: path.to_owned(), fingerprint, rows: Vec::new() }
        };
        if record.rows.len() < requests.len() {
            // Which texts share a batch decides the last bits of their log-probabilities. A chunk that was cut off is
            // therefore written anew as a whole, and the record becomes what it would have been without the stop.
            record.rows.truncate(record.rows.len() / CHUNK * CHUNK);
        }
        progress(record.rows.len().min(requests.len()));
        if record.rows.len() < requests.len() {
            record.go_on(teacher, requests, progress)?;
        }
        Ok(record.rows.into_iter().map(|(_, written)| written).collect())
    }

    fn go_on(
        &mut self,
        teacher: &dyn Teacher,
        requests: &[Request],
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), TeacherError> {
        let error = TeacherError::file(&self.path);
        // Written anew rather than appended to: a torn last line must not stay.
        let mut writer = BufWriter::new(File::create(self.path.with_extension("part")).map_err(&error)?);
        write_line(&mut writer, &self.fingerprint).map_err(&error)?;
        for (request, written) in &self.rows {
            write_row(&mut writer, request, written).map_err(&error)?;
        }
        writer.flush().map_err(&error)?;
        std::fs::rename(self.path.with_extension("part"), &self.path).map_err(&error)?;
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(&error)?;
        for chunk in requests[self.rows.len()..].chunks(CHUNK) {
            let written = teacher.write(chunk, progress)?;
            let mut lines = Vec::new();
            for (request, written) in chunk.iter().zip(&written) {
                write_row(&mut lines, request, written).map_err(&error)?;
            }
            file.write_all(&lines).map_err(&error)?;
            self.rows.extend(chunk.iter().cloned().zip(written));
        }
        Ok(())
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What it was made of.
    #[must_use]
    pub fn fingerprint(&self) -> &Fingerprint {
        &self.fingerprint
    }

    /// Its rows in order.
    #[must_use]
    pub fn rows(&self) -> &[(Request, Written)] {
        &self.rows
    }
}

fn write_row(writer: &mut impl Write, request: &Request, written: &Written) -> std::io::Result<()> {
    write_line(writer, &Line { request: request.clone(), written: written.clone() })
}

fn write_line(writer: &mut impl Write, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}
