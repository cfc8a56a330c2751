use super::super::files::LanguageFile;
use super::super::rows::as_format;
use super::examples::{Examples, TextExample};
use crate::error::{DataError, Fault, Problems};
use crate::source::TableFormat;
use crate::table::{Columns, Header, Quoting, Table};

/// Where a table of texts has them.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TextColumns<'c> {
    pub(in super::super) format: TableFormat,
    /// Whether the first line names the columns; else they are called by their number.
    pub(in super::super) has_header: bool,
    pub(in super::super) quoting: Quoting,
    pub(in super::super) first: &'c str,
    pub(in super::super) second: Option<&'c str>,
    pub(in super::super) label: &'c str,
    /// Whether the column of the label has to be there.
    pub(in super::super) needs_label: bool,
    /// The column that has to hold a value for a row to count, and the value.
    pub(in super::super) only: Option<(&'c str, &'c str)>,
}

impl TextColumns<'_> {
    /// Two sentences and their class, as XTREME prepares them with Python's `csv`.
    pub(in super::super) const PREPARED: TextColumns<'static> = TextColumns {
        format: TableFormat::Tsv,
        has_header: false,
        quoting: Quoting::DoubleQuotes,
        first: "1",
        second: Some("2"),
        label: "3",
        needs_label: false,
        only: None,
    };

    /// Objects of JSON.
    pub(in super::super) const fn json<'c>(
        first: &'c str,
        second: Option<&'c str>,
        label: &'c str,
    ) -> TextColumns<'c> {
        TextColumns {
            format: TableFormat::JsonLines,
            has_header: true,
            quoting: Quoting::AsWritten,
            first,
            second,
            label,
            needs_label: false,
            only: None,
        }
    }
}

/// The texts of a table, with their class as `class` makes it of the label.
pub(in super::super) fn texts(
    file: &LanguageFile<'_>,
    columns: TextColumns<'_>,
    class: impl Fn(&str) -> Result<String, Fault>,
) -> Result<Examples, DataError> {
    let source = as_format(file.source, columns.format);
    let mut values = vec![columns.first];
    values.extend(columns.second);
    values.extend(columns.only.map(|(column, _)| column));
    let label = [columns.label];
    let mut optional: &[&str] = &label;
    if columns.needs_label {
        values.push(columns.label);
        optional = &[];
    }
    let wanted = Columns {
        header: Header::named(columns.has_header),
        quoting: columns.quoting,
        values: &values,
        optional,
        ..Columns::default()
    };
    let table = Table::read(&source, &wanted)?;
    let first = table.column(columns.first)?;
    let second = columns.second.map(|column| table.column(column)).transpose()?;
    let only = columns.only.map(|(column, value)| Ok((table.column(column)?, value))).transpose()?;
    let labels = table.optional(columns.label);
    let mut problems = Problems::default();
    let mut examples = Vec::new();
    for (row, text) in first.into_iter().enumerate() {
        if only.as_ref().is_some_and(|(values, value)| values[row].trim() != *value) {
            continue;
        }
        let label = labels.as_ref().map(|labels| class(labels[row].trim())).transpose();
        match label {
            Ok(label) => examples.push(TextExample {
                first: text.to_owned(),
                second: second.as_ref().map(|all| all[row].to_owned()),
                label,
            }),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(Examples::Texts(examples))
}
