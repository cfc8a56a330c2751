//! Append-only caches of outputs that are expensive to compute: JSON lines behind a line with their fingerprint.
//!
//! Rows are written in chunks. Each chunk ends with a line that holds the digest of all that stands before it, so that
//! damage differs from an interrupted write: rows behind the last such line are computed again.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use alambic_files::{read, write};
use alambic_ranks::Ranks;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::TeacherError;

/// Fingerprint of outputs: digests of the models and inputs that they are computed from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Digest of the models' weights and vocabularies.
    pub weights: String,
    /// Digest of the inputs, in order.
    pub data: String,
    /// Settings that decide the outputs.
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

/// The line at the end of a chunk.
#[derive(Serialize, Deserialize)]
struct Seal {
    /// Rows before it.
    sealed: usize,
    /// BLAKE3 of the bytes before it, in hexadecimal.
    blake3: String,
}

/// How a [`Seal`] begins, and no row.
const SEAL: &[u8] = b"{\"sealed\":";

/// Whether a file begins with a fingerprint.
#[must_use]
pub fn is_append_only_cache(path: &Path) -> bool {
    /// Maximum bytes of the first line.
    const FIRST: u64 = 1 << 16;
    let mut line = Vec::new();
    let Ok(file) = read::open(path) else { return false };
    BufReader::new(file).take(FIRST).read_until(b'\n', &mut line).is_ok()
        && serde_json::from_slice::<Fingerprint>(&line).is_ok()
}

/// One line of a cache: both parts are tables, whose keys stand beside each other.
#[derive(Serialize, Deserialize)]
struct Line<Input, Output> {
    #[serde(flatten)]
    input: Input,
    #[serde(flatten)]
    output: Output,
}

/// Computation of outputs from inputs, in their order; the second argument gets the number of those done.
pub(crate) type Make<'m, Input, Output> =
    dyn FnMut(&[Input], &mut dyn FnMut(usize)) -> Result<Vec<Output>, TeacherError> + 'm;

/// Output of each input, in a file.
#[derive(Debug)]
pub struct AppendOnlyCache<Input, Output> {
    path: PathBuf,
    fingerprint: Fingerprint,
    /// Those of chunks that were written to their end.
    rows: Vec<(Input, Output)>,
}

impl<Input, Output> AppendOnlyCache<Input, Output>
where
    Input: Clone + Serialize + DeserializeOwned,
    Output: Serialize + DeserializeOwned,
{
    /// Reads a cache up to the end of its last complete chunk.
    ///
    /// # Errors
    /// When the file cannot be read, or what stands before the end of a chunk is broken or not what was written.
    pub fn read(path: &Path) -> Result<Self, TeacherError> {
        let mut bytes = read::bytes(path, u64::MAX)?;
        let broken =
            |line: usize, message: String| TeacherError::Record { path: path.to_owned(), line, message };
        // Before the bytes are read as text: a torn line may end in the middle of a character.
        bytes.truncate(bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1));
        let all = || bytes.split_inclusive(|&byte| byte == b'\n').enumerate();
        let last = all().filter(|(_, line)| line.starts_with(SEAL)).last().map_or(0, |(last, _)| last);
        let mut lines = all().map(|(_, line)| line).take(last + 1);
        let first = lines.next().ok_or_else(|| broken(1, "the record is empty; delete it".into()))?;
        let fingerprint = serde_json::from_slice(first).map_err(|error| broken(1, error.to_string()))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(first);
        let (mut rows, mut sealed) = (Vec::new(), 0);
        for (index, line) in lines.enumerate() {
            let failed = |error: serde_json::Error| broken(index + 2, error.to_string());
            if line.starts_with(SEAL) {
                let seal: Seal = serde_json::from_slice(line).map_err(failed)?;
                if seal.sealed != rows.len() || seal.blake3 != hasher.finalize().to_hex().as_str() {
                    let message = format!(
                        "the lines {}-{} are not those that were written; delete the file to record anew",
                        sealed + 2,
                        index + 1
                    );
                    return Err(broken(index + 2, message));
                }
                sealed = rows.len();
            } else {
                let text = std::str::from_utf8(line).map_err(|error| broken(index + 2, error.to_string()))?;
                let Line { input, output } = serde_json::from_str(text).map_err(failed)?;
                rows.push((input, output));
            }
            hasher.update(line);
        }
        Ok(Self { path: path.to_owned(), fingerprint, rows })
    }

    /// The outputs of the inputs: read from the file as far as it goes, computed and appended from there, `chunk` of them
    /// between two writes. A file that was interrupted ends as one of a single run. `progress` gets the number of inputs read,
    /// then the numbers of those done.
    ///
    /// Ranks compute one chunk each at a time, and the first one writes the file; every rank gets all outputs.
    ///
    /// # Errors
    /// [`TeacherError::Stale`] when the file has another fingerprint; any error of `make` or the file.
    pub(crate) fn complete_with(
        path: &Path,
        fingerprint: Fingerprint,
        inputs: &[Input],
        chunk: usize,
        ranks: &Ranks,
        make: &mut Make<'_, Input, Output>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Output>, TeacherError> {
        let mut cache = if ranks.is_first() && path.is_file() {
            let cache = Self::read(path)?;
            if let Some(part) = cache.fingerprint.difference(&fingerprint) {
                return Err(TeacherError::Stale { path: path.to_owned(), part });
            }
            cache
        } else {
            Self { path: path.to_owned(), fingerprint, rows: Vec::new() }
        };
        // Which inputs share a batch decides the last bits of what models make of them. A chunk that was cut off is
        // therefore made anew as a whole, and the file becomes what it would have been without the stop.
        if !ranks.is_alone() {
            cache.share(inputs, ranks)?;
        }
        progress(cache.rows.len().min(inputs.len()));
        if cache.rows.len() < inputs.len() {
            cache.append(inputs, chunk, ranks, make, progress)?;
        }
        Ok(cache.rows.into_iter().map(|(_, output)| output).collect())
    }

    /// Gives all ranks the rows that the first one has read.
    fn share(&mut self, inputs: &[Input], ranks: &Ranks) -> Result<(), TeacherError> {
        let error = TeacherError::file(&self.path);
        let outputs: Vec<&Output> = self.rows.iter().map(|(_, output)| output).collect();
        let shared = serde_json::to_vec(&outputs).map_err(|other| error(other.into()))?;
        let shared = ranks.broadcast(shared)?;
        if !ranks.is_first() {
            let outputs: Vec<Output> =
                serde_json::from_slice(&shared).map_err(|other| error(other.into()))?;
            self.rows = inputs.iter().cloned().zip(outputs).collect();
        }
        Ok(())
    }

    fn append(
        &mut self,
        inputs: &[Input],
        chunk: usize,
        ranks: &Ranks,
        make: &mut Make<'_, Input, Output>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<(), TeacherError> {
        let error = TeacherError::file(&self.path);
        if !ranks.is_first() {
            for some in inputs[self.rows.len()..].chunks(chunk * ranks.count()) {
                let rows = self.make_chunks(some, chunk, ranks, make, progress)?;
                self.rows.extend(rows.into_iter().flatten());
            }
            return Ok(());
        }
        let mut hasher = blake3::Hasher::new();
        let mut head = Vec::new();
        write_line(&mut head, &self.fingerprint).map_err(&error)?;
        hasher.update(&head);
        for (number, rows) in self.rows.chunks(chunk).enumerate() {
            let lines = sealed(&mut hasher, rows, number * chunk).map_err(&error)?;
            head.extend(lines);
        }
        // Written anew rather than appended to: what stands behind the last chunk must not stay.
        write::write(&self.path, &head)?;
        let mut file = OpenOptions::new().append(true).open(&self.path).map_err(&error)?;
        for some in inputs[self.rows.len()..].chunks(chunk * ranks.count()) {
            for rows in self.make_chunks(some, chunk, ranks, make, progress)? {
                let lines = sealed(&mut hasher, &rows, self.rows.len()).map_err(&error)?;
                file.write_all(&lines).and_then(|()| file.sync_data()).map_err(&error)?;
                self.rows.extend(rows);
            }
        }
        Ok(())
    }

    /// The rows of as many chunks as there are ranks, each of which computes one.
    fn make_chunks(
        &self,
        inputs: &[Input],
        chunk: usize,
        ranks: &Ranks,
        make: &mut Make<'_, Input, Output>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Vec<(Input, Output)>>, TeacherError> {
        let error = TeacherError::file(&self.path);
        let own = inputs.chunks(chunk).nth(ranks.rank()).map(|own| make(own, progress)).transpose()?;
        let outputs: Vec<Vec<Output>> = if ranks.is_alone() {
            own.into_iter().collect()
        } else {
            let own = serde_json::to_vec(&own.unwrap_or_default()).map_err(|other| error(other.into()))?;
            let all = ranks.gather(&own)?;
            let read = |own: &Vec<u8>| serde_json::from_slice(own).map_err(|other| error(other.into()));
            all.iter().map(read).collect::<Result<_, _>>()?
        };
        for (rank, chunk) in inputs.chunks(chunk).enumerate() {
            if rank != ranks.rank() {
                progress(chunk.len());
            }
        }
        let rows = inputs.chunks(chunk).zip(outputs);
        Ok(rows.map(|(inputs, outputs)| inputs.iter().cloned().zip(outputs).collect()).collect())
    }

    /// Path of the file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fingerprint.
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

/// The lines of a chunk behind `before` rows, with the line that ends it.
fn sealed<Input: Serialize, Output: Serialize>(
    hasher: &mut blake3::Hasher,
    rows: &[(Input, Output)],
    before: usize,
) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for (input, output) in rows {
        write_line(&mut lines, &Line { input, output })?;
    }
    hasher.update(&lines);
    let seal = Seal { sealed: before + rows.len(), blake3: hasher.finalize().to_hex().to_string() };
    let begin = lines.len();
    write_line(&mut lines, &seal)?;
    hasher.update(&lines[begin..]);
    Ok(lines)
}

fn write_line(writer: &mut impl Write, line: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}
