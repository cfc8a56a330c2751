//! Columns of a delimited table as they fill.

use std::borrow::Cow;

use indexmap::IndexMap;

use super::columns::Columns;
use crate::error::{Fault, Place, Problems};

/// The columns of a delimited table that are read, as they fill.
pub(super) struct ColumnBuffers<'t> {
    pub(super) columns: IndexMap<String, Vec<Cow<'t, str>>>,
    /// For each column the place of its field in a row.
    fields: Vec<usize>,
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
            let Some((place, _)) = places.next() else { continue };
            if places.next().is_some() {
                problems.push(header.clone(), Fault::DuplicateColumn(wanted.to_owned()));
            }
            kept.columns.insert(wanted.to_owned(), Vec::new());
            kept.fields.push(place);
        }
        kept
    }

    /// Takes the fields of a row.
    pub(super) fn push(&mut self, fields: &mut [Cow<'t, str>]) {
        for (column, &place) in self.columns.values_mut().zip(&self.fields) {
            column.push(fields.get_mut(place).map(std::mem::take).unwrap_or_default());
        }
    }
}
