//! Table of answers: JSON lines that only grow.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use alambic_files::{FileError, read, write};

use super::answer::EndpointAnswer;
use super::error::EndpointError;
use super::settings::AnswerSettings;
use crate::error::TeacherError;

/// Longest time for which answers are left to the system, which may lose them in a power cut; a process that is killed loses
/// none.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// What takes the answers of a table, one by one, with their line.
pub(crate) type Take<'t> = dyn FnMut(usize, EndpointAnswer) -> Result<(), TeacherError> + 't;

/// A table of answers, open for appending and locked by this process.
#[derive(Debug)]
pub(crate) struct AnswerTable {
    path: PathBuf,
    file: File,
    synced: Instant,
}

/// Reads the answers of a table; a last line that was not written to its end is left out. The bytes of whole lines.
pub(crate) fn read_table(path: &Path, take: &mut Take<'_>) -> Result<u64, TeacherError> {
    let mut reader = BufReader::new(read::open(path)?);
    let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(TeacherError::file(path))?;
        if line.last() != Some(&b'\n') {
            return Ok(bytes);
        }
        number += 1;
        bytes += line.len() as u64;
        let answer = serde_json::from_slice(&line).map_err(|error| TeacherError::Record {
            path: path.to_owned(),
            line: number,
            message: format!(
                "{error}; this is no answer of an endpoint: delete the line to have its text asked anew"
            ),
        })?;
        take(number, answer)?;
    }
}

/// Answers of a file, in its order; a last line that was not written to its end is left out.
///
/// # Errors
/// When the file cannot be read, or a line is no answer.
pub fn read_answers(path: &Path) -> Result<Vec<EndpointAnswer>, TeacherError> {
    let mut answers = Vec::new();
    read_table(path, &mut |_, answer| {
        answers.push(answer);
        Ok(())
    })?;
    Ok(answers)
}

impl AnswerTable {
    /// Opens a table that is made with some settings, or begins it; `take` gets the answers that it has.
    ///
    /// # Errors
    /// When another process has it open, it was made with other settings, or a line is no answer.
    pub(crate) fn open(
        path: &Path,
        settings: &AnswerSettings,
        take: &mut Take<'_>,
    ) -> Result<Self, TeacherError> {
        let table = Self::lock(path)?;
        let length = table.file.metadata().map_err(TeacherError::file(path))?.len();
        let is_empty = length == 0 && rank_tables(path)?.is_empty();
        match settings.check(path) {
            Ok(true) => {}
            Ok(false) if !is_empty => {
                let settings = AnswerSettings::path(path);
                return Err(FileError::content(
                    path,
                    format!(
                        "it holds answers, and no {} beside it says what they were made with; bring that file back, or name \
                         another one for the answers",
                        settings.file_name().unwrap_or_default().display()
                    ),
                )
                .into());
            }
            // Nothing was answered with them yet.
            Err(TeacherError::Endpoint(EndpointError::Stale { .. })) if is_empty => settings.write(path)?,
            Ok(false) => settings.write(path)?,
            Err(error) => return Err(error),
        }
        table.read_and_cut(take)
    }

    /// Opens the table of another rank than the first.
    ///
    /// # Errors
    /// When another process has it open, or the system refuses.
    pub(crate) fn open_for_rank(
        path: &Path,
        rank: usize,
        settings: &AnswerSettings,
    ) -> Result<Self, TeacherError> {
        let name = format!("{}{rank}-{}", rank_prefix(path), settings.digest());
        Self::lock(&path.with_file_name(name))?.read_and_cut(&mut |_, _| Ok(()))
    }

    fn lock(path: &Path) -> Result<Self, TeacherError> {
        if path.exists() {
            // To open a pipe would wait for somebody at its other end.
            drop(read::open(path)?);
        }
        let file =
            OpenOptions::new().create(true).append(true).open(path).map_err(TeacherError::file(path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => Err(EndpointError::InUse { path: path.to_owned() }.into()),
            // Some file systems know no locks.
            Ok(()) | Err(TryLockError::Error(_)) => {
                Ok(Self { path: path.to_owned(), file, synced: Instant::now() })
            }
        }
    }

    /// Reads the table, and cuts off a last line that was not written to its end.
    fn read_and_cut(self, take: &mut Take<'_>) -> Result<Self, TeacherError> {
        let length = read_table(&self.path, take)?;
        self.file.set_len(length).map_err(TeacherError::file(&self.path))?;
        Ok(self)
    }

    /// Appends answers; they are with the system when this returns, and on the disk at most a second later while answers come.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn append(&mut self, answers: &[EndpointAnswer]) -> Result<(), TeacherError> {
        let error = TeacherError::file(&self.path);
        let mut lines = Vec::new();
        for answer in answers {
            serde_json::to_writer(&mut lines, answer).map_err(|other| error(other.into()))?;
            lines.push(b'\n');
        }
        // At once, so that a process that is killed leaves whole lines.
        self.file.write_all(&lines).map_err(&error)?;
        if self.synced.elapsed() >= SYNC_INTERVAL {
            self.file.sync_data().map_err(&error)?;
            self.synced = Instant::now();
        }
        Ok(())
    }

    /// Syncs the table and its name.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn sync(&self) -> Result<(), TeacherError> {
        self.file.sync_all().map_err(TeacherError::file(&self.path))?;
        Ok(write::sync_folder(write::parent(&self.path))?)
    }

    /// Appends the answers of all tables of ranks with the same settings that `is_new` lets pass, and removes these tables.
    ///
    /// # Errors
    /// When a line is no answer, or the system refuses.
    pub(crate) fn join_ranks(
        &mut self,
        settings: &AnswerSettings,
        is_new: &mut dyn FnMut(&EndpointAnswer) -> Result<bool, TeacherError>,
    ) -> Result<(), TeacherError> {
        let ending = format!("-{}", settings.digest());
        let tables = rank_tables(&self.path)?;
        let own = tables.into_iter().filter(|path| path.to_string_lossy().ends_with(&ending));
        let joined: Vec<PathBuf> = own.collect();
        for path in &joined {
            read_table(path, &mut |_, answer| {
                if is_new(&answer)? { self.append(&[answer]) } else { Ok(()) }
            })?;
        }
        if !joined.is_empty() {
            // Before they are removed.
            self.sync()?;
        }
        for path in &joined {
            fs::remove_file(path).map_err(TeacherError::file(path))?;
        }
        Ok(())
    }
}

/// How names of the tables begin that ranks have beside that of the first.
fn rank_prefix(path: &Path) -> String {
    format!("{}.rank-", path.file_name().unwrap_or_default().to_string_lossy())
}

/// The tables of ranks beside a table, in the order of their names.
fn rank_tables(path: &Path) -> Result<Vec<PathBuf>, TeacherError> {
    let (folder, prefix) = (write::parent(path), rank_prefix(path));
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(TeacherError::file(folder))?,
    };
    let mut tables = Vec::new();
    for entry in entries {
        let name = entry.map_err(TeacherError::file(folder))?.file_name();
        let is_digit = |character: char| character.is_ascii_digit();
        let rest = name.to_str().and_then(|name| name.strip_prefix(&prefix));
        if rest.is_some_and(|rest| rest.starts_with(is_digit)) {
            tables.push(path.with_file_name(name));
        }
    }
    tables.sort();
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    fn settings(model: &str) -> AnswerSettings {
        AnswerSettings::new(Map::from_iter([("model".to_owned(), json!(model))]))
    }

    fn answer(text: &str) -> EndpointAnswer {
        EndpointAnswer { class: Some("a".into()), ..EndpointAnswer::to(&text.into()) }
    }

    fn open(path: &Path, model: &str) -> Result<(AnswerTable, Vec<String>), TeacherError> {
        let mut texts = Vec::new();
        let table = AnswerTable::open(path, &settings(model), &mut |_, answer| {
            texts.push(answer.text);
            Ok(())
        })?;
        Ok((table, texts))
    }

    #[test]
    fn torn_last_line_is_dropped_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let (mut table, _) = open(&path, "m").unwrap();
        table.append(&[answer("one"), answer("two")]).unwrap();
        drop(table);
        let whole = fs::read(&path).unwrap();
        let first = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for end in first..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert_eq!(read_answers(&path).unwrap(), [answer("one")]);
            let (mut table, texts) = open(&path, "m").unwrap();
            assert_eq!(texts, ["one"]);
            table.append(&[answer("two")]).unwrap();
            drop(table);
            assert_eq!(fs::read(&path).unwrap(), whole, "cut at {end}");
        }
    }

    #[test]
    fn table_of_other_settings_is_refused_unless_it_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        drop(open(&path, "m").unwrap());
        let (mut table, _) = open(&path, "other").unwrap();
        table.append(&[answer("one")]).unwrap();
        drop(table);
        assert!(open(&path, "m").unwrap_err().to_string().contains("another `model`"));
        fs::remove_file(AnswerSettings::path(&path)).unwrap();
        let said = open(&path, "other").unwrap_err().to_string();
        assert!(said.contains("answers.jsonl.settings.json"), "{said}");
    }

    #[test]
    fn table_is_open_in_one_place_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let table = open(&path, "m").unwrap();
        assert!(open(&path, "m").unwrap_err().to_string().contains("another process"));
        drop(table);
        assert!(open(&path, "m").is_ok());
    }

    #[test]
    fn damaged_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        fs::write(&path, "{\"text\":\"a\"}\n{\"txt\":\"b\"}\n{\"text\":\"c\"}\n").unwrap();
        let said = read_answers(&path).unwrap_err().to_string();
        assert!(said.contains("line 2") && said.contains("delete the line"), "{said}");
    }

    #[test]
    fn tables_of_ranks_are_joined_once_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.jsonl");
        let mut table = open(&path, "m").unwrap().0;
        for rank in 1..3 {
            let mut other = AnswerTable::open_for_rank(&path, rank, &settings("m")).unwrap();
            other.append(&[answer("both"), answer(&rank.to_string())]).unwrap();
        }
        // Of other settings: it is not joined, and stands in the way of others.
        let mut stale = AnswerTable::open_for_rank(&path, 1, &settings("other")).unwrap();
        stale.append(&[answer("stale")]).unwrap();
        drop(stale);
        let mut seen = Vec::new();
        table
            .join_ranks(&settings("m"), &mut |answer| {
                let is_new = !seen.contains(&answer.text);
                seen.push(answer.text.clone());
                Ok(is_new)
            })
            .unwrap();
        assert_eq!(read_answers(&path).unwrap(), [answer("both"), answer("1"), answer("2")]);
        assert_eq!(rank_tables(&path).unwrap().len(), 1);
    }
}
