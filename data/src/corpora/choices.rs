//! Tables of questions with choices.

use alambic_settings::{Location, OneOrMany, settings};

use super::ReadCorpus;
use super::choice_rows::{ChoiceRow, ChoiceTables, LabelNames, NO_PROMPT, Row, USUAL_LABEL, USUAL_SPLIT};
use crate::content::Content;
use crate::error::{DataError, Fault};
use crate::source::Extent;
use crate::table::{Columns, Header, Quoting, Table};

settings! {
    /// Questions with choices, of which one is right, in tables: TSV, CSV, JSON or Parquet, also compressed with gzip. A model reads
    /// the prompt with each choice, as a pair of texts. Questions may have different numbers of choices: those of one question are
    /// the columns that are filled in, or the texts of a list.
    pub struct Choices {
        /// The files; `train-*.tsv` are all whose names fit. If they have a split column, its values are those that a split can
        /// name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// The column of the prompt. Of several columns the texts are joined by blanks; the first is what the question is about, and
        /// no two splits have the same of it.
        pub prompt: OneOrMany<String> = OneOrMany(vec!["prompt".to_owned()]),
        /// The columns of the choices, or one column that holds a list of them. An empty column is no choice.
        pub choices: OneOrMany<String> = OneOrMany(vec!["choices".to_owned()]),
        /// The column of a text that stands before each choice, with a blank between, as the beginning of a sentence that the choices
        /// end. Left out: nothing stands before them.
        pub choice_prefix: Option<String>,
        /// The column of the label: the number of the right choice, the name of its column or its text. A whole number is always the
        /// former. Left out: `label`, if the table has one. Where it is empty or -1, nothing is known of the question, which a
        /// teacher can be asked.
        pub label: Option<String>,
        /// The number of the first choice.
        #[range(0..=1)]
        pub first_label: usize = 0,
        /// The column of the kind of question, by which results are shown. Left out: there is one kind.
        pub kind: Option<String>,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
        /// Code of the language, for reports. Left out: it is not known.
        pub language: Option<String>,
    }
}

impl ReadCorpus for Choices {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let names: Vec<&str> = self.choices.iter().map(String::as_str).collect();
        let is_list = names.len() == 1;
        let texts: Vec<&str> = self.prompt.iter().chain(&self.choice_prefix).map(String::as_str).collect();
        let named = [&self.label, &self.kind, &self.split_column].into_iter().flatten().map(String::as_str);
        // A question may lack the keys of further choices.
        let (needed, further) = if is_list { (&[][..], &[][..]) } else { names.split_at(names.len().min(2)) };
        let values: Vec<&str> = named.chain(needed.iter().copied()).collect();
        let optional: Vec<&str> =
            [USUAL_LABEL, USUAL_SPLIT].into_iter().chain(further.iter().copied()).collect();
        let tables = ChoiceTables {
            files: [
                (&self.paths, None),
                (&self.validation_paths, Some("validation")),
                (&self.test_paths, Some("test")),
            ],
            columns: Columns {
                header: Header::named(self.header),
                quoting: self.quoting,
                texts: &texts,
                values: &values,
                optional: &optional,
                nested: if is_list { &names } else { &[] },
            },
            label: self.label.as_deref(),
            names: LabelNames { columns: if is_list { &[] } else { &names }, first: self.first_label },
            split: self.split_column.as_deref(),
            language: self.language.as_deref(),
        };
        tables.read(extent, |table| self.rows(table))
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl Choices {
    fn rows(&self, table: &Table<'_>) -> Result<Vec<Row>, DataError> {
        let columns = |names: &OneOrMany<String>| {
            names.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, DataError>>()
        };
        let optional = |name: &Option<String>| name.as_ref().map(|name| table.column(name)).transpose();
        let (prompts, choices) = (columns(&self.prompt)?, columns(&self.choices)?);
        let (prefixes, kinds) = (optional(&self.choice_prefix)?, optional(&self.kind)?);
        let cell = |column: &Option<Vec<&str>>, row: usize| -> String {
            column.as_ref().map_or_else(String::new, |cells| cells[row].trim().to_owned())
        };
        let row = |row: usize| {
            let parts: Vec<&str> =
                prompts.iter().map(|column| column[row].trim()).filter(|part| !part.is_empty()).collect();
            let premise = prompts.first().map_or("", |column| column[row].trim());
            if premise.is_empty() {
                return Row::Dropped(NO_PROMPT);
            }
            let choices = if let [list] = choices.as_slice() {
                let cell = list[row].trim();
                let Some(texts) = listed(cell) else {
                    let column = self.choices.first().cloned().unwrap_or_default();
                    return Row::Faulty(Fault::NotTexts { column, found: shortened(cell) });
                };
                texts
            } else {
                choices.iter().map(|column| column[row].trim().to_owned()).collect()
            };
            let choices: Vec<(usize, String)> =
                choices.into_iter().enumerate().filter(|(_, choice)| !choice.is_empty()).collect();
            let (prompt, prefix) = (parts.join(" "), cell(&prefixes, row));
            let pair = |(_, choice): &(usize, String)| {
                let own = if prefix.is_empty() { choice.clone() } else { format!("{prefix} {choice}") };
                (prompt.clone(), own)
            };
            let kind = Some(cell(&kinds, row)).filter(|kind| !kind.is_empty());
            let pairs = choices.iter().map(pair).collect();
            Row::Question(ChoiceRow { pairs, choices, premise: premise.to_owned(), kind })
        };
        Ok((0..table.rows()).map(row).collect())
    }
}

/// The texts of a list in JSON, whose numbers and truth values are texts as they are written; none of anything else.
fn listed(cell: &str) -> Option<Vec<String>> {
    let values: Vec<serde_json::Value> = serde_json::from_str(cell).ok()?;
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.trim().to_owned()),
        other if other.is_number() || other.is_boolean() => Some(other.to_string()),
        _ => None,
    };
    values.into_iter().map(text).collect()
}

/// Characters of a value that a message shows.
const SHOWN: usize = 80;

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
