//! Choice of plausible alternatives: COPA and its translations.

use alambic_settings::{Location, OneOrMany, choices, settings};

use super::ReadCorpus;
use super::choice_rows::{ChoiceRow, ChoiceTables, LabelNames, NO_PROMPT, Row, USUAL_LABEL, USUAL_SPLIT};
use crate::content::Content;
use crate::error::{DataError, Fault};
use crate::source::Extent;
use crate::table::{Columns, Quoting, Table};

choices! {
    /// What a model reads of a premise, of what is asked, and of a choice.
    pub enum CopaTemplate {
        /// `PREMISE What was the cause?` and the choice, or `effect` in place of `cause`: as XTREME-R has it, after Social IQa.
        XtremeR = "xtreme-r",
        /// The premise, and `cause CHOICE` or `effect CHOICE`: as IndicXTREME has it.
        IndicXtreme = "indicxtreme",
    }
}

impl CopaTemplate {
    /// The two texts that a model reads for a choice.
    pub(super) fn apply(self, premise: &str, question: &str, choice: &str) -> (String, String) {
        match self {
            Self::XtremeR => (format!("{premise} What was the {question}?"), choice.to_owned()),
            Self::IndicXtreme => (premise.to_owned(), format!("{question} {choice}")),
        }
    }
}

settings! {
    /// Choice of plausible alternatives: which of two sentences is the cause, or the effect, of a premise (COPA: Roemmele et al.,
    /// 2011; XCOPA: Ponti et al., 2020; IndicCOPA of IndicXTREME: Doddapaneni et al., 2023). Objects or rows with the keys
    /// `premise`, `choice1`, `choice2`, `question` (`cause` or `effect`) and `label` (0 or 1), in JSON, TSV, CSV or Parquet. A premise
    /// is in one split.
    pub struct Copa {
        /// The files; `train.*.jsonl` are all whose names fit. If they have a split column, its values are those that a split can
        /// name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// What a model reads of a question.
        pub template: CopaTemplate = CopaTemplate::XtremeR,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
        /// Code of the language, for reports. Left out: it is not known.
        pub language: Option<String>,
    }
}

/// The columns of the choices.
const CHOICES: [&str; 2] = ["choice1", "choice2"];

/// What may be asked about a premise.
pub(super) const QUESTIONS: [&str; 2] = ["cause", "effect"];

impl ReadCorpus for Copa {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let texts = ["premise", CHOICES[0], CHOICES[1], "question"];
        let values: Vec<&str> = self.split_column.iter().map(String::as_str).collect();
        let tables = ChoiceTables {
            files: [
                (&self.paths, None),
                (&self.validation_paths, Some("validation")),
                (&self.test_paths, Some("test")),
            ],
            columns: Columns {
                quoting: self.quoting,
                texts: &texts,
                values: &values,
                optional: &[USUAL_LABEL, USUAL_SPLIT],
                ..Columns::default()
            },
            label: None,
            names: LabelNames { columns: &CHOICES, first: 0 },
            split: self.split_column.as_deref(),
            language: self.language.as_deref(),
        };
        tables.read(extent, |table| self.rows(table))
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl Copa {
    fn rows(&self, table: &Table<'_>) -> Result<Vec<Row>, DataError> {
        let (premises, questions) = (table.column("premise")?, table.column("question")?);
        let choices = [table.column(CHOICES[0])?, table.column(CHOICES[1])?];
        let row = |row: usize| {
            let (premise, question) = (premises[row].trim(), questions[row].trim());
            if premise.is_empty() {
                return Row::Dropped(NO_PROMPT);
            }
            if !QUESTIONS.contains(&question) {
                return Row::Faulty(Fault::NotOneOf {
                    column: "question".to_owned(),
                    found: question.to_owned(),
                    known: QUESTIONS.map(str::to_owned).into(),
                });
            }
            let choices: Vec<(usize, String)> = choices
                .iter()
                .enumerate()
                .map(|(place, column)| (place, column[row].trim().to_owned()))
                .filter(|(_, choice)| !choice.is_empty())
                .collect();
            let pair = |(_, choice): &(usize, String)| self.template.apply(premise, question, choice);
            let pairs = choices.iter().map(pair).collect();
            let kind = Some(question.to_owned());
            Row::Question(ChoiceRow { pairs, choices, premise: premise.to_owned(), kind })
        };
        Ok((0..table.rows()).map(row).collect())
    }
}
