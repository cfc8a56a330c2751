//! The bytes of a file as text in UTF-8, or as they are: decompressed, decoded, and checked for what people put in its place.

use std::fs::File;
use std::io::{BufReader, Cursor, Read};
use std::path::Path;

use alambic_files::FileError;
use alambic_files::read::{describe, open};
use flate2::read::MultiGzDecoder;

use super::format::TableFormat;
use crate::error::Fault;

/// How many bytes the head of a text file is.
pub(super) const HEAD: u64 = 1 << 16;

/// Up to so many bytes, what a compressed file holds may have any size.
const ROOM: u64 = 256 << 20;

/// Beyond [`ROOM`], the most that a compressed file may hold, as a multiple of its own size. Text is seldom compressed more
/// than ten times over, and gzip can do a thousand.
const TIMES: u64 = 100;

/// What gzip begins with.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Content of a file.
pub(super) struct FileContent {
    pub(super) bytes: Vec<u8>,
    /// Whether lines behind these were left unread.
    pub(super) is_cut: bool,
    /// Notes on how it was read, where its name does not say so.
    pub(super) notes: Vec<&'static str>,
}

/// Reads a file: all of it, or of lines of text the head.
///
/// # Errors
/// Where it cannot be read, would fill the memory, or is something else than its format.
pub(super) fn read(path: &Path, format: TableFormat, wants_head: bool) -> Result<FileContent, Fault> {
    let mut file = open(path).map_err(|error| refused(&error))?;
    let size = file.metadata().map_err(unreadable)?.len();
    let mut first = Vec::new();
    Read::by_ref(&mut file).take(4).read_to_end(&mut first).map_err(unreadable)?;
    let is_compressed = first.starts_with(&GZIP);
    let is_called_so = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
    let mut notes = Vec::new();
    if is_compressed && !is_called_so {
        notes.push("decompressed, though its name does not end in `.gz`");
    }
    let file: Chain = Cursor::new(first).chain(file);
    let (mut reader, room): (Box<dyn Read>, _) = if is_compressed {
        (Box::new(MultiGzDecoder::new(BufReader::new(file))), ROOM.max(TIMES.saturating_mul(size)))
    } else {
        (Box::new(file), u64::MAX)
    };
    let unreadable = |error: std::io::Error| {
        let of = if is_compressed { "what gzip made is damaged: " } else { "" };
        Fault::Unreadable(format!("{of}{error}"))
    };
    let mut bytes = Vec::new();
    if wants_head {
        reader.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
        let end = bytes.iter().rposition(|&byte| byte == b'\n').map(|end| end + 1);
        let is_lines =
            utf16(&bytes).is_none() && (format != TableFormat::JsonLines || begins_with_object(&bytes));
        if let (Some(end), HEAD, true) = (end, bytes.len() as u64, is_lines) {
            bytes.truncate(end);
            check_content(&bytes, format)?;
            return Ok(FileContent { bytes, is_cut: true, notes });
        }
        // All of the file, or what is left of one whose first line is longer than a head.
    }
    let room = room.saturating_sub(bytes.len() as u64);
    let read = reader.by_ref().take(room.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if read as u64 > room {
        return Err(Fault::TooLarge { times: TIMES, bytes: ROOM });
    }
    if format != TableFormat::Parquet
        && let Some(order) = utf16(&bytes)
    {
        notes.push("decoded from UTF-16");
        bytes = decoded(&bytes, order)?.into_bytes();
    }
    check_content(&bytes, format)?;
    Ok(FileContent { bytes, is_cut: false, notes })
}

/// Whether the first line holds a whole object: a list, or an object over several lines, cannot be cut at a line.
fn begins_with_object(bytes: &[u8]) -> bool {
    let line = bytes.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).find(|line| !line.is_empty());
    line.is_some_and(|line| line.ends_with(b"}") && !line.starts_with(b"["))
}

type Chain = std::io::Chain<Cursor<Vec<u8>>, File>;

#[expect(clippy::needless_pass_by_value, reason = "it maps the error of a result")]
fn unreadable(error: std::io::Error) -> Fault {
    Fault::Unreadable(error.to_string())
}

/// A file that could not be opened. The fault's place names it.
fn refused(error: &FileError) -> Fault {
    Fault::Unreadable(error.reason())
}

/// Fails where bytes are known to be something else than their format.
fn check_content(bytes: &[u8], format: TableFormat) -> Result<(), Fault> {
    const WIDE: [&[u8]; 2] = [&[0xff, 0xfe, 0, 0], &[0, 0, 0xfe, 0xff]];
    if format == TableFormat::Parquet && bytes.starts_with(b"PAR1") {
        return Ok(());
    }
    if WIDE.iter().any(|mark| bytes.starts_with(mark)) {
        return Err(Fault::OtherContent("text in UTF-32"));
    }
    if bytes.starts_with(b"ARROW1") {
        return Err(Fault::OtherContent("an Arrow file; save it as Parquet"));
    }
    describe(bytes).map_or(Ok(()), |what| Err(Fault::OtherContent(what)))
}

/// The order of the two bytes of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    LowFirst,
    HighFirst,
}

/// The order of UTF-16, by its mark or, where there is none, by the zeros of two characters of ASCII.
fn utf16(bytes: &[u8]) -> Option<Order> {
    match *bytes {
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(Order::LowFirst),
        [0xfe, 0xff, ..] => Some(Order::HighFirst),
        [first, 0, second, 0, ..] if first > 0 && second > 0 => Some(Order::LowFirst),
        [0, first, 0, second, ..] if first > 0 && second > 0 => Some(Order::HighFirst),
        _ => None,
    }
}

fn decoded(bytes: &[u8], order: Order) -> Result<String, Fault> {
    let unit = |pair: &[u8]| match (pair, order) {
        (&[first, second], Order::LowFirst) => u16::from_le_bytes([first, second]),
        (&[first, second], Order::HighFirst) => u16::from_be_bytes([first, second]),
        // Half a unit at the end is no character.
        _ => 0xdfff,
    };
    let mut text = String::with_capacity(bytes.len() / 2);
    let mut at = 0;
    for character in char::decode_utf16(bytes.chunks(2).map(unit)) {
        let character = character.map_err(|_| Fault::NotUtf16(at))?;
        at += 2 * character.len_utf16();
        text.push(character);
    }
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}
