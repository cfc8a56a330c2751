//! Tables in JSON: an object a line, or a list of objects.

use std::borrow::Cow;

use indexmap::{IndexMap, IndexSet};

use super::cells::Table;
use super::columns::{Columns, key_of, object};
use super::lines::{LONGEST, encoding, lines, unmarked};
use super::scan::{ScanError, Scanner, Value};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::TableSource;

/// In how many objects keys are looked for that a message can name.
const NAMED: usize = 100;

/// Reads objects. Each has the keys that are needed for texts, with texts as values; `null` is an empty text. Other values
/// become texts as they are written. A key `a.b` is looked for as it stands, and else as `b` within the object `a`.
pub(super) fn read<'s>(source: &'s TableSource, columns: &Columns<'_>) -> Result<Table<'s>, DataError> {
    match std::str::from_utf8(unmarked(&source.bytes)) {
        Ok(text) => parse(source, text, columns),
        Err(_) => encoding(source).or(Table::empty(source)),
    }
}

fn parse<'t>(source: &TableSource, text: &'t str, columns: &Columns<'_>) -> Result<Table<'t>, DataError> {
    let mut objects = Objects::new(source, columns);
    if spans_lines(text) {
        objects.whole(text);
    } else {
        objects.by_line(text);
    }
    objects.finish(columns)
}

/// Whether what is in a file goes on over line ends: a list, or an object that does not end on its first line.
fn spans_lines(text: &str) -> bool {
    let mut whole = Scanner::new(text);
    match whole.peek() {
        Some(b'[') => true,
        Some(b'{') => {
            let start = whole.at();
            let line = text[start..].split('\n').next().unwrap_or_default();
            Scanner::new(line).pass().is_err()
                && whole.pass().is_ok()
                && text[start..whole.at()].contains('\n')
        }
        _ => false,
    }
}

/// The rows that objects make.
struct Objects<'c, 't> {
    source: &'c TableSource,
    wanted: Vec<Wanted<'c>>,
    columns: Vec<Vec<Cow<'t, str>>>,
    names: IndexSet<String>,
    /// The keys of the first object, each with whether it is a list, an object or neither.
    first: IndexMap<String, Shape>,
    lines: Vec<usize>,
    problems: Problems,
}

/// What kind of value a key of the first object has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    List,
    Object,
    Single,
}

/// A column that is read.
struct Wanted<'c> {
    name: &'c str,
    is_text: bool,
    is_nested: bool,
    /// Whether any object has it.
    is_met: bool,
}

impl<'c, 't> Objects<'c, 't> {
    fn new(source: &'c TableSource, columns: &Columns<'c>) -> Self {
        let wanted: Vec<Wanted<'_>> = columns
            .all()
            .into_iter()
            .map(|name| Wanted {
                name,
                is_text: columns.is_text(name),
                is_nested: columns.is_nested(name),
                is_met: false,
            })
            .collect();
        Self {
            source,
            columns: wanted.iter().map(|_| Vec::new()).collect(),
            wanted,
            names: IndexSet::new(),
            first: IndexMap::new(),
            lines: Vec::new(),
            problems: Problems::default(),
        }
    }

    /// Reads an object a line. What is wrong with one does not keep the others from being read.
    fn by_line(&mut self, text: &'t str) {
        for (number, line) in lines(text.as_bytes()) {
            // Lines of a text are text.
            let Ok(line) = std::str::from_utf8(line) else { continue };
            if line.trim().is_empty() {
                continue;
            }
            if line.len() > LONGEST {
                let place = Place::line(&self.source.name, number);
                self.problems.push(place, Fault::LongLine(LONGEST));
                continue;
            }
            let mut scanner = Scanner::new(line);
            let read = self.row(&mut scanner, number).and_then(|()| match scanner.peek() {
                Some(_) => scanner.broken("something stands behind the object"),
                None => Ok(()),
            });
            if let Err(ScanError { at, what }) = read {
                let before = line.get(..at).unwrap_or(line);
                self.broken(number, before, what);
            }
        }
    }

    /// Reads a list of objects, or objects one behind the other. What is wrong with one is where reading ends.
    fn whole(&mut self, text: &'t str) {
        let mut scanner = Scanner::new(text);
        let is_list = scanner.take(b'[');
        let (mut counted, mut line) = (0, 1);
        let read = loop {
            match scanner.peek() {
                Some(b']') if is_list => {
                    scanner.take(b']');
                    break match scanner.peek() {
                        Some(_) => scanner.broken("something stands behind the list"),
                        None => Ok(()),
                    };
                }
                None if !is_list => break Ok(()),
                None => break scanner.broken("the list does not end"),
                Some(b'{') => {}
                Some(b'[') if is_list && self.lines.is_empty() => {
                    break scanner
                        .broken(pandas_table("values", "its rows are lists without names of columns"));
                }
                Some(_) => break scanner.broken("expected `{`, with which an object begins"),
            }
            line += count_lines(text, counted, scanner.at());
            counted = scanner.at();
            if let Err(broken) = self.row(&mut scanner, line) {
                break Err(broken);
            }
            if scanner.at() - counted > LONGEST {
                let place = Place::line(&self.source.name, line);
                self.problems.push(place, Fault::LongLine(LONGEST));
            }
            if is_list && !scanner.take(b',') && scanner.peek() != Some(b']') {
                break scanner.broken("expected `,` or `]`");
            }
        };
        if let Err(ScanError { at, what }) = read {
            let before = text.get(..at).unwrap_or(text);
            let start = before.rfind('\n').map_or(0, |end| end + 1);
            self.broken(line + count_lines(text, counted, at), &before[start..], what);
        }
    }

    /// Reads an object as a row.
    fn row(&mut self, scanner: &mut Scanner<'t>, line: usize) -> Result<(), ScanError> {
        let Self { wanted, names, first, lines, .. } = self;
        let mut found: Vec<Option<Value<'t>>> = wanted.iter().map(|_| None).collect();
        // Of nested columns that have a key for each entry.
        let mut entries: Vec<IndexMap<String, Cow<'t, str>>> =
            wanted.iter().map(|_| IndexMap::new()).collect();
        let mut twice: Option<String> = None;
        let enter = |key: &str| {
            wanted
                .iter()
                .any(|wanted| wanted.name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.')))
        };
        let (is_first, knows) = (lines.is_empty(), lines.len() < NAMED);
        scanner.object("", &enter, &mut |key, value| {
            if knows && !names.contains(key) {
                names.insert(key.to_owned());
            }
            if is_first && first.len() < NAMED {
                let shape = match value {
                    Value::List(_) => Shape::List,
                    Value::Object(_) => Shape::Object,
                    _ => Shape::Single,
                };
                first.insert(key.to_owned(), shape);
            }
            let slot = wanted.iter().position(|wanted| wanted.name == key);
            if let Some(slot) = slot.and_then(|slot| found.get_mut(slot)) {
                if slot.replace(value).is_some() {
                    twice = Some(key.to_owned());
                }
                return;
            }
            for (wanted, entries) in wanted.iter().zip(&mut entries) {
                if let Some(inner) = key_of(key, wanted.name).filter(|_| wanted.is_nested)
                    && entries.insert(inner.to_owned(), text_of(value.clone())).is_some()
                {
                    twice = Some(key.to_owned());
                }
            }
        })?;
        lines.push(line);
        let place = || Place::line(&self.source.name, line);
        if let Some(key) = twice {
            self.problems.push(place(), Fault::DuplicateKey(key));
        }
        let values = found.into_iter().zip(entries);
        for ((wanted, column), (value, entries)) in wanted.iter_mut().zip(&mut self.columns).zip(values) {
            let name = || wanted.name.to_owned();
            let fault = match &value {
                None if wanted.is_text => Some(Fault::MissingKey(name())),
                Some(Value::List(_) | Value::Object(_)) if !wanted.is_nested => {
                    let found = value.as_ref().map_or("", Value::kind).to_owned();
                    Some(Fault::NotOneValue { column: name(), found })
                }
                Some(Value::Truth(_) | Value::Number(_)) if wanted.is_text => {
                    let found = value.as_ref().map_or("", Value::kind).to_owned();
                    Some(Fault::NotText { column: name(), found })
                }
                _ => None,
            };
            if let Some(fault) = fault {
                self.problems.push(place(), fault);
            }
            wanted.is_met |= value.is_some() || !entries.is_empty();
            column.push(match value {
                None if !entries.is_empty() => {
                    object(entries.iter().map(|(key, value)| (key.as_str(), value.as_ref()))).into()
                }
                value => value.map(text_of).unwrap_or_default(),
            });
        }
        Ok(())
    }

    /// What a file is instead of a table by rows, if it is a single object that makes no row.
    fn other_shape(&self, columns: &Columns<'_>) -> Option<String> {
        let is_without = |name| match self.first.get(name) {
            None => !self.wanted.iter().any(|own| own.name == name && own.is_met),
            Some(shape) => *shape != Shape::Single,
        };
        if self.lines.len() != 1 || !columns.needed().any(is_without) {
            return None;
        }
        let is = |key: &str, shape| self.first.get(key) == Some(&shape);
        let are_all = |shape| self.first.len() > 1 && self.first.values().all(|own| *own == shape);
        let is_numbered =
            |(key, shape): (&String, &Shape)| *shape == Shape::Object && key.parse::<u64>().is_ok();
        Some(if is("columns", Shape::List) && is("data", Shape::List) {
            pandas_table("split", "its columns are named in one list, and its rows are in another")
        } else if is("schema", Shape::Object) && is("data", Shape::List) {
            pandas_table("table", "its rows follow a description of them")
        } else if !self.first.is_empty() && self.first.iter().all(is_numbered) {
            pandas_table("index", "its rows are the values of one object, by their numbers")
        } else if are_all(Shape::Object) {
            pandas_table("columns", "it has an object for each column")
        } else if are_all(Shape::List) {
            "it has a list for each column, and objects by rows are read: write it with \
             `pandas.DataFrame(...).to_json(..., orient=\"records\", lines=True)`"
                .into()
        } else if self.names.len() > 1 && self.is_without_key(columns) {
            "it is the only one, and has no such key: is it a table by columns? objects by rows are read, as pandas \
             writes them with `orient=\"records\"`"
                .into()
        } else {
            return None;
        })
    }

    /// Whether a column that is needed is in no object.
    fn is_without_key(&self, columns: &Columns<'_>) -> bool {
        columns.needed().any(|name| self.wanted.iter().any(|own| own.name == name && !own.is_met))
    }

    fn broken(&mut self, line: usize, before: &str, what: String) {
        let column = Some(before.chars().count() + 1);
        let place = Place { source: self.source.name.clone(), line: Some(line), column };
        self.problems.push(place, Fault::NotJson(what));
    }

    fn finish(mut self, columns: &Columns<'_>) -> Result<Table<'t>, DataError> {
        if let Some(what) = self.other_shape(columns) {
            // What else is said of it is said of its one object as if that were a row.
            self.problems = Problems::default();
            self.problems.push(Place::file(&self.source.name), Fault::NotJson(what));
        }
        if self.lines.is_empty() {
            self.problems.push_if_none(Place::file(&self.source.name), Fault::Empty);
        }
        let mut table = Table::empty(self.source);
        table.rows = self.lines.len();
        table.names = self.names.into_iter().collect();
        table.lines = Some(self.lines);
        let read = self.wanted.iter().zip(self.columns).filter(|(wanted, _)| wanted.is_met);
        table.columns =
            read.map(|(wanted, column)| (wanted.name.to_owned(), column)).collect::<IndexMap<_, _>>();
        self.problems.or(table)
    }
}

/// A value as the text of a column.
fn text_of(value: Value<'_>) -> Cow<'_, str> {
    match value {
        Value::Text(text) => text,
        Value::Truth(word) | Value::Number(word) | Value::List(word) | Value::Object(word) => {
            Cow::Borrowed(word)
        }
        Value::Null => Cow::Borrowed(""),
    }
}

/// What is said of a table that pandas wrote in another shape than by rows.
fn pandas_table(orient: &str, shape: &str) -> String {
    format!(
        "it is a table as pandas writes it with `orient=\"{orient}\"`: {shape}; read it with that `orient`, and write it \
         anew with `orient=\"records\"`"
    )
}

/// How many lines end between two places of a text.
fn count_lines(text: &str, from: usize, to: usize) -> usize {
    text.get(from..to).unwrap_or_default().matches('\n').count()
}
