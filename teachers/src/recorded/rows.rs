//! Rows of tables of answers.

use alambic_data::Extent;
use alambic_data::arrays::Matrix;
use alambic_data::error::{DataError, Fault, Place, Problem};
use alambic_data::source::TableSource;
use alambic_data::table::{Columns, Header, Table};
use alambic_files::text::quoted;

use super::cells::{self, Scores};
use super::options::RecordedOptions;
use crate::TeacherError;
use crate::answers::Answer;

/// Names of columns of answers, where no key names others.
pub(super) const LOGITS: &str = "logits";
pub(super) const PROBABILITIES: &str = "probabilities";
const CLASS: &str = "class";
const NUMBER: &str = "number";
const VECTOR: &str = "vector";
const TAGS: &str = "tags";
const TEXTS: &str = "texts";
const SECOND: &str = "second";
const LANGUAGE: &str = "language";

/// Number of problems that are listed; further ones are counted.
const LISTED: usize = 20;

/// By what a row belongs to a text: by its text, its second text and the language that is written, or by its id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) first: String,
    pub(super) second: Option<String>,
    pub(super) language: Option<String>,
}

/// The columns of a table that hold answers.
struct AnswerColumns<'t> {
    scores: Option<(&'static str, String, Vec<&'t str>)>,
    number: Option<(String, Vec<&'t str>)>,
    vector: Option<(String, Vec<&'t str>)>,
    tags: Option<(String, Vec<&'t str>)>,
    texts: Option<(String, Vec<&'t str>)>,
}

/// A row before its classes are known by their places.
pub(super) struct Row {
    pub(super) key: Key,
    pub(super) place: Place,
    pub(super) scores: Option<Scores>,
    pub(super) class: Option<String>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) answer: Answer,
}

/// Faults of rows.
#[derive(Default)]
pub(super) struct Faults {
    listed: Vec<Problem>,
    more: usize,
}

impl Faults {
    pub(super) fn push(&mut self, place: &Place, what: String) {
        if self.listed.len() < LISTED {
            self.listed.push(Problem { place: place.clone(), fault: Fault::Answer(what) });
        } else {
            self.more += 1;
        }
    }

    fn take<T>(&mut self, place: &Place, column: &str, read: Result<T, String>) -> Option<T> {
        read.map_err(|what| self.push(place, format!("`{}` {what}", quoted(column)))).ok()
    }

    pub(super) fn or<T>(self, value: T) -> Result<T, DataError> {
        if self.listed.is_empty() {
            Ok(value)
        } else {
            Err(DataError { problems: self.listed, more: self.more })
        }
    }
}

/// Reads the rows of a table. Gives the kind of its scores, if it has some.
pub(super) fn read_rows(
    source: &TableSource,
    options: &RecordedOptions,
    rows: &mut Vec<Row>,
    faults: &mut Faults,
) -> Result<Option<&'static str>, TeacherError> {
    let or = |name: &Option<String>, usual: &str| name.clone().unwrap_or_else(|| usual.to_owned());
    let [logits, probabilities, class] =
        [or(&options.logits, LOGITS), or(&options.probabilities, PROBABILITIES), or(&options.class, CLASS)];
    let [number, vector, tags, texts] = [
        or(&options.number, NUMBER),
        or(&options.vector, VECTOR),
        or(&options.tags, TAGS),
        or(&options.texts, TEXTS),
    ];
    let (second, language) = (or(&options.second, SECOND), or(&options.language, LANGUAGE));
    let (key, other) = match &options.id {
        Some(id) => (id, None),
        None => (&options.text, Some(second.as_str())),
    };
    let needed = [&options.id, &options.second].into_iter().flatten().map(String::as_str);
    let needed: Vec<&str> = needed.chain(options.language.as_deref()).collect();
    let text = [options.text.as_str()];
    let is_by_id = options.id.is_some();
    let columns = Columns {
        header: Header::named(options.header),
        quoting: options.quoting,
        texts: if is_by_id { &[] } else { &text },
        values: &needed,
        optional: &[&class, &number, &second, &language],
        nested: &[&logits, &probabilities, &vector, &tags, &texts],
    };
    let table = Table::read(source, &columns)?;
    for named in [
        &options.logits,
        &options.probabilities,
        &options.class,
        &options.number,
        &options.vector,
        &options.tags,
        &options.texts,
    ]
    .into_iter()
    .flatten()
    {
        // A column that a key names has to be there.
        table.column(named)?;
    }
    let keys = table.column(key)?;
    let other = other.and_then(|name| table.optional(name));
    let languages = if is_by_id { None } else { table.optional(&language) };
    let column = |name: String| table.optional(&name).map(|values| (name, values));
    let found = AnswerColumns {
        scores: [(LOGITS, logits), (PROBABILITIES, probabilities), (CLASS, class)]
            .into_iter()
            .find_map(|(kind, name)| table.optional(&name).map(|values| (kind, name, values))),
        number: column(number),
        vector: if options.vectors.is_some() { None } else { column(vector) },
        tags: column(tags),
        texts: column(texts),
    };
    for (row, key) in keys.into_iter().enumerate() {
        let place = table.place(row);
        let filled = |values: &Option<Vec<&str>>| {
            let value = values.as_ref()?.get(row)?.trim();
            (!value.is_empty()).then(|| value.to_owned())
        };
        let key = Key { first: key.trim().to_owned(), second: filled(&other), language: filled(&languages) };
        rows.push(read_row(key, place, row, &found, faults));
    }
    Ok(found.scores.map(|(kind, ..)| kind))
}

fn read_row(key: Key, place: Place, row: usize, columns: &AnswerColumns<'_>, faults: &mut Faults) -> Row {
    let cell = |values: &[&str]| Some(values.get(row)?.trim().to_owned()).filter(|cell| !cell.is_empty());
    let mut read = Row { key, place, scores: None, class: None, tags: None, answer: Answer::default() };
    if let Some((kind, name, values)) = &columns.scores
        && let Some(cell) = cell(values)
    {
        if *kind == CLASS {
            read.class = Some(cell);
        } else {
            read.scores = faults.take(&read.place, name, cells::scores(&cell));
        }
    }
    if let Some((name, values)) = &columns.tags
        && let Some(cell) = cell(values)
        && let Some(tags) = faults.take(&read.place, name, cells::tags(&cell))
    {
        read.tags = Some(tags);
    }
    if let Some((name, values)) = &columns.number
        && let Some(cell) = cell(values)
    {
        let number = cells::numbers(&cell).and_then(|numbers| match numbers[..] {
            [number] => Ok(number),
            _ => Err(format!("is `{}`, which is no number", quoted(&cell))),
        });
        read.answer.logits.extend(faults.take(&read.place, name, number));
    }
    if let Some((name, values)) = &columns.vector
        && let Some(cell) = cell(values)
    {
        read.answer.vector = faults.take(&read.place, name, cells::numbers(&cell)).unwrap_or_default();
    }
    if let Some((name, values)) = &columns.texts
        && let Some(cell) = cell(values)
    {
        read.answer.texts = faults.take(&read.place, name, cells::texts(&cell)).unwrap_or_default();
    }
    read
}

/// Gives each row its row of a matrix.
pub(super) fn take_vectors(
    rows: &mut [Row],
    matrix: &Matrix,
    name: &str,
    extent: Extent,
    faults: &mut Faults,
) {
    // Of the head of a table there are fewer rows.
    if matrix.rows != rows.len() && !(extent == Extent::Head && matrix.rows > rows.len()) {
        let what = format!("has {} rows, and the table has {}", matrix.rows, rows.len());
        return faults.push(&Place::file(name), what);
    }
    for (row, vector) in rows.iter_mut().zip(matrix.numbers.chunks_exact(matrix.width.max(1))) {
        if vector.iter().any(|number| !number.is_finite()) {
            faults
                .push(&row.place, format!("its row of `{}` holds a number that is not finite", quoted(name)));
        }
        row.answer.vector = vector.to_vec();
    }
}
