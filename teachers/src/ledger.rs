//! Files of what was made of inputs, at a cost that nobody wants twice: JSON lines behind a line that says what they were
//! made of.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::TeacherError;

/// What a ledger was made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Digest of the weights and vocabularies of the models that made it.
    pub weights: String,
    /// Digest of the inputs, in order.
    pub data: String,
    /// The settings that decide what is made.
    pub settings: String,
}

impl Fingerprint {
    /// The digest of inputs, each given by its parts.
    pub(crate) fn of_data<'t, const PARTS: usize>(inputs: impl Iterator<Item = [&'t str; PARTS]>) -> String {
        let mut hasher = blake3::Hasher::new();
        for part in inputs.flatten() {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
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

/// One line of a ledger: both parts are tables, whose keys stand beside each other.
#[derive(Serialize, Deserialize)]
struct Line<Input, Output> {
    #[serde(flatten)]
    input: Input,
    #[serde(flatten)]
    output: Output,
}

/// How outputs are made of some inputs, in their order; the second argument hears how many are done.
pub(crate) type Make<'m, Input, Output> =
    dyn FnMut(&[Input], &mut dyn FnMut(usize)) -> Result<Vec<Output>, TeacherError> + 'm;

/// What was made of each input, kept in a file.
#[derive(Debug)]
pub struct Ledger<Input, Output> {
    path: PathBuf,
    fingerprint: Fingerprint,
    rows: Vec<(Input, Output)>,
}

impl<Input, Output> Ledger<Input, Output>
where
    Input: Clone + Serialize + DeserializeOwned,
    Output: Serialize + DeserializeOwned,
{
    /// Reads a ledger. A last line that was cut off by a crash is left out.
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
                let Line { input, output } =
                    serde_json::from_str(line).map_err(|error| broken(index + 2, error.to_string()))?;
                Ok((input, output))
            })
            .collect::<Result<_, TeacherError>>()?;
        Ok(Self { path: path.to_owned(), fingerprint, rows })
    }

    /// What is made of the inputs: read from the file as far as it goes, and made and written on from there, `chunk` of
    /// them between two writes. A file that was cut off comes out as one written in a single run. `progress` hears how
    /// many were read, then how many more are done.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the file was made of something else; any error of `make` or the file.
    pub(crate) fn complete_by(
        path: &Path,
        fingerprint: Fingerprint,
        inputs: &[Input],
        chunk: usize,
        make: &mut Make<'_, Input, Output>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Output>, TeacherError> {
        let mut ledger = if path.is_file() {
            let ledger = Self::read(path)?;
            if let Some(part) = ledger.fingerprint.difference(&fingerprint) {
                return Err(TeacherError::Stale { path: path.to_owned(), part });
            }
            ledger
        } else {
            Self { path: path.to_owned(), fingerprint, rows: Vec::new() }
        };
        if ledger.rows.len() < inputs.len() {
            // Which inputs share a batch decides the last bits of what models make of them. A chunk that was cut off is
            // therefore made anew as a whole, and the file becomes what it would have been without the stop.
            ledger.rows.truncate(ledger.rows.len() / chunk * chunk);
        }
        progress(ledger.rows.len().min(inputs.len()));
        if ledger.rows.len() < inputs.len() {
            ledger.go_on(inputs, chunk, make, progress)?;
        }
        Ok(ledger.rows.into_iter().map(|(_, output)| output).collect())
    }

    fn go_on(
        &mut self,
        inputs: &[Input],
        chunk: usize,
        make: &mut Make<'_, Input, Output>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), TeacherError> {
        let error = TeacherError::file(&self.path);
        // Written anew rather than appended to: a torn last line must not stay.
        let mut writer = BufWriter::new(File::create(self.path.with_extension("part")).map_err(&error)?);
        write_line(&mut writer, &self.fingerprint).map_err(&error)?;
        for (input, output) in &self.rows {
            write_line(&mut writer, &Line { input, output }).map_err(&error)?;
        }
        writer.flush().map_err(&error)?;
        std::fs::rename(self.path.with_extension("part"), &self.path).map_err(&error)?;
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(&error)?;
        for chunk in inputs[self.rows.len()..].chunks(chunk) {
            let outputs = make(chunk, progress)?;
            let mut lines = Vec::new();
            for (input, output) in chunk.iter().zip(&outputs) {
                write_line(&mut lines, &Line { input, output }).map_err(&error)?;
            }
            file.write_all(&lines).map_err(&error)?;
            self.rows.extend(chunk.iter().cloned().zip(outputs));
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
    pub fn rows(&self) -> &[(Input, Output)] {
        &self.rows
    }
}

fn write_line(writer: &mut impl Write, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}
