use super::read_events;
use crate::error::{ReportError, Result};
use alambic_files::write;
use indexmap::IndexMap;
use polars::prelude::{Column, DataFrame, IntoColumn, NamedFrom, ParquetCompression, ParquetWriter, Series};
use serde_json::Value;
use std::path::Path;

/// Writes `steps.parquet` and `evaluations.parquet` into `folder` from the `events.jsonl` there.
///
/// # Errors
/// [`ReportError::File`], [`ReportError::Event`] or [`ReportError::Table`].
pub fn tables_from_events(folder: &Path) -> Result<()> {
    let events = read_events(&folder.join("events.jsonl"))?;
    for (kind, file) in [("step", "steps.parquet"), ("evaluation", "evaluations.parquet")] {
        let path = folder.join(file);
        let of_kind = events.iter().filter(|event| event["event"] == kind);
        let mut table = table_of_objects(of_kind, &["time", "stage", "seed", "step"])
            .map_err(|reason| table_error(&path, &reason))?;
        write_table(&mut table, &path)?;
    }
    Ok(())
}

/// A table with one row an object. Nested objects become columns named by their path (`terms.cross-entropy`);
/// a key that an object lacks is null. A column holds integers, numbers, booleans or, where kinds mix, text.
/// `leading` are the columns that come first, whether or not an object has them; `event` is left out.
///
/// # Errors
/// What polars says when it cannot build the table.
pub fn table_of_objects<'a>(
    objects: impl Iterator<Item = &'a Value>,
    leading: &[&str],
) -> Result<DataFrame, String> {
    let rows: Vec<IndexMap<String, &Value>> = objects
        .map(|event| {
            let mut row = IndexMap::new();
            flatten("", event, &mut row);
            row.shift_remove("event");
            row
        })
        .collect();
    let mut names: IndexMap<&str, ()> = leading.iter().map(|name| (*name, ())).collect();
    names.extend(rows.iter().flat_map(|row| row.keys()).map(|name| (name.as_str(), ())));
    let columns = names
        .keys()
        .map(|name| column(name, &rows.iter().map(|row| row.get(*name).copied()).collect::<Vec<_>>()))
        .collect();
    DataFrame::new(rows.len(), columns).map_err(|error| error.to_string())
}

/// Writes a table as Parquet, in one move.
///
/// # Errors
/// [`ReportError::Table`] or [`ReportError::File`].
pub fn write_table(table: &mut DataFrame, path: &Path) -> Result<()> {
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes)
        // The other codecs are features of polars that nothing else here needs.
        .with_compression(ParquetCompression::Uncompressed)
        .finish(table)
        .map_err(|error| table_error(path, &error.to_string()))?;
    Ok(write::write(path, &bytes)?)
}

pub(super) fn table_error(path: &Path, reason: &str) -> ReportError {
    ReportError::Table { path: path.to_path_buf(), reason: reason.to_string() }
}

fn flatten<'a>(prefix: &str, value: &'a Value, row: &mut IndexMap<String, &'a Value>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
                flatten(&name, value, row);
            }
        }
        Value::Null => {}
        scalar => {
            row.insert(prefix.to_string(), scalar);
        }
    }
}

fn column(name: &str, values: &[Option<&Value>]) -> Column {
    let present = || values.iter().flatten();
    let series = if ["time", "stage", "split"].contains(&name) {
        text(name, values)
    } else if present().all(|value| value.is_i64()) {
        Series::new(name.into(), values.iter().map(|value| (*value)?.as_i64()).collect::<Vec<_>>())
    } else if present().all(|value| value.is_number()) {
        Series::new(name.into(), values.iter().map(|value| (*value)?.as_f64()).collect::<Vec<_>>())
    } else if present().all(|value| value.is_boolean()) {
        Series::new(name.into(), values.iter().map(|value| (*value)?.as_bool()).collect::<Vec<_>>())
    } else {
        text(name, values)
    };
    series.into_column()
}

fn text(name: &str, values: &[Option<&Value>]) -> Series {
    let values: Vec<Option<String>> = values
        .iter()
        .map(|value| value.map(|value| value.as_str().map_or_else(|| value.to_string(), ToString::to_string)))
        .collect();
    Series::new(name.into(), values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::EventLog;
    use polars::prelude::{AnyValue, DataType, ParquetReader, SerReader};
    use serde_json::json;
    use std::fs::File;

    fn read(path: &Path) -> DataFrame {
        ParquetReader::new(File::open(path).unwrap()).finish().unwrap()
    }

    #[test]
    fn tables_hold_the_events_of_their_kind() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = EventLog::create(&folder.path().join("events.jsonl")).unwrap();
        for event in [
            json!({"event": "step", "stage": "one", "step": 1, "loss": 2, "terms": {"a": 2.0}}),
            json!({"event": "note", "text": "not in a table"}),
            json!({"event": "step", "stage": "two", "step": 1, "loss": null, "terms": {"b": 0.5}}),
            json!({"event": "step", "stage": "two", "step": 2, "loss": 0.25, "terms": {"b": 0.25}}),
        ] {
            log.append(&event).unwrap();
        }
        tables_from_events(folder.path()).unwrap();
        let steps = read(&folder.path().join("steps.parquet"));
        assert_eq!(steps.shape(), (3, 7));
        assert_eq!(steps.column("step").unwrap().dtype(), &DataType::Int64);
        assert_eq!(steps.column("loss").unwrap().get(0).unwrap(), AnyValue::Float64(2.0));
        assert_eq!(steps.column("loss").unwrap().get(1).unwrap(), AnyValue::Null);
        assert_eq!(steps.column("terms.a").unwrap().null_count(), 2);
        assert_eq!(steps.column("stage").unwrap().get(2).unwrap(), AnyValue::String("two"));
        let evaluations = read(&folder.path().join("evaluations.parquet"));
        assert_eq!(evaluations.height(), 0);
        assert!(evaluations.column("stage").is_ok());
    }

    #[test]
    fn a_column_of_several_kinds_is_text() {
        let events = [json!({"x": 1}), json!({"x": "one"}), json!({"x": [1]})];
        let table = table_of_objects(events.iter(), &[]).unwrap();
        assert_eq!(table.column("x").unwrap().get(2).unwrap(), AnyValue::String("[1]"));
    }
}
