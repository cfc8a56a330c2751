//! The pass over the lines of a table in TSV or CSV.

use polars::prelude::DataFrame;

use super::{Header, frame, lines, utf8};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::Source;

/// Reads a delimited table. Without a quote character a field holds whatever stands between separators.
pub(super) fn read(
    source: &Source,
    separator: u8,
    quote: Option<u8>,
    header: Header<'_>,
) -> Result<(DataFrame, Option<Vec<usize>>), DataError> {
    let mut problems = Problems::default();
    let mut records = records(source, quote, &mut problems).into_iter().peekable();
    let Some((first_line, first)) = records.peek() else {
        problems.push(Place::file(&source.name), Fault::Empty);
        return problems.or((DataFrame::empty(), None));
    };
    let first_line = *first_line;
    let first_cells = cells(first, separator, quote);
    let names = match header {
        Header::Unless { marks, names }
            if !marks.iter().all(|mark| first_cells.iter().any(|cell| cell == mark)) =>
        {
            names.iter().map(|&name| name.to_owned()).collect()
        }
        Header::Numbers => (1..=first_cells.len()).map(|number| number.to_string()).collect(),
        _ => {
            records.next();
            first_cells
        }
    };
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            problems.push(Place::line(&source.name, first_line), Fault::DuplicateColumn(name.clone()));
        }
    }
    let mut text = Vec::with_capacity(source.bytes.len());
    let mut row_lines = Vec::new();
    for (line, record) in records {
        let found = cells(&record, separator, quote).len();
        if found != names.len() {
            let fault = Fault::ColumnCount { found, expected: names.len() };
            problems.push(Place::line(&source.name, line), fault);
        }
        text.extend_from_slice(record.as_bytes());
        text.push(b'\n');
        row_lines.push(line);
    }
    problems.or(())?;
    let frame = if row_lines.is_empty() {
        frame::of_delimited(source, b"\n".to_vec(), &names, separator, quote)?.head(Some(0))
    } else {
        frame::of_delimited(source, text, &names, separator, quote)?
    };
    if frame.height() != row_lines.len() {
        let message = format!("{} rows were read of {}", frame.height(), row_lines.len());
        return Err(DataError::new(Place::file(&source.name), Fault::Reader(message)));
    }
    Ok((frame, Some(row_lines)))
}

/// The records that are sound UTF-8, each with the line on which it begins. A record spans several lines
/// where a quoted field does.
fn records(source: &Source, quote: Option<u8>, problems: &mut Problems) -> Vec<(usize, String)> {
    let mut records: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (number, line) in lines(&source.bytes) {
        let Some(text) = utf8(source, number, line, problems) else { continue };
        if open {
            if let Some((_, record)) = records.last_mut() {
                record.push('\n');
                record.push_str(text);
            }
        } else if text.is_empty() {
            continue;
        } else {
            records.push((number, text.to_owned()));
        }
        if let Some(quote) = quote {
            open ^= text.matches(char::from(quote)).count() % 2 == 1;
        }
    }
    if open && let Some((line, _)) = records.pop() {
        problems.push(Place::line(&source.name, line), Fault::OpenQuote);
    }
    records
}

/// The fields of a record, without the quotes around them.
fn cells(record: &str, separator: u8, quote: Option<u8>) -> Vec<String> {
    let Some(quote) = quote else {
        return record.split(char::from(separator)).map(str::to_owned).collect();
    };
    let (separator, quote) = (char::from(separator), char::from(quote));
    let mut cells = vec![String::new()];
    let mut quoted = false;
    let mut characters = record.chars().peekable();
    while let Some(character) = characters.next() {
        if character == separator && !quoted {
            cells.push(String::new());
        } else if let Some(cell) = cells.last_mut() {
            if character != quote {
                cell.push(character);
            } else if quoted && characters.peek() == Some(&quote) {
                characters.next();
                cell.push(quote);
            } else {
                quoted = !quoted;
            }
        }
    }
    cells
}
