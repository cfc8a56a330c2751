use crate::error::{ReportError, Result, file_error};
use crate::files;
use serde::Serialize;
use serde_json::Value;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// An `events.jsonl` being appended to.
///
/// Each event is handed to the system whole, as one line: a killed process leaves all events but the one it was
/// writing, of which a torn line may remain.
#[derive(Debug)]
pub struct EventLog {
    path: PathBuf,
    file: File,
}

impl EventLog {
    /// Starts an empty log, in place of any that was there.
    ///
    /// # Errors
    /// [`ReportError::File`] when it cannot be written.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(file_error("create", path))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Takes up a log after an interruption: a torn last line goes, and so do the events for which `keep` is
    /// false, those that came after the checkpoint from which training goes on. The rest is put in place in one
    /// move, line by line as it was. A log that does not exist is started.
    ///
    /// # Errors
    /// [`ReportError::Event`] when another line than the last is broken, [`ReportError::File`].
    pub fn resume(path: &Path, keep: impl Fn(&Value) -> bool) -> Result<Self> {
        if path.exists() {
            let mut kept = Vec::new();
            for (line, event) in lines(path)? {
                if keep(&event) {
                    kept.extend_from_slice(line.as_bytes());
                    kept.push(b'\n');
                }
            }
            files::write(path, &kept)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(file_error("open for appending", path))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends one event, a value that serialises to a JSON object with a key `event`.
    ///
    /// # Errors
    /// [`ReportError::Json`] for a value that JSON cannot hold, [`ReportError::File`].
    pub fn append(&mut self, event: &impl Serialize) -> Result<()> {
        let mut line = serde_json::to_vec(event)
            .map_err(|source| ReportError::Json { what: "an event".to_string(), source })?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.flush())
            .map_err(file_error("append to", &self.path))
    }

    /// Waits until the events are on the disk, for use beside a checkpoint.
    ///
    /// # Errors
    /// [`ReportError::File`].
    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(file_error("write", &self.path))
    }

    /// Where the log is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// All events of a log, without a torn last line.
///
/// # Errors
/// [`ReportError::File`], or [`ReportError::Event`] with the line that is no JSON object.
pub fn read_events(path: &Path) -> Result<Vec<Value>> {
    Ok(lines(path)?.into_iter().map(|(_, event)| event).collect())
}

fn lines(path: &Path) -> Result<Vec<(String, Value)>> {
    let bytes = fs::read(path).map_err(file_error("read", path))?;
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

fn parse(line: &[u8]) -> Result<(String, Value), String> {
    let text = std::str::from_utf8(line).map_err(|error| error.to_string())?.trim_end();
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.is_object() { Ok((text.to_string(), value)) } else { Err("not an object".to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn log_of(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn resuming_drops_a_torn_line_and_what_came_after_the_checkpoint() {
        let (_folder, path) = log_of(b"");
        let mut log = EventLog::create(&path).unwrap();
        for step in 1..=5 {
            log.append(&json!({"event": "step", "step": step})).unwrap();
        }
        drop(log);
        let mut torn = fs::read(&path).unwrap();
        torn.extend_from_slice(br#"{"event":"step","st"#);
        fs::write(&path, torn).unwrap();

        let mut log = EventLog::resume(&path, |event| event["step"].as_u64() <= Some(3)).unwrap();
        log.append(&json!({"event": "step", "step": 4})).unwrap();
        let steps: Vec<_> = read_events(&path).unwrap().iter().map(|event| event["step"].as_u64()).collect();
        assert_eq!(steps, [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_log_cut_at_any_byte_is_resumed() {
        let whole = b"{\"event\":\"step\",\"step\":12}\n{\"event\":\"step\",\"step\":34}\n";
        for cut in 0..=whole.len() {
            let (_folder, path) = log_of(&whole[..cut]);
            EventLog::resume(&path, |_| true).unwrap().append(&json!({"event": "note"})).unwrap();
            let expected = whole[..cut].split(|&byte| byte == b'\n').count();
            assert_eq!(read_events(&path).unwrap().len(), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_broken_line_in_the_middle_is_named() {
        let (_folder, path) = log_of(b"{\"event\":\"note\"}\nnonsense\n{\"event\":\"note\"}\n");
        let error = EventLog::resume(&path, |_| true).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        assert!(fs::read_to_string(&path).unwrap().contains("nonsense"));
    }

    #[test]
    fn a_log_that_does_not_exist_is_started() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.jsonl");
        EventLog::resume(&path, |_| true).unwrap();
        assert!(read_events(&path).unwrap().is_empty());
        assert!(EventLog::create(&folder.path().join("none/events.jsonl")).is_err());
    }
}
