//! Faults of data, as they are shown.

use std::path::PathBuf;
use std::sync::Arc;

use alambic_data::{Fault, Place};
use alambic_files::read::describe;
use alambic_settings::source::SourceKind;
use alambic_settings::{Location, Node, Origin, Source, Value};

/// A stable name for each sort of fault.
pub(super) fn code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreadable(_)
        | Fault::Hub(_)
        | Fault::UnknownBuiltin
        | Fault::UnknownFormat(_)
        | Fault::WrongFormat(_)
        | Fault::Instead(_)
        | Fault::Inflated { .. }
        | Fault::NoSuchFiles
        | Fault::NotFolder
        | Fault::Reader(_) => "data::file",
        Fault::NotImage(_) | Fault::NoImage(_) | Fault::SeveralImages(..) | Fault::DamagedImage { .. } => {
            "data::image"
        }
        Fault::NotUtf8(_) | Fault::NotUtf16(_) => "data::encoding",
        Fault::Empty | Fault::NoRows | Fault::NothingKept { .. } => "data::empty",
        Fault::ColumnCount { .. }
        | Fault::NothingInColumn(_)
        | Fault::OpenQuote
        | Fault::MarksOrCharacters
        | Fault::LongLine(_)
        | Fault::LineCount { .. }
        | Fault::FileCount { .. } => "data::columns",
        Fault::DuplicateColumn(_) | Fault::MissingColumn { .. } => "data::header",
        Fault::NotJson(_)
        | Fault::BrokenJson(_)
        | Fault::MissingKey(_)
        | Fault::KeyTwice(_)
        | Fault::NotOneValue { .. }
        | Fault::NoLabel(_)
        | Fault::NotText { .. }
        | Fault::NotNumber { .. }
        | Fault::NotDecimal { .. }
        | Fault::UnknownClass { .. }
        | Fault::NotAnswers(_)
        | Fault::AnswerTwice(_)
        | Fault::AnnotatedTwice(_)
        | Fault::Crossed(..)
        | Fault::BrokenXml(_) => "data::value",
        Fault::UnknownLanguage(_)
        | Fault::NoLanguage
        | Fault::TwoVariants { .. }
        | Fault::WrongScript { .. } => "data::language",
        Fault::Regions(_) => "data::regions",
    }
}

/// Where a tree names a location that is called `name` in a fault, or a folder that it lies in.
pub(super) fn find_location(node: &Node, name: &str) -> Option<Origin> {
    match &node.value {
        Value::Text(text) => {
            let location = Location::parse(text, &node.origin).ok()?;
            let location = location.to_string();
            let rest = name.strip_prefix(&location)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| node.origin.clone())
        }
        Value::List(items) => items.iter().find_map(|item| find_location(item, name)),
        Value::Table(members) => members.values().find_map(|member| find_location(&member.node, name)),
        _ => None,
    }
}

/// The largest file of which a line is shown, in bytes, and the longest line: files of features are larger than memory, and
/// their lines longer than a screen.
const LARGEST_SHOWN: u64 = 64 << 20;
const LONGEST_SHOWN: usize = 1000;

/// The line of a table that a fault is about, to be shown with it.
pub(super) fn line_of(place: &Place) -> Option<Origin> {
    let number = place.line?;
    let path = PathBuf::from(&place.source);
    // Of what is compressed there is no line to show.
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz")) {
        return None;
    }
    if std::fs::metadata(&path).ok()?.len() > LARGEST_SHOWN {
        return None;
    }
    let bytes = std::fs::read(&path).ok()?;
    // Of what is something else than text in UTF-8, or ends lines otherwise, neither.
    if describe(&bytes).is_some() || bytes.contains(&0) || !bytes.contains(&b'\n') {
        return None;
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let start = text.split_inclusive('\n').take(number - 1).map(str::len).sum();
    let line = text[start..].split('\n').next().filter(|line| line.len() <= LONGEST_SHOWN)?;
    let skipped: usize = line.chars().take(place.column.unwrap_or(1) - 1).map(char::len_utf8).sum();
    let end = start + line.trim_end_matches('\r').len();
    let span = (start + skipped).min(end)..end;
    Some(Origin::Written { source: Arc::new(Source { kind: SourceKind::File(path), text }), span })
}
