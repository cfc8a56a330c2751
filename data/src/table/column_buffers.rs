//! Columns of a delimited table as they fill.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::columns::{Columns, key_of, object};
use crate::error::{Fault, Place, Problems};

/// The columns of a delimited table that are read, as they fill.
pub(super) struct ColumnBuffers<'t> {
    pub(super) columns: IndexMap<String, Vec<Cow<'t, str>>>,
    /// Where each column comes from.
    fields: Vec<Origin>,
}

/// Where the value of a column stands in a row.
enum Origin {
    /// In the field of this place.
    Field(usize),
    /// In several fields, by their keys.
    Object(Vec<(String, usize)>),
}

impl<'t> ColumnBuffers<'t> {
    /// Finds the columns among the names of a header. It is a problem if one has its name twice.
    pub(super) fn new(
        columns: &Columns<'_>,
        names: &[String],
        header: &Place,
        problems: &mut Problems,
    ) -> Self {
        let mut kept = Self { columns: IndexMap::new(), fields: Vec::new() };
        for wanted in columns.all() {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == wanted);
            let origin = match places.next() {
                Some((place, _)) => Origin::Field(place),
                None if columns.is_nested(wanted) => {
                    let key =
                        |(place, name): (usize, &String)| Some((key_of(name, wanted)?.to_owned(), place));
                    let keys: Vec<(String, usize)> = names.iter().enumerate().filter_map(key).collect();
                    let twice = keys
                        .iter()
                        .enumerate()
                        .find(|(at, (key, _))| keys[..*at].iter().any(|(other, _)| other == key));
                    if let Some((_, (key, _))) = twice {
                        problems.push(header.clone(), Fault::DuplicateColumn(format!("{wanted}.{key}")));
                    }
                    if keys.is_empty() {
                        continue;
                    }
                    Origin::Object(keys)
                }
                None => continue,
            };
            if places.next().is_some() {
                problems.push(header.clone(), Fault::DuplicateColumn(wanted.to_owned()));
            }
            kept.columns.insert(wanted.to_owned(), Vec::new());
            kept.fields.push(origin);
        }
        kept
    }

    /// Takes the fields of a row.
    pub(super) fn push(&mut self, fields: &mut [Cow<'t, str>]) {
        for (column, origin) in self.columns.values_mut().zip(&self.fields) {
            column.push(match origin {
                Origin::Field(place) => fields.get_mut(*place).map(std::mem::take).unwrap_or_default(),
                Origin::Object(keys) => {
                    let value = |place: usize| fields.get(place).map_or("", AsRef::as_ref);
                    object(keys.iter().map(|(key, place)| (key.as_str(), value(*place)))).into()
                }
            });
        }
    }
}
