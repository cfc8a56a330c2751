//! Layouts of predictions, one file each: how a submission has them, read against the labels and written.

mod answers;
mod choices;
mod classes;
pub(super) mod pairs;
mod pieces;
pub(super) mod places;
mod question_answers;
mod rankings;
pub(super) mod tags;

use std::path::Path;

use alambic_files::write;
use alambic_settings::Location;

use super::references::{Predictions, References};
use crate::error::{BenchmarkFault, DataError, Place};
use crate::source::{Extent, TableSource};

/// Layout of the predictions for one language of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// A class a line.
    Classes,
    /// A tag a line, an empty line between sentences.
    Tags,
    /// A tag and the place of its word a line, for each piece of a word; an empty line between sentences.
    Pieces,
    /// An object of JSON: a text by the id of its question.
    Answers,
    /// Two ids a line, separated by a tab.
    Pairs,
    /// A place a line, counted from 0.
    Places,
    /// A list of JSON: objects with `questionId` and `prediction`.
    QuestionAnswers,
    /// An object of JSON a line, with `label`.
    Choices,
    /// An object of JSON with lists of places of `images` and of `captions`, or the first of the two alone.
    Rankings,
}

impl Layout {
    /// The name of the file of a language, in the folder of its task.
    #[must_use]
    pub fn file_name(self, language: &str) -> String {
        let extension = match self {
            Self::Classes | Self::Tags | Self::Pieces | Self::Pairs | Self::Places => "tsv",
            Self::Answers | Self::QuestionAnswers | Self::Rankings => "json",
            Self::Choices => "jsonl",
        };
        format!("test-{language}.{extension}")
    }

    /// Reads predictions and checks that they are of these references.
    ///
    /// # Errors
    /// All faults of the file, with their lines: another number of lines than the labels have, an unknown label, an id that the
    /// labels do not have or that is given twice, columns in another order, a file of another layout.
    pub fn read(self, path: &Path, references: &References) -> Result<Predictions, DataError> {
        let source = TableSource::open_lines(&Location::File(path.to_owned()), Extent::Whole)?;
        match self {
            Self::Classes => classes::read(&source, references),
            Self::Tags => tags::read(&source, references),
            Self::Pieces => pieces::read(&source, references),
            Self::Answers => answers::read(&source, references),
            Self::Pairs => pairs::read(&source, references),
            Self::Places => places::read(&source, references),
            Self::QuestionAnswers => question_answers::read(&source, references),
            Self::Choices => choices::read(&source, references),
            Self::Rankings => rankings::read(&source, references),
        }
    }

    /// Writes predictions as [`Self::read`] reads them.
    ///
    /// # Errors
    /// Where they are of another kind than the layout has, or the file cannot be written.
    pub fn write(self, path: &Path, predictions: &Predictions) -> Result<(), DataError> {
        let text = match (self, predictions) {
            (Self::Classes, Predictions::Classes(all)) => classes::text(all),
            (Self::Choices, Predictions::Classes(all)) => choices::text(all),
            (Self::Tags, Predictions::Tags(all)) => tags::text(all),
            (Self::Pieces, Predictions::Pieces(all)) => pieces::text(all),
            (Self::Answers, Predictions::Answers(all)) => answers::text(all),
            (Self::QuestionAnswers, Predictions::Answers(all)) => question_answers::text(all),
            (Self::Pairs, Predictions::Pairs(all)) => pairs::text(all),
            (Self::Places, Predictions::Places(all)) => places::text(all),
            (Self::Rankings, Predictions::Rankings { images, captions }) => {
                rankings::text(images.as_deref(), captions.as_deref())
            }
            (_, other) => {
                let fault = BenchmarkFault::OtherLayout { expected: self.noun(), found: other.noun().into() };
                return Err(DataError::new(Place::file(&path.display().to_string()), fault.into()));
            }
        };
        write::write(path, text.as_bytes()).map_err(|error| {
            let fault = crate::error::Fault::Unwritable(error.reason());
            DataError::new(Place::file(&path.display().to_string()), fault)
        })
    }

    /// What the file is, for messages.
    fn noun(self) -> &'static str {
        match self {
            Self::Classes => "a file of classes, one a line",
            Self::Tags => "a file of tags, one a line",
            Self::Pieces => "a file of tags of pieces, each with the place of its word, one a line",
            Self::Answers => "an object of texts by the ids of questions",
            Self::Pairs => "a file of pairs of ids, separated by a tab",
            Self::Places => "a file of places, one a line",
            Self::QuestionAnswers => "a list of objects with `questionId` and `prediction`",
            Self::Choices => "a file of objects with `label`, one a line",
            Self::Rankings => "an object with lists of places of `images` and of `captions`",
        }
    }
}

/// A number of predictions that is not that of the labels.
fn check_count(
    source: &TableSource,
    what: &'static str,
    found: usize,
    references: &References,
) -> Result<(), DataError> {
    let expected = references.len();
    if found == expected {
        return Ok(());
    }
    let fault = BenchmarkFault::Count { what, found, expected, labels: references.source.clone() };
    Err(DataError::new(Place::line(&source.name, found.min(expected) + 1), fault.into()))
}

/// A file of JSON in the form of a layout.
fn from_json<T: serde::de::DeserializeOwned>(source: &TableSource, layout: Layout) -> Result<T, DataError> {
    let bytes = crate::table::unmarked(&source.bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let place = Place::line(&source.name, error.line());
        let fault = if error.is_data() {
            BenchmarkFault::OtherLayout { expected: layout.noun(), found: format!("something else: {error}") }
                .into()
        } else {
            crate::error::Fault::BrokenJson(error.to_string())
        };
        DataError::new(place, fault)
    })
}
