use crate::error::{ReportError, Result, file_error};
use alambic_files::text::json_visible;
use alambic_files::{read, write};
use chrono::{SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// How far a log went at some moment: its length then, and the digest of that part of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LogMark {
    /// Bytes.
    pub bytes: u64,
    /// BLAKE3 of these bytes, in hexadecimal; empty where there are none.
    pub blake3: String,
}

/// An `events.jsonl` being appended to.
///
/// Each event is handed to the system whole, as one line: a killed process leaves all events but the one it was
/// writing, of which a torn line may remain.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    /// None of a log that is not written.
    file: Option<File>,
    bytes: u64,
    hasher: Box<blake3::Hasher>,
}

impl EventLog {
    /// Starts an empty log, in place of any that was there.
    ///
    /// # Errors
    /// [`ReportError::File`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(file_error("create", path))?;
        Ok(Self { path: path.to_path_buf(), file: Some(file), bytes: 0, hasher: Box::default() })
    }

    /// A log of which nothing is written, for a process beside the one that writes it to a path.
    #[must_use]
    pub fn unwritten(path: &Path) -> Self {
        Self { path: path.to_path_buf(), file: None, bytes: 0, hasher: Box::default() }
    }

    /// Takes up a log after an interruption at a mark that was made of it: what came after goes, in one move.
    ///
    /// # Errors
    /// [`ReportError::LogChanged`] when the log does not begin with what was marked, [`ReportError::File`].
    pub fn resume(path: &Path, mark: &LogMark) -> Result<Self> {
        let changed = |what: String| ReportError::LogChanged { path: path.to_path_buf(), what };
        let mut bytes = match path.try_exists() {
            Ok(false) if mark.bytes > 0 => return Err(changed("is missing".to_owned())),
            Ok(false) => Vec::new(),
            _ => read::bytes(path, u64::MAX)?,
        };
        if (bytes.len() as u64) < mark.bytes {
            return Err(changed(format!("has {} bytes of {}", bytes.len(), mark.bytes)));
        }
        bytes.truncate(mark.bytes as usize);
        let mut hasher = blake3::Hasher::new();
        hasher.update(&bytes);
        let found = mark_of(mark.bytes, &hasher);
        if found != *mark {
            return Err(changed("holds other bytes than were written".to_owned()));
        }
        write::write(path, &bytes)?;
        let file =
            OpenOptions::new().append(true).open(path).map_err(file_error("open for appending", path))?;
        let file = Some(file);
        Ok(Self { path: path.to_path_buf(), file, bytes: mark.bytes, hasher: Box::new(hasher) })
    }

    /// Appends one event, a value that serialises to a JSON object with a key `event`; behind it comes the key `time`, as
    /// [`now`] writes it.
    ///
    /// # Errors
    /// [`ReportError::Json`] for a value that JSON cannot hold, [`ReportError::File`], also when the file is no longer there.
    pub fn append(&mut self, event: &impl Serialize) -> Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let line = serde_json::to_value(event)
            .and_then(|mut event| {
                if let Some(event) = event.as_object_mut() {
                    event.shift_insert(event.len().min(1), "time".to_owned(), now().into());
                }
                serde_json::to_string(&event)
            })
            .map_err(|source| ReportError::Json { what: "an event".to_string(), source })?;
        let line = format!("{}\n", json_visible(&line));
        file.write_all(line.as_bytes())
            .and_then(|()| if is_gone(file)? { Err(ErrorKind::NotFound.into()) } else { Ok(()) })
            .map_err(file_error("append to", &self.path))?;
        self.bytes += line.len() as u64;
        self.hasher.update(line.as_bytes());
        Ok(())
    }

    /// Waits until the events are on the disk, and says how far the log goes: for a checkpoint, which is resumed with them.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub fn mark(&self) -> Result<LogMark> {
        let Some(file) = &self.file else { return Ok(LogMark::default()) };
        file.sync_data().map_err(file_error("write", &self.path))?;
        Ok(mark_of(self.bytes, &self.hasher))
    }

    /// Whether nothing is logged yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Where the log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The time by the system's clock, as RFC 3339 has it: in UTC, to the millisecond.
#[must_use]
pub fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn mark_of(bytes: u64, hasher: &blake3::Hasher) -> LogMark {
    let blake3 = if bytes == 0 { String::new() } else { hasher.finalize().to_hex().to_string() };
    LogMark { bytes, blake3 }
}

/// Whether an open file has no name any more: writing to it succeeds, and nobody will read it.
#[cfg(unix)]
fn is_gone(file: &File) -> std::io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    Ok(file.metadata()?.nlink() == 0)
}

/// Elsewhere a file that is open cannot be removed.
#[cfg(not(unix))]
fn is_gone(_: &File) -> std::io::Result<bool> {
    Ok(false)
}

/// All events of a log, without a torn last line.
///
/// # Errors
/// [`ReportError::File`], or [`ReportError::Event`] with the line that is no JSON object.
pub fn read_events(path: &Path) -> Result<Vec<Value>> {
    let bytes = read::bytes(path, u64::MAX)?;
    let mut parsed = Vec::new();
    let mut rest = bytes.split_inclusive(|&byte| byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = rest.next() {
        let last = rest.peek().is_none();
        let complete = line.ends_with(b"\n");
        match parse(line) {
            // A line without its end may be an object cut inside a number, so it is not believed.
            Ok(event) if complete => parsed.push(event),
            Err(reason) if !last => {
                return Err(ReportError::Event { path: path.to_path_buf(), line: index + 1, reason });
            }
            Ok(_) | Err(_) => {}
        }
    }
    Ok(parsed)
}

fn parse(line: &[u8]) -> Result<Value, String> {
    let value: Value = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    if value.is_object() { Ok(value) } else { Err("not an object".to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::fs;

    fn log_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn resuming_drops_what_came_after_the_mark() {
        let (_folder, path) = log_of(b"");
        let mut log = EventLog::create(&path).unwrap();
        let mut mark = log.mark().unwrap();
        assert_eq!(mark, LogMark::default());
        for step in 1..=5 {
            log.append(&json!({"event": "step", "step": step})).unwrap();
            if step == 3 {
                mark = log.mark().unwrap();
            }
        }
        drop(log);
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(br#"{"event":"step","st"#);
        fs::write(&path, &torn).unwrap();

        let mut log = EventLog::resume(&path, &mark).unwrap();
        assert_eq!(log.mark().unwrap(), mark);
        log.append(&json!({"event": "step", "step": 4})).unwrap();
        let steps: Vec<_> = read_events(&path).unwrap().iter().map(|event| event["step"].as_u64()).collect();
        assert_eq!(steps, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);

        // What is gone, cut or changed before the mark is an error.
        torn[5] ^= 0x40;
        fs::write(&path, &torn).unwrap();
        assert!(EventLog::resume(&path, &mark).unwrap_err().to_string().contains("other bytes"));
        fs::write(&path, b"").unwrap();
        assert!(EventLog::resume(&path, &mark).unwrap_err().to_string().contains("has 0 bytes of"));
        fs::remove_file(&path).unwrap();
        let said = EventLog::resume(&path, &mark).unwrap_err().to_string();
        assert!(said.contains("events.jsonl") && said.contains("is missing"), "{said}");
    }

    #[test]
    fn events_have_the_time_behind_their_kind() {
        let (_folder, path) = log_of(b"");
        let before = now();
        let mut log = EventLog::create(&path).unwrap();
        assert!(log.is_empty());
        log.append(&json!({"event": "note", "text": "x"})).unwrap();
        assert!(!log.is_empty());
        let events = read_events(&path).unwrap();
        let keys: Vec<_> = events[0].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["event", "time", "text"]);
        let time = events[0]["time"].as_str().unwrap();
        assert!((before.as_str()..=now().as_str()).contains(&time), "{time}");
        assert_eq!((time.len(), &time[10..11], &time[23..]), (24, "T", "Z"));
    }

    #[cfg(unix)]
    #[test]
    fn a_log_that_was_removed_is_not_written_to_any_more() {
        let (_folder, path) = log_of(b"");
        let mut log = EventLog::create(&path).unwrap();
        log.append(&json!({"event": "note"})).unwrap();
        fs::remove_file(&path).unwrap();
        assert!(log.append(&json!({"event": "note"})).is_err());
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let (_folder, path) = log_of(b"{\"event\":\"note\"}\nnonsense\n{\"event\":\"note\"}\n");
        let error = read_events(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }

    #[test]
    fn a_log_that_does_not_exist_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        EventLog::resume(&path, &LogMark::default()).unwrap();
        assert!(read_events(&path).unwrap().is_empty());
        assert!(EventLog::create(&folder.path().join("none/events.jsonl")).is_err());
    }
}
