//! Faults of data, as they are shown.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;

use alambic_data::{Fault, Place};
use alambic_files::read;
use alambic_settings::source::SourceKind;
use alambic_settings::{Location, Node, Origin, SourceFile, Value};

/// A stable name for each sort of fault.
pub(super) fn code(fault: &Fault) -> &'static str {
    match fault {
        Fault::Unreadable(_)
        | Fault::Hub(_)
        | Fault::UnknownBuiltin
        | Fault::UnknownFormat(_)
        | Fault::WrongFormat(_)
        | Fault::OtherContent(_)
        | Fault::TooLarge { .. }
        | Fault::NoSuchFiles
        | Fault::NotFolder
        | Fault::Reader(_) => "data::file",
        Fault::NotImage(_)
        | Fault::NoImage(_)
        | Fault::NoPixels
        | Fault::AmbiguousImage(..)
        | Fault::DamagedImage { .. } => "data::image",
        Fault::NotUtf8(_) | Fault::NotUtf16(_) => "data::encoding",
        Fault::Empty | Fault::NoRows | Fault::NoUsableRows { .. } => "data::empty",
        Fault::ColumnCount { .. }
        | Fault::EmptyField(_)
        | Fault::UnexpectedComment(_)
        | Fault::UnclosedQuote
        | Fault::AmbiguousQuotes
        | Fault::LongLine(_)
        | Fault::NoReference
        | Fault::LineCount { .. }
        | Fault::FileCount { .. } => "data::columns",
        Fault::DuplicateColumn(_) | Fault::MissingColumn { .. } => "data::header",
        Fault::NotJson(_)
        | Fault::BrokenJson(_)
        | Fault::MissingKey(_)
        | Fault::DuplicateKey(_)
        | Fault::NotOneValue { .. }
        | Fault::MissingLabel { .. }
        | Fault::NotText { .. }
        | Fault::NotCount { .. }
        | Fault::NotNumber { .. }
        | Fault::UnknownClass { .. }
        | Fault::Classes(_)
        | Fault::NotOneOf { .. }
        | Fault::NotForm { .. }
        | Fault::NotTexts { .. }
        | Fault::ChoiceCount(_)
        | Fault::UnknownChoice { .. }
        | Fault::Answer(_)
        | Fault::NotAnswers(_)
        | Fault::DuplicateAnswer(_)
        | Fault::DuplicateAnnotation(_)
        | Fault::MinAboveMax(..)
        | Fault::NoFamily
        | Fault::BrokenXml(_) => "data::value",
        Fault::DuplicateId(_)
        | Fault::UnknownPassage(_)
        | Fault::UnknownQuery(_)
        | Fault::NoPositive(_)
        | Fault::NoJudgements
        | Fault::TwoJudgements { .. }
        | Fault::NumberCount { .. } => "data::search",
        Fault::UnknownLanguage(_)
        | Fault::Language(_)
        | Fault::NoLanguage
        | Fault::AmbiguousVariants { .. }
        | Fault::WrongScript { .. } => "data::language",
        Fault::Mixing(_) => "data::dictionary",
        Fault::Sheet(_) => "data::sheet",
        Fault::Regions(_) => "data::regions",
        Fault::Benchmark(_) => "data::benchmark",
        Fault::Unwritable(_) => "data::unwritable",
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

/// How far into a file a line is sought to be shown, in bytes, and the longest line that is: files of features are larger
/// than memory, and their lines longer than a screen.
const FARTHEST_SHOWN: u64 = 64 << 20;
const LONGEST_SHOWN: usize = 1000;

/// The line of a table that a fault is about, to be shown with it.
pub(super) fn line_of(place: &Place) -> Option<Origin> {
    let number = place.line?;
    let path = PathBuf::from(&place.source);
    // Of what is compressed, or no text, there is no line to show.
    if read::describe_file(&path).ok()?.is_some() {
        return None;
    }
    let mut file = BufReader::new(read::open(&path).ok()?.take(FARTHEST_SHOWN));
    for _ in 1..number {
        if file.skip_until(b'\n').ok()? == 0 {
            return None;
        }
    }
    let mut line = Vec::new();
    file.take(LONGEST_SHOWN as u64 + 1).read_until(b'\n', &mut line).ok()?;
    if line.len() > LONGEST_SHOWN {
        return None;
    }
    let line = String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
    // Of text in another encoding, or whose lines end otherwise, neither.
    if line.contains(['\0', '\r']) {
        return None;
    }
    let start = line.chars().take(place.column.unwrap_or(1).saturating_sub(1)).map(char::len_utf8).sum();
    let span = start..line.len();
    let source = Arc::new(SourceFile::excerpt(SourceKind::File(path), line, number));
    Some(Origin::Written { source, span })
}
