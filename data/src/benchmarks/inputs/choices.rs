use super::super::classes::class_of;
use super::super::files::LanguageFile;
use super::super::rows::as_format;
use super::examples::{ChoiceExample, Examples};
use crate::error::{DataError, Fault, Problems};
use crate::source::TableFormat;
use crate::table::{Columns, Table};

/// The choices of COPA's objects of JSON, with its keys `premise`, `choice1`, `choice2`, `question` and `label`. `read` makes the
/// prompt and the choices of the premise, the word `cause` or `effect`, and the two choices.
pub(in super::super) fn choices(
    file: &LanguageFile<'_>,
    read: impl Fn(&str, &str, [&str; 2]) -> (String, Vec<String>),
) -> Result<Examples, DataError> {
    let source = as_format(file.source, TableFormat::JsonLines);
    let wanted = Columns {
        texts: &["premise", "choice1", "choice2", "question"],
        optional: &["label"],
        ..Columns::default()
    };
    let table = Table::read(&source, &wanted)?;
    let [premises, first, second, questions] =
        ["premise", "choice1", "choice2", "question"].map(|column| table.column(column));
    let (premises, first, second, questions) = (premises?, first?, second?, questions?);
    let labels = table.optional("label");
    let mut problems = Problems::default();
    let mut examples = Vec::new();
    for (row, premise) in premises.into_iter().enumerate() {
        let example = || -> Result<ChoiceExample, Fault> {
            let question = class_of(questions[row].trim(), &["cause", "effect"])?;
            let label =
                labels.as_ref().map(|labels| class_of(labels[row].trim(), &["0", "1"])).transpose()?;
            let (prompt, choices) = read(premise, &question, [first[row], second[row]]);
            Ok(ChoiceExample { prompt, choices, label: label.map(|label| usize::from(label == "1")) })
        };
        match example() {
            Ok(example) => examples.push(example),
            Err(fault) => problems.push(table.place(row), fault),
        }
    }
    problems.or(Examples::Choices(examples))
}
