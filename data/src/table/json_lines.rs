//! The pass over the lines of JSON lines.

use indexmap::IndexSet;
use polars::prelude::DataFrame;
use serde_json::{Map, Value};

use super::{frame, lines, utf8};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::Source;

/// Reads JSON lines. Each line is an object that has the `needed` keys, with texts as values; other values
/// become their JSON text. A key that a line lacks is an empty text there.
pub(super) fn read(source: &Source, needed: &[&str]) -> Result<(DataFrame, Option<Vec<usize>>), DataError> {
    let mut problems = Problems::default();
    let mut names: IndexSet<String> = needed.iter().map(|&name| name.to_owned()).collect();
    let mut text = Vec::with_capacity(source.bytes.len());
    let mut row_lines = Vec::new();
    for (number, line) in lines(&source.bytes) {
        let Some(line) = utf8(source, number, line, &mut problems) else { continue };
        if line.trim().is_empty() {
            continue;
        }
        row_lines.push(number);
        let place = |column| Place { source: source.name.clone(), line: Some(number), column };
        let object: Map<String, Value> = match serde_json::from_str(line) {
            Ok(object) => object,
            Err(error) => {
                // The parser counts bytes, and adds its own place, which is the same line 1 for all.
                let message = error.to_string();
                let message = message.split(" at line ").next().unwrap_or(&message).to_owned();
                let before = line.get(..error.column().saturating_sub(1)).unwrap_or(line);
                problems.push(place(Some(before.chars().count() + 1)), Fault::NotJson(message));
                continue;
            }
        };
        for &name in needed {
            match object.get(name) {
                Some(Value::String(_)) => {}
                None => problems.push(place(None), Fault::MissingKey(name.to_owned())),
                Some(other) => {
                    let fault = Fault::NotText { column: name.to_owned(), found: kind(other).to_owned() };
                    problems.push(place(None), fault);
                }
            }
        }
        let texts: Map<String, Value> =
            object.into_iter().map(|(name, value)| (name, as_text(value))).collect();
        names.extend(texts.keys().cloned());
        text.extend_from_slice(Value::Object(texts).to_string().as_bytes());
        text.push(b'\n');
    }
    if row_lines.is_empty() {
        problems.push(Place::file(&source.name), Fault::Empty);
    }
    problems.or(())?;
    let names: Vec<String> = names.into_iter().collect();
    let frame = frame::of_json_lines(source, text, &names)?;
    Ok((frame, Some(row_lines)))
}

/// One type for every column, so that a value of another type far down the file cannot surprise the reader.
fn as_text(value: Value) -> Value {
    match value {
        Value::String(_) | Value::Null => value,
        other => Value::String(other.to_string()),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
