//! Rows of questions with choices, as several formats have them.

use alambic_settings::{Location, OneOrMany};

use super::labels::number;
use crate::choices::{ChoiceQuestion, ChoicesBuilder};
use crate::content::Content;
use crate::error::{DataError, Fault, Problems};
use crate::source::{Extent, TableSource, for_each_file};
use crate::table::{Columns, Table};

/// Files of a corpus, each list with the split of its rows.
pub(super) type FileLists<'f> = [(&'f OneOrMany<Location>, Option<&'static str>); 3];

/// Label of questions of which nothing is known, in published data.
const UNLABELLED: &str = "-1";

/// A row before its label is known by its place.
pub(super) struct ChoiceRow {
    /// The prompt with each choice, as a model reads them.
    pub(super) pairs: Vec<(String, String)>,
    /// The choices as they are written, each with the place of its column, or of its place in a list.
    pub(super) choices: Vec<(usize, String)>,
    /// What the question is about.
    pub(super) premise: String,
    pub(super) kind: Option<String>,
}

/// How the label of a row names its choice.
#[derive(Clone, Copy)]
pub(super) struct LabelNames<'a> {
    /// Columns of the choices; none where they are in a list.
    pub(super) columns: &'a [&'a str],
    /// The number of the first choice.
    pub(super) first: usize,
}

impl LabelNames<'_> {
    /// The place of the choice among those of its row that a label names: by a whole number, by the name of its column, or by its
    /// text; none where there is no label.
    pub(super) fn find(self, label: &str, choices: &[(usize, String)]) -> Result<Option<usize>, Fault> {
        let plain = number(label);
        if label.is_empty() || plain.as_deref() == Some(UNLABELLED) {
            return Ok(None);
        }
        let whole = plain.and_then(|plain| plain.parse::<usize>().ok());
        let found = if let Some(whole) = whole {
            let place = whole.checked_sub(self.first);
            place.and_then(|place| choices.iter().position(|(own, _)| *own == place))
        } else {
            let column = self.columns.iter().position(|column| *column == label);
            let of_column = column.and_then(|column| choices.iter().position(|(own, _)| *own == column));
            of_column.or_else(|| choices.iter().position(|(_, text)| text == label))
        };
        found.map(Some).ok_or_else(|| Fault::UnknownChoice {
            found: label.to_owned(),
            choices: choices.iter().map(|(_, text)| text.clone()).collect(),
            first: self.first,
        })
    }
}

/// What a row of a table is.
pub(super) enum Row {
    /// A question.
    Question(ChoiceRow),
    /// It is dropped, for a reason.
    Dropped(&'static str),
    /// It is faulty.
    Faulty(Fault),
}

/// Reason for dropping a row.
pub(super) const NO_PROMPT: &str = "questions without a prompt";

/// The column of the label where none is named.
pub(super) const USUAL_LABEL: &str = "label";
/// The column of the split where none is named.
pub(super) const USUAL_SPLIT: &str = "split";

/// Tables of questions with choices.
pub(super) struct ChoiceTables<'a> {
    pub(super) files: FileLists<'a>,
    pub(super) columns: Columns<'a>,
    /// The column of the label; none for the usual one, if the table has it.
    pub(super) label: Option<&'a str>,
    pub(super) names: LabelNames<'a>,
    /// The column of a row's split; none for the usual one, if the table has it.
    pub(super) split: Option<&'a str>,
    pub(super) language: Option<&'a str>,
}

impl ChoiceTables<'_> {
    /// Reads the tables. `rows` makes what each row of a table is, without its label and its split.
    ///
    /// # Errors
    /// All faults of the tables.
    pub(super) fn read(
        self,
        extent: Extent,
        rows: impl Fn(&Table<'_>) -> Result<Vec<Row>, DataError>,
    ) -> Result<Content, DataError> {
        let mut builder = ChoicesBuilder::default();
        for_each_file(self.files, extent, |source, file_split| {
            self.read_table(source, file_split, &mut builder, &rows)
        })?;
        Ok(builder.build(self.language, extent)?.into())
    }

    fn read_table(
        &self,
        source: &TableSource,
        file_split: Option<&str>,
        builder: &mut ChoicesBuilder,
        rows: &impl Fn(&Table<'_>) -> Result<Vec<Row>, DataError>,
    ) -> Result<(), DataError> {
        builder.add_source(&source.name, source.fingerprint());
        let table = Table::read(source, &self.columns)?;
        builder.statistics.add_table(&table);
        // A column that a key names has to be there.
        let column = |named: Option<&str>, usual: &str| match named {
            Some(name) => table.column(name).map(Some),
            None => Ok(table.optional(usual)),
        };
        let (labels, splits) = (column(self.label, USUAL_LABEL)?, column(self.split, USUAL_SPLIT)?);
        let cell = |column: &Option<Vec<&str>>, row: usize| -> String {
            column.as_ref().map_or_else(String::new, |cells| cells[row].trim().to_owned())
        };
        let mut problems = Problems::default();
        for (number, row) in rows(&table)?.into_iter().enumerate() {
            let question = match row {
                Row::Dropped(reason) => {
                    builder.drop(reason);
                    continue;
                }
                Row::Faulty(fault) => Err(fault),
                Row::Question(row) if row.choices.len() < 2 => Err(Fault::ChoiceCount(row.choices.len())),
                Row::Question(row) => {
                    self.names.find(&cell(&labels, number), &row.choices).map(|label| ChoiceQuestion {
                        label,
                        kind: row.kind,
                        split: file_split
                            .map(str::to_owned)
                            .or_else(|| Some(cell(&splits, number)).filter(|split| !split.is_empty())),
                        ..ChoiceQuestion::new(&row.premise, row.pairs, table.line(number))
                    })
                }
            };
            match question {
                Ok(question) => builder.push(question),
                Err(fault) => problems.push(table.place(number), fault),
            }
        }
        problems.or(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(label: &str, first: usize) -> Result<Option<usize>, Fault> {
        let choices = [(0, "Anna"), (2, "2"), (3, "choice1")].map(|(place, text)| (place, text.to_owned()));
        let columns = &["choice1", "choice2", "choice3", "choice4"];
        LabelNames { columns, first }.find(label, &choices)
    }

    #[test]
    fn label_is_a_number_then_a_column_then_a_text() {
        assert_eq!(find("0", 0).unwrap(), Some(0));
        assert_eq!(find("2.0", 0).unwrap(), Some(1), "numbers count the columns, also those left empty");
        assert_eq!(find("2", 0).unwrap(), Some(1), "a number is never a text");
        assert_eq!(find("4", 1).unwrap(), Some(2));
        assert_eq!(find("choice1", 0).unwrap(), Some(0), "a column goes before a text");
        assert_eq!(find("choice3", 0).unwrap(), Some(1));
        assert_eq!(find("Anna", 0).unwrap(), Some(0));
    }

    #[test]
    fn label_that_is_missing_is_none_and_another_one_a_fault() {
        for none in ["", "-1", "-1.0"] {
            assert_eq!(find(none, 0).unwrap(), None, "{none:?}");
        }
        for (wrong, first) in
            [("1", 0), ("4", 0), ("0", 1), ("-2", 0), ("0.5", 0), ("01", 0), ("nan", 0), ("choice2", 0)]
        {
            assert!(matches!(find(wrong, first), Err(Fault::UnknownChoice { .. })), "{wrong}");
        }
    }
}
