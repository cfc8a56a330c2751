//! Columns of a table to be read, and how its header and its quotes are.

use alambic_settings::choices;

/// Header of a delimited table: where column names come from. JSON and Parquet name their own.
#[derive(Debug, Clone, Copy, Default)]
pub enum Header<'a> {
    /// From the first line.
    #[default]
    First,
    /// From the first line if it holds all of `marks`; else there is no header and the columns are `names`.
    Unless {
        /// Column names that distinguish a header from a row.
        marks: &'a [&'a str],
        /// Names of the columns of a table without a header.
        names: &'a [&'a str],
    },
    /// There is none; columns are called by their number, counted from 1.
    Numbers,
}

impl Header<'_> {
    /// Header of a table which names its columns in the first line or nowhere.
    #[must_use]
    pub fn named(has_header: bool) -> Self {
        if has_header { Self::First } else { Self::Numbers }
    }
}

choices! {
    /// Meaning of quotes in delimited tables.
    pub enum Quoting {
        /// Marks around fields in CSV, as in RFC 4180. In TSV they are marks where every one in the file is set as a writer
        /// of quoted fields sets it (as pandas' `to_csv(sep="\t")`), and characters where one is not, as in the files of
        /// GLUE.
        AsWritten = "as-written",
        /// Marks around fields: two within them stand for one, and separators and line ends within them are text.
        DoubleQuotes = "double-quotes",
        /// Characters like others.
        None = "none",
    }
}

/// Columns of a table that are read.
#[derive(Debug, Clone, Copy)]
pub struct Columns<'a> {
    /// The header, from which column names come.
    pub header: Header<'a>,
    /// Meaning of quotes.
    pub quoting: Quoting,
    /// Columns that must be there and hold texts.
    pub texts: &'a [&'a str],
    /// Columns that must be there, and hold texts, numbers or truth values.
    pub values: &'a [&'a str],
    /// Columns that are read like `values` where they are there.
    pub optional: &'a [&'a str],
    /// Columns that are read where they are there, and hold anything: lists and objects as JSON. Where there is no column of such
    /// a name, columns `NAME.KEY` make an object, whose values are texts.
    pub nested: &'a [&'a str],
}

impl Default for Columns<'_> {
    fn default() -> Self {
        Self {
            header: Header::First,
            quoting: Quoting::AsWritten,
            texts: &[],
            values: &[],
            optional: &[],
            nested: &[],
        }
    }
}

impl<'a> Columns<'a> {
    /// Those that must be there.
    pub(super) fn needed(&self) -> impl Iterator<Item = &'a str> {
        self.texts.iter().chain(self.values).copied()
    }

    /// All that are read, each once.
    pub(super) fn all(&self) -> Vec<&'a str> {
        let mut all: Vec<&str> = Vec::new();
        for name in self.needed().chain(self.optional.iter().chain(self.nested).copied()) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        all
    }

    /// Whether a column may hold lists and objects.
    pub(super) fn is_nested(&self, name: &str) -> bool {
        self.nested.contains(&name)
    }

    /// Whether a column must hold texts.
    pub(super) fn is_text(&self, name: &str) -> bool {
        self.texts.contains(&name)
    }
}

/// The key by which a column belongs to the object of a nested one.
pub(super) fn key_of<'n>(column: &'n str, nested: &str) -> Option<&'n str> {
    column.strip_prefix(nested)?.strip_prefix('.').filter(|key| !key.is_empty())
}

/// An object of texts as JSON; nothing where all are empty.
pub(super) fn object<'v>(entries: impl IntoIterator<Item = (&'v str, &'v str)>) -> String {
    let filled = entries.into_iter().filter(|(_, value)| !value.trim().is_empty());
    let object: serde_json::Map<String, serde_json::Value> =
        filled.map(|(key, value)| (key.to_owned(), value.into())).collect();
    if object.is_empty() { String::new() } else { serde_json::Value::Object(object).to_string() }
}
