//! Lines of text.

use crate::error::{Fault, Place, Problems};
use crate::source::TableSource;

/// The longest line, row or object that is read, in bytes.
pub(crate) const LONGEST: usize = 16 << 20;

/// What ends a line. Neither U+0085 nor U+2028 does: both occur within texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// A line feed, with or without a carriage return before it.
    Feed,
    /// A carriage return, as in files of old Macintoshes.
    Return,
    /// Either, as in CSV.
    Any,
}

impl LineEnd {
    /// Of text that is read by lines: carriage returns end them only where there is no line feed.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.contains(&b'\n') || !bytes.contains(&b'\r') { Self::Feed } else { Self::Return }
    }

    /// Whether a byte ends a line, or begins the two that do.
    pub(super) fn is_met(self, byte: u8) -> bool {
        match self {
            Self::Feed => byte == b'\n',
            Self::Return => byte == b'\r',
            Self::Any => matches!(byte, b'\n' | b'\r'),
        }
    }

    /// How many lines end within a text.
    pub(super) fn count(self, text: &str) -> usize {
        let bytes = text.as_bytes();
        match self {
            Self::Feed | Self::Return => bytes.iter().filter(|&&byte| self.is_met(byte)).count(),
            Self::Any => {
                let pairs = bytes.windows(2).filter(|pair| pair == b"\r\n").count();
                bytes.iter().filter(|&&byte| self.is_met(byte)).count() - pairs
            }
        }
    }
}

/// Bytes without a byte order mark before them.
pub(crate) fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes)
}

/// The lines of a source without their ends, with their numbers from 1. A byte order mark and the carriage returns of
/// Windows are left out.
pub(crate) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let bytes = unmarked(bytes);
    let end = LineEnd::of(bytes);
    bytes
        .split(move |&byte| end.is_met(byte))
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .enumerate()
        .map(|(index, line)| (index + 1, line))
}

/// What is wrong with bytes that are not UTF-8, by line.
pub(super) fn encoding(source: &TableSource) -> Problems {
    let mut problems = Problems::default();
    for (number, line) in lines(&source.bytes) {
        utf8(source, number, line, &mut problems);
    }
    problems.push_if_none(Place::file(&source.name), Fault::Reader("it is not UTF-8".into()));
    problems
}

/// A line as text, or a problem noted with its line and column.
pub(crate) fn utf8<'a>(
    source: &TableSource,
    number: usize,
    line: &'a [u8],
    problems: &mut Problems,
) -> Option<&'a str> {
    if line.len() > LONGEST {
        problems.push(Place::line(&source.name, number), Fault::LongLine(LONGEST));
        return None;
    }
    match std::str::from_utf8(line) {
        Ok(text) => Some(text),
        Err(error) => {
            let (valid, rest) = line.split_at(error.valid_up_to());
            let column = Some(String::from_utf8_lossy(valid).chars().count() + 1);
            let place = Place { source: source.name.clone(), line: Some(number), column };
            problems.push(place, Fault::NotUtf8(rest.first().copied().unwrap_or_default()));
            None
        }
    }
}
