//! Tables in TSV and CSV: what separates their fields, whether quotes are marks or characters, and the columns.

use std::borrow::Cow;

use super::cells::Table;
use super::column_buffers::ColumnBuffers;
use super::columns::{Columns, Header, Quoting};
use super::fields::{Dialect, Rows};
use super::lines::{LONGEST, LineEnd, encoding, unmarked};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{TableFormat, TableSource};

/// What fields may be separated by, with its name.
const SEPARATORS: [(u8, &str); 4] =
    [(b',', "commas"), (b'\t', "tabs"), (b';', "semicolons"), (b'|', "vertical bars")];

/// Reads a delimited table.
pub(super) fn read<'s>(source: &'s TableSource, columns: &Columns<'_>) -> Result<Table<'s>, DataError> {
    let bytes = unmarked(&source.bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        return parse(source, text, columns);
    }
    let mut problems = encoding(source);
    // What else is wrong is reported along with it.
    if let Err(others) = parse(source, &String::from_utf8_lossy(bytes), columns) {
        problems.extend(others);
    }
    problems.or(Table::empty(source))
}

fn parse<'t>(source: &TableSource, text: &'t str, columns: &Columns<'_>) -> Result<Table<'t>, DataError> {
    let mut problems = Problems::default();
    let mut table = Table::empty(source);
    let (text, skipped, said) = without_separator_line(text);
    let dialect = dialect(source, text, said, columns)?;
    note(source, &mut table, dialect, text);
    let mut rows = Rows::new(text, dialect);
    let mut fields: Vec<Cow<'_, str>> = Vec::new();
    let mut kept: Option<ColumnBuffers<'t>> = None;
    let mut expected = 0;
    table.lines = Some(Vec::new());
    while let Some(row) = rows.next(&mut fields) {
        let place = |line| Place::line(&source.name, line + skipped);
        if let Some(line) = row.open {
            // What is cut off may have closed it.
            if !source.is_cut {
                problems.push(place(line), Fault::UnclosedQuote);
            }
            break;
        }
        if row.length > LONGEST {
            problems.push(place(row.line), Fault::LongLine(LONGEST));
            continue;
        }
        if fields.iter().all(|field| field.trim().is_empty()) {
            table.blank += 1;
            continue;
        }
        let is_first = kept.is_none();
        let mut is_row = true;
        let kept = kept.get_or_insert_with(|| {
            (table.names, is_row) = names(&fields, columns.header);
            table.header = row.line + skipped;
            expected = table.names.len();
            ColumnBuffers::new(columns, &table.names, &place(row.line), &mut problems)
        });
        if is_first && !is_row {
            continue;
        }
        if fields.len() != expected {
            problems.push(place(row.line), Fault::ColumnCount { found: fields.len(), expected });
            continue;
        }
        kept.push(&mut fields);
        table.rows += 1;
        if let Some(lines) = &mut table.lines {
            lines.push(row.line + skipped);
        }
    }
    match kept {
        Some(kept) => table.columns = kept.columns,
        None => problems.push_if_none(Place::file(&source.name), Fault::Empty),
    }
    problems.or(table)
}

/// The names of the columns, and whether the first row is one of the table's.
fn names(first: &[Cow<'_, str>], header: Header<'_>) -> (Vec<String>, bool) {
    match header {
        Header::Unless { marks, names }
            if !marks.iter().all(|mark| first.iter().any(|cell| cell == mark)) =>
        {
            (names.iter().map(|&name| name.to_owned()).collect(), true)
        }
        Header::Numbers => ((1..=first.len()).map(|number| number.to_string()).collect(), true),
        _ => (first.iter().map(ToString::to_string).collect(), false),
    }
}

/// Takes the line `sep=;` away with which spreadsheets say what separates fields. It counts as a line.
fn without_separator_line(text: &str) -> (&str, usize, Option<u8>) {
    let line = text.split(['\n', '\r']).next().unwrap_or_default();
    let said = line.trim_matches('"').strip_prefix("sep=").map(str::as_bytes);
    match said {
        Some(&[separator]) => {
            let rest = &text[line.len()..];
            let rest = rest.strip_prefix("\r\n").or_else(|| rest.get(1..)).unwrap_or_default();
            (rest, 1, Some(separator))
        }
        _ => (text, 0, None),
    }
}

/// What separates the fields, and whether quotes are marks.
fn dialect(
    source: &TableSource,
    text: &str,
    said: Option<u8>,
    columns: &Columns<'_>,
) -> Result<Dialect, DataError> {
    let native = if source.format == TableFormat::Csv { b',' } else { b'\t' };
    let separator = said.unwrap_or_else(|| separator(text, native, columns));
    let by_lines = LineEnd::of(text.as_bytes());
    let plain = Dialect { separator, is_quoted: false, end: by_lines };
    let quoted = Dialect { is_quoted: true, ..plain };
    Ok(match columns.quoting {
        Quoting::DoubleQuotes => Dialect { end: LineEnd::Any, ..quoted },
        Quoting::AsWritten if separator != b'\t' => Dialect { end: LineEnd::Any, ..quoted },
        Quoting::AsWritten if is_quoted(source, text, quoted, plain)? => quoted,
        Quoting::AsWritten | Quoting::None => plain,
    })
}

/// What separates the fields of the first row: what the format says, unless the columns that are needed are there only if it
/// is something else.
fn separator(text: &str, native: u8, columns: &Columns<'_>) -> u8 {
    let mut fields = Vec::new();
    let mut first = |separator| {
        let mut rows = Rows::new(text, Dialect { separator, is_quoted: true, end: LineEnd::Any });
        while rows.next(&mut fields).is_some() {
            if !fields.iter().all(|field| field.trim().is_empty()) {
                let has = |name: &&str| match columns.header {
                    Header::Numbers => name.parse().is_ok_and(|number| (1..=fields.len()).contains(&number)),
                    _ => fields.iter().any(|field| field == name),
                };
                return (fields.len(), columns.needed().all(|name| has(&name)));
            }
        }
        (0, false)
    };
    let candidates = || std::iter::once(native).chain(SEPARATORS.map(|(other, _)| other));
    let is_named = columns.needed().next().is_some();
    if is_named && let Some(found) = candidates().find(|&separator| first(separator).1) {
        return found;
    }
    let (own, _) = first(native);
    let most = candidates().max_by_key(|&separator| (first(separator).0, separator == native));
    if own > 1 { native } else { most.unwrap_or(native) }
}

/// Whether quotes are marks in a table whose format leaves it open, as TSV does: they are where all of them are as a writer
/// sets them, and all rows have their columns by it. One stray quote makes all of them characters.
fn is_quoted(source: &TableSource, text: &str, quoted: Dialect, plain: Dialect) -> Result<bool, DataError> {
    let mut fields = Vec::new();
    let mut rows = Rows::new(text, quoted);
    let (mut has_quoted, mut joined, mut ragged, mut expected) = (false, None, 0, None);
    while let Some(row) = rows.next(&mut fields) {
        if row.has_stray || (row.open.is_some() && !source.is_cut) {
            return Ok(false);
        }
        if row.open.is_some() {
            break;
        }
        has_quoted |= row.has_quoted;
        joined = joined.or(row.is_joined.then_some(row.line));
        ragged += usize::from(fields.len() != *expected.get_or_insert(fields.len()));
    }
    if !has_quoted {
        return Ok(false);
    }
    let mut rows = Rows::new(text, plain);
    let (mut ragged_plain, mut first) = (0, None);
    while rows.next(&mut fields).is_some() {
        ragged_plain += usize::from(fields.len() != *first.get_or_insert(fields.len()));
    }
    match joined {
        // A line of one column is a row either way, and nothing shows which is meant.
        Some(line) if ragged_plain == 0 && expected == Some(1) => {
            Err(DataError::new(Place::line(&source.name, line), Fault::AmbiguousQuotes))
        }
        Some(_) if ragged_plain == 0 => Ok(false),
        _ => Ok(ragged <= ragged_plain),
    }
}

/// Notes what the name of the file does not say.
fn note(source: &TableSource, table: &mut Table<'_>, dialect: Dialect, text: &str) {
    let name = SEPARATORS.iter().find(|(separator, _)| *separator == dialect.separator);
    let is_native = dialect.separator == if source.format == TableFormat::Csv { b',' } else { b'\t' };
    if let (false, Some((_, name))) = (is_native, name) {
        table.notes.push(format!("its columns are separated by {name}"));
    }
    if dialect.separator == b'\t' && text.contains('"') {
        let what = if dialect.is_quoted { "marks around fields" } else { "characters" };
        table.notes.push(format!("quotes are {what} in it"));
    }
}
