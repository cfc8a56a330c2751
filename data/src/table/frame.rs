//! The part that polars does: bytes that are known to be sound become columns.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use polars::prelude::{
    CsvParseOptions, CsvReadOptions, DataFrame, DataType, JsonFormat, JsonReader, ParquetReader,
    PolarsResult, Schema, SchemaRef, SerReader,
};

use crate::error::{DataError, Fault, Place, Problems};
use crate::source::Source;

/// Delimited text without a header.
pub(super) fn of_delimited(
    source: &Source,
    text: Vec<u8>,
    names: &[String],
    separator: u8,
    quote: Option<u8>,
) -> Result<DataFrame, DataError> {
    let parse = CsvParseOptions::default()
        .with_separator(separator)
        .with_quote_char(quote)
        .with_missing_is_null(false);
    let frame = CsvReadOptions::default()
        .with_has_header(false)
        .with_schema(Some(text_schema(names)))
        .with_parse_options(parse)
        .into_reader_with_file_handle(Cursor::new(text))
        .finish();
    read(source, frame)
}

/// JSON lines whose values are all texts.
pub(super) fn of_json_lines(
    source: &Source,
    text: Vec<u8>,
    names: &[String],
) -> Result<DataFrame, DataError> {
    let frame = JsonReader::new(Cursor::new(text))
        .with_json_format(JsonFormat::JsonLines)
        .with_schema(text_schema(names))
        .finish();
    read(source, frame)
}

/// A Parquet file. Numbers become their decimal text, except in the columns that are needed, which must hold
/// text.
pub(super) fn of_parquet(source: &Source, needed: &[&str]) -> Result<DataFrame, DataError> {
    if source.bytes.is_empty() {
        return Err(DataError::new(Place::file(&source.name), Fault::Empty));
    }
    let bytes = Cursor::new(source.bytes.to_vec());
    // The reader trusts the file's description of itself, and panics where a damaged one does not hold.
    let frame = catch_unwind(AssertUnwindSafe(|| ParquetReader::new(bytes).finish())).map_err(|_| {
        DataError::new(Place::file(&source.name), Fault::Reader("the file is damaged".into()))
    })?;
    let frame = read(source, frame)?;
    let mut problems = Problems::default();
    let mut columns = Vec::with_capacity(frame.width());
    for column in frame.columns() {
        let name = column.name().as_str();
        if needed.contains(&name) && column.dtype() != &DataType::String {
            let fault = Fault::NotText { column: name.to_owned(), found: column.dtype().to_string() };
            problems.push(Place::file(&source.name), fault);
        } else if column.dtype().is_nested() {
            // Lists and structures have no one text: such a column is left out, and missed only if needed.
        } else {
            columns.push(read(source, column.cast(&DataType::String))?);
        }
    }
    let frame = read(source, DataFrame::new(frame.height(), columns))?;
    problems.or(frame)
}

fn text_schema(names: &[String]) -> SchemaRef {
    let schema: Schema = names.iter().map(|name| (name.as_str().into(), DataType::String)).collect();
    Arc::new(schema)
}

fn read<T>(source: &Source, result: PolarsResult<T>) -> Result<T, DataError> {
    result.map_err(|error| DataError::new(Place::file(&source.name), Fault::Reader(error.to_string())))
}
