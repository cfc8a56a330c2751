//! Statistics of reading a corpus.

use alambic_files::text::visible;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::error::{DataError, Fault, Place};
use crate::source::TableSource;
use crate::table::Table;

/// Statistics of reading a corpus: the rows, what was kept of them, and what was dropped and why. They go into the report of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadStatistics {
    /// The files, as the user named them.
    pub source: String,
    /// Rows read.
    pub rows: usize,
    /// Entries kept: rows, or the words of rows.
    pub kept: usize,
    /// Forms kept, by language code.
    pub forms: IndexMap<String, usize>,
    /// Number of rows, forms or entries that were dropped, by reason. A reason that begins with a language code
    /// counts forms of that language, any other rows or entries as it says.
    pub dropped: IndexMap<String, usize>,
    /// Notes on how files were read, where their names do not say so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// Reason for dropping a blank row.
const BLANK: &str = "blank rows";

impl ReadStatistics {
    /// Messages for a user: what was dropped, with reasons, and how files were read.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        let reasons: Vec<String> =
            self.dropped.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
        let dropped =
            (!reasons.is_empty()).then(|| format!("dropped from {} rows: {}", self.rows, reasons.join("; ")));
        dropped.into_iter().chain(self.notes.iter().map(|note| visible(note))).collect()
    }

    /// Notes how a table was read, and what of it makes no row of a corpus.
    pub(crate) fn add_table(&mut self, table: &Table<'_>) {
        self.notes.extend(table.notes());
        self.rows += table.blank_rows();
        if table.blank_rows() > 0 {
            *self.dropped.entry(BLANK.into()).or_default() += table.blank_rows();
        }
    }

    /// Notes how a file that is no table was read.
    pub(crate) fn add_source(&mut self, source: &TableSource) {
        self.notes.extend(source.notes.iter().map(|note| format!("{}: {note}", source.name)));
    }

    /// The error that nothing of a corpus can be used, and why.
    pub(crate) fn nothing_kept(&self, source: &str) -> DataError {
        let reasons: Vec<_> =
            self.dropped.iter().map(|(reason, count)| format!("{reason} ({count})")).collect();
        let fault = Fault::NoUsableRows { rows: self.rows, reasons: reasons.join("; ") };
        DataError::new(Place::file(source), fault)
    }
}
