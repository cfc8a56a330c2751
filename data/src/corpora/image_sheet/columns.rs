//! The columns of a table of cells.

use super::groups::{BASE_EMOJI, CODE_POINTS};
use super::options::ImageSheet;
use super::sheet_files::SheetFiles;
use crate::error::DataError;
use crate::language::find_any;
use crate::language_code::check_code;
use crate::source::{TableFormat, TableSource};
use crate::table::{Columns, Quoting, Table};

/// A column of texts, and the language of its name.
pub(super) struct TextColumn<'t> {
    pub(super) name: &'t str,
    pub(super) language: Option<&'t str>,
    pub(super) texts: Vec<&'t str>,
}

/// What a table says of cells, column by column.
pub(super) struct CellColumns<'t> {
    pub(super) x: Vec<&'t str>,
    pub(super) y: Vec<&'t str>,
    pub(super) captions: Vec<TextColumn<'t>>,
    pub(super) tags: Vec<TextColumn<'t>>,
    pub(super) sheet: Option<Vec<&'t str>>,
    pub(super) class: Option<Vec<&'t str>>,
    pub(super) style: Option<Vec<&'t str>>,
    pub(super) categories: Vec<Vec<&'t str>>,
    pub(super) split: Option<Vec<&'t str>>,
    pub(super) mirror: Option<Vec<&'t str>>,
    /// The column of groups, or that of the code points of emoji.
    pub(super) group: Option<Vec<&'t str>>,
    /// Columns with the values whose rows are left out.
    pub(super) exclude: Vec<(&'t str, Vec<&'t str>, &'t [String])>,
}

/// The language of a column: what stands behind the last `_`, where that is the code of a language.
pub(super) fn language_of(column: &str) -> Option<&str> {
    let (_, code) = column.rsplit_once('_')?;
    let is_known = check_code(code).is_ok() && (code.len() == 2 || find_any(code).is_some());
    is_known.then_some(code)
}

/// The column in which rows say their group.
pub(super) fn group_column(options: &ImageSheet) -> Option<&str> {
    match options.group.as_deref() {
        Some(BASE_EMOJI) => Some(CODE_POINTS),
        other => other,
    }
}

/// Reads the columns that are asked for.
pub(super) fn read_table<'s>(options: &ImageSheet, source: &'s TableSource) -> Result<Table<'s>, DataError> {
    let sheet = match &options.sheets {
        SheetFiles::Column(column) => Some(column.as_str()),
        _ => None,
    };
    let texts: Vec<&str> = options.captions.iter().chain(options.tags.iter()).map(String::as_str).collect();
    let named = [&options.class, &options.style, &options.split, &options.mirror];
    let values: Vec<&str> = [options.x.as_str(), options.y.as_str()]
        .into_iter()
        .chain(named.into_iter().flatten().map(String::as_str))
        .chain(sheet)
        .chain(group_column(options))
        .chain(options.categories.iter().map(String::as_str))
        .chain(options.exclude.keys().map(String::as_str))
        .collect();
    // What comes as CSV has the quotes of CSV.
    let quoting = if source.format == TableFormat::Tsv { Quoting::None } else { Quoting::AsWritten };
    let wanted =
        Columns { quoting, texts: &texts, values: &values, optional: &["split"], ..Columns::default() };
    Table::read(source, &wanted)
}

impl<'t> CellColumns<'t> {
    /// The columns of a table that [`read_table`] gave.
    ///
    /// # Errors
    /// Where one is missing.
    pub(super) fn new(options: &'t ImageSheet, table: &'t Table<'_>) -> Result<Self, DataError> {
        let named = |name: &Option<String>| name.as_deref().map(|name| table.column(name)).transpose();
        let texts = |names: &'t [String]| -> Result<Vec<TextColumn<'t>>, DataError> {
            let column = |name: &'t String| {
                Ok(TextColumn { name, language: language_of(name), texts: table.column(name)? })
            };
            names.iter().map(column).collect()
        };
        let sheet = match &options.sheets {
            SheetFiles::Column(column) => Some(table.column(column)?),
            _ => None,
        };
        let split = match &options.split {
            Some(name) => Some(table.column(name)?),
            None => table.optional("split"),
        };
        let exclude = options
            .exclude
            .iter()
            .map(|(column, values)| Ok((column.as_str(), table.column(column)?, values.0.as_slice())));
        Ok(Self {
            x: table.column(&options.x)?,
            y: table.column(&options.y)?,
            captions: texts(&options.captions.0)?,
            tags: texts(&options.tags.0)?,
            sheet,
            class: named(&options.class)?,
            style: named(&options.style)?,
            categories: options
                .categories
                .iter()
                .map(|name| table.column(name))
                .collect::<Result<_, DataError>>()?,
            split,
            mirror: named(&options.mirror)?,
            group: group_column(options).map(|name| table.column(name)).transpose()?,
            exclude: exclude.collect::<Result<_, DataError>>()?,
        })
    }

    /// The languages of captions, in the order of their columns.
    pub(super) fn languages(&self) -> Vec<String> {
        let mut languages: Vec<String> = Vec::new();
        for code in self.captions.iter().filter_map(|column| column.language) {
            if !languages.iter().any(|own| own == code) {
                languages.push(code.to_owned());
            }
        }
        languages
    }

    /// Whether a row is left out.
    pub(super) fn is_excluded(&self, row: usize) -> bool {
        let has = |(_, own, values): &(&str, Vec<&str>, &[String])| {
            values.iter().any(|value| value == own[row].trim())
        };
        self.exclude.iter().any(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_is_what_ends_the_name_of_a_column() {
        for (column, language) in [
            ("name_en", Some("en")),
            ("keywords_zh-Hant", Some("zh-Hant")),
            ("long_name_hi", Some("hi")),
            ("name", None),
            ("hi", None),
            ("name_ascii", None),
            ("name_1", None),
            ("name_", None),
        ] {
            assert_eq!(language_of(column), language, "{column}");
        }
    }
}
