//! Tables in Apache Parquet: the columns that are named, whatever is in the others.

use std::borrow::Cow;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use polars_arrow::array::{Array, StructArray};
use polars_arrow::datatypes::{ArrowDataType, ArrowSchema, Field};
use polars_buffer::Buffer;
use polars_parquet::parquet::schema::types::{ParquetType, PrimitiveLogicalType};
use polars_parquet::read::schema::parquet_to_arrow_schema;
use polars_parquet::read::{
    BasicDecompressor, FileMetadata, PageReader, RowGroupMetadata, column_iter_to_arrays, infer_schema,
    read_metadata,
};

use super::cells::Table;
use super::columns::{Columns, key_of, object};
use super::values::{Holds, holds, texts};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// Reads the columns that are named; a column `a.b` is looked for as it stands, and else as the field `b` of `a`.
pub(super) fn read<'s>(source: &'s TableSource, columns: &Columns<'_>) -> Result<Table<'s>, DataError> {
    let fail = |fault| DataError::new(Place::file(&source.name), fault);
    if source.bytes.is_empty() {
        return Err(fail(Fault::Empty));
    }
    // The reader trusts the file's description of itself, and panics where a damaged one does not hold.
    catch_unwind(AssertUnwindSafe(|| parse(source, columns)))
        .map_err(|_| fail(Fault::Reader("the file is damaged".into())))?
}

fn parse<'s>(source: &'s TableSource, columns: &Columns<'_>) -> Result<Table<'s>, DataError> {
    let fail = |fault| DataError::new(Place::file(&source.name), fault);
    let unread = |error: &dyn std::fmt::Display| fail(Fault::Reader(error.to_string()));
    let metadata = read_metadata(&mut Cursor::new(source.bytes.as_ref())).map_err(|error| unread(&error))?;
    let schema = schema(&metadata).map_err(|error| unread(&error))?;
    let mut table = Table::empty(source);
    table.names = schema.iter_names().map(ToString::to_string).collect();
    table.rows = metadata.row_groups.iter().map(RowGroupMetadata::num_rows).sum();
    let mut problems = Problems::default();
    for name in columns.all() {
        let is_nested = columns.is_nested(name);
        let Some((root, path)) = find(&schema, name) else {
            if is_nested {
                match flat(source, &metadata, &schema, name) {
                    Ok(Some(texts)) => {
                        table.columns.insert(name.to_owned(), texts.into_iter().map(Cow::Owned).collect());
                    }
                    Ok(None) => {}
                    Err(unread) => unread.report(&source.name, name, &mut problems),
                }
            }
            continue;
        };
        let held = if is_nested { Holds::Text } else { holds(within(&root.dtype, &path)) };
        let fault = match held {
            _ if is_ambiguous(&metadata, name) => Some(Fault::DuplicateColumn(name.to_owned())),
            Holds::Other(what) => {
                Some(Fault::NotOneValue { column: name.to_owned(), found: what.to_owned() })
            }
            Holds::Value(what) if columns.is_text(name) => {
                Some(Fault::NotText { column: name.to_owned(), found: what.to_owned() })
            }
            _ => None,
        };
        // What is not of use may be of any type.
        let is_needed = columns.needed().any(|needed| needed == name);
        match fault {
            Some(fault) if is_needed => problems.push(Place::file(&source.name), fault),
            Some(_) => {}
            None => match column(source, &metadata, root, &path) {
                Ok(texts) if texts.len() == table.rows => {
                    table.columns.insert(name.to_owned(), texts.into_iter().map(Cow::Owned).collect());
                }
                Ok(texts) => {
                    let message = format!("{} of {} values of `{name}` are there", texts.len(), table.rows);
                    problems.push(Place::file(&source.name), Fault::Reader(message));
                }
                Err(unread) => unread.report(&source.name, name, &mut problems),
            },
        }
    }
    problems.or(table)
}

/// The types of the columns: those that Arrow noted in the file if these can be read, else those of Parquet.
fn schema(metadata: &FileMetadata) -> Result<ArrowSchema, impl std::fmt::Display + use<>> {
    let read = infer_schema(metadata).or_else(|error| {
        let mut schema = ArrowSchema::default();
        for field in parquet_to_arrow_schema(metadata.schema().fields()).iter_values() {
            schema.insert(field.name.clone(), field.clone());
        }
        if schema.is_empty() { Err(error) } else { Ok(schema) }
    });
    read.map(|mut schema| {
        // Without Arrow's note the reader takes numbers of 16 bits for bytes.
        let is_half = |field: &&ParquetType| match field {
            ParquetType::PrimitiveType(own) => own.logical_type == Some(PrimitiveLogicalType::Float16),
            ParquetType::GroupType { .. } => false,
        };
        for field in metadata.schema().fields().iter().filter(is_half) {
            if let Some(field) = schema.get_mut(field.get_field_info().name.as_str()) {
                field.dtype = ArrowDataType::Float16;
            }
        }
        schema
    })
}

/// Whether columns of a file bear the same name, so that it says of none which is meant.
fn is_ambiguous(metadata: &FileMetadata, name: &str) -> bool {
    let is_root = |root: &str| name == root || name.split_once('.').is_some_and(|(own, _)| own == root);
    metadata.schema().fields().iter().filter(|field| is_root(&field.get_field_info().name)).count() > 1
}

/// The column in which a name is found, and the way from it to the field that is meant.
fn find<'f, 'n>(schema: &'f ArrowSchema, name: &'n str) -> Option<(&'f Field, Vec<&'n str>)> {
    if let Some(field) = schema.get(name) {
        return Some((field, Vec::new()));
    }
    let (root, rest) = name.split_once('.')?;
    let field = schema.get(root)?;
    let path: Vec<&str> = rest.split('.').collect();
    let mut dtype = &field.dtype;
    for part in &path {
        let ArrowDataType::Struct(fields) = dtype.to_storage() else { return None };
        dtype = &fields.iter().find(|field| field.name.as_str() == *part)?.dtype;
    }
    Some((field, path))
}

/// The type at the end of a way.
fn within<'f>(dtype: &'f ArrowDataType, path: &[&str]) -> &'f ArrowDataType {
    path.iter().fold(stored(dtype), |dtype, part| match dtype.to_storage() {
        ArrowDataType::Struct(fields) => fields
            .iter()
            .find(|field| field.name.as_str() == *part)
            .map_or(dtype, |field| stored(&field.dtype)),
        _ => stored(dtype),
    })
}

/// The type of the values where these are kept in a dictionary.
fn stored(dtype: &ArrowDataType) -> &ArrowDataType {
    match dtype.to_storage() {
        ArrowDataType::Dictionary(_, values, _) => values,
        _ => dtype,
    }
}

/// Why a column is not read.
enum Unread {
    /// The file is damaged, or of a kind that the reader does not know.
    File(String),
    /// A value is not UTF-8: which one.
    Bytes(usize),
}

impl Unread {
    fn report(self, source: &str, name: &str, problems: &mut Problems) {
        match self {
            Self::File(message) => problems.push(Place::file(source), Fault::Reader(message)),
            Self::Bytes(row) => {
                let (column, found) = (name.to_owned(), "bytes that are not UTF-8".to_owned());
                problems.push(Place::line(source, row + 1), Fault::NotText { column, found });
            }
        }
    }
}

/// The objects of a nested column that has a column for each key; none where there is no such column.
fn flat(
    source: &TableSource,
    metadata: &FileMetadata,
    schema: &ArrowSchema,
    nested: &str,
) -> Result<Option<Vec<String>>, Unread> {
    let mut columns: Vec<(&str, Vec<String>)> = Vec::new();
    for field in schema.iter_values() {
        let Some(key) = key_of(&field.name, nested) else { continue };
        columns.push((key, column(source, metadata, field, &[])?));
    }
    let Some((_, first)) = columns.first() else { return Ok(None) };
    let row = |row: usize| {
        object(columns.iter().map(|(key, values)| (*key, values.get(row).map_or("", String::as_str))))
    };
    Ok(Some((0..first.len()).map(row).collect()))
}

/// The values of a column as texts, lists and objects as JSON.
fn column(
    source: &TableSource,
    metadata: &FileMetadata,
    root: &Field,
    path: &[&str],
) -> Result<Vec<String>, Unread> {
    let field = plain(root);
    let mut column = Vec::new();
    for group in &metadata.row_groups {
        let chunks = group.columns_under_root_iter(root.name.as_str());
        let chunks = chunks.ok_or_else(|| Unread::File(format!("`{}` is not in all of it", root.name)))?;
        let (mut pages, mut types) = (Vec::new(), Vec::new());
        for chunk in chunks {
            let range = chunk.byte_range();
            let bytes = source.bytes.get(range.start as usize..range.end as usize);
            let bytes = bytes.ok_or_else(|| Unread::File("the file is cut off".into()))?;
            let reader =
                PageReader::new(Cursor::new(Buffer::from_vec(bytes.to_vec())), chunk, vec![], usize::MAX);
            pages.push(BasicDecompressor::new(reader, vec![]));
            types.push(&chunk.descriptor().descriptor.primitive_type);
        }
        let (arrays, _) = column_iter_to_arrays(pages, types, field.clone(), None)
            .map_err(|error| Unread::File(error.to_string()))?;
        for array in arrays {
            let values = values(array.as_ref(), path).map_err(|index| Unread::Bytes(column.len() + index))?;
            column.extend(values);
        }
    }
    Ok(column)
}

/// The field without dictionaries: values of theirs are read as what they stand for.
fn plain(field: &Field) -> Field {
    let mut plain = field.clone();
    plain.dtype = match stored(&field.dtype) {
        ArrowDataType::Struct(fields) => ArrowDataType::Struct(fields.iter().map(self::plain).collect()),
        ArrowDataType::List(inner) => ArrowDataType::List(Box::new(self::plain(inner))),
        ArrowDataType::LargeList(inner) => ArrowDataType::LargeList(Box::new(self::plain(inner))),
        ArrowDataType::FixedSizeList(inner, size) => {
            ArrowDataType::FixedSizeList(Box::new(self::plain(inner)), *size)
        }
        other => other.clone(),
    };
    plain
}

fn values(array: &dyn Array, path: &[&str]) -> Result<Vec<String>, usize> {
    let Some((first, rest)) = path.split_first() else { return texts(array) };
    let Some(objects) = array.as_any().downcast_ref::<StructArray>() else { return Err(0) };
    let place = objects.fields().iter().position(|field| field.name.as_str() == *first);
    let Some(inner) = place.and_then(|place| objects.values().get(place)) else { return Err(0) };
    let mut values = values(inner.as_ref(), rest)?;
    for (index, value) in values.iter_mut().enumerate() {
        if objects.is_null(index) {
            value.clear();
        }
    }
    Ok(values)
}
