//! Tables of texts.

use alambic_settings::{Location, OneOrMany, settings};

use super::{Content, ReadCorpus};
use crate::error::{DataError, Fault, Place, Problems};
use crate::source::{Extent, Source};
use crate::table::{Header, Table};
use crate::texts::{Collecting, Label, Labels, Text};

settings! {
    /// Texts or pairs of texts, with a class or a number each, or with nothing: tables in TSV, CSV, JSON lines or
    /// Parquet.
    pub struct Texts {
        /// The files. If they have a split column, its values are those that a split can name.
        pub paths: OneOrMany<Location>,
        /// Files whose rows all have the split `validation`.
        pub validation_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Files whose rows all have the split `test`.
        pub test_paths: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// The column of the text.
        pub text: String = "text".to_owned(),
        /// The column of the second text, where texts come in pairs.
        pub second: Option<String>,
        /// The column of the class. Left out, and no `number` either: the texts have no labels.
        pub label: Option<String>,
        /// The column of the number, for regressions.
        pub number: Option<String>,
        /// Names of the classes in the order of their ids. Left out: the values of the column, in the order of
        /// numbers if all are, and else of the alphabet.
        pub classes: Vec<String> = Vec::new(),
        /// The column that says to which split a row belongs. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
    }
}

/// A row before its class is known by its index.
struct Row {
    text: Text,
    class: Option<String>,
    place: Place,
}

impl ReadCorpus for Texts {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut collecting = Collecting::default();
        let mut rows = Vec::new();
        let files = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ];
        let open = |location: &Location| Source::open(location, extent);
        collecting.read(files, open, |source, part| self.rows(source, part, &mut rows))?;
        let labels = self.labels(&rows);
        if let Labels::Classes(classes) = &labels {
            classify(&mut rows, classes)?;
        }
        for row in rows {
            collecting.push(row.text);
        }
        Ok(collecting.finish(labels, self.second.is_some(), extent)?.into())
    }

    fn kept_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl Texts {
    fn rows(&self, source: &Source, part: Option<&str>, rows: &mut Vec<Row>) -> Result<(), DataError> {
        let needed: Vec<&str> =
            [Some(&self.text), self.second.as_ref()].into_iter().flatten().map(String::as_str).collect();
        let table = Table::read(source, Header::First, &needed)?;
        let first = table.column(&self.text)?;
        let column = |name: &Option<String>| name.as_ref().map(|name| table.column(name)).transpose();
        let (second, label, number) = (column(&self.second)?, column(&self.label)?, column(&self.number)?);
        let split_name = self.split_column.as_deref().unwrap_or("split");
        let splits = if self.split_column.is_some() || table.has(split_name) {
            Some(table.column(split_name)?)
        } else {
            None
        };
        let mut problems = Problems::default();
        for row in 0..table.rows() {
            let label_of_row = match &number {
                None => Label::None,
                Some(numbers) => match numbers[row].trim().parse::<f32>() {
                    Ok(number) if number.is_finite() => Label::Number(number),
                    _ => {
                        let column = self.number.clone().unwrap_or_default();
                        problems.push(
                            table.place(row),
                            Fault::NotDecimal { column, found: numbers[row].to_owned() },
                        );
                        continue;
                    }
                },
            };
            let class = label.as_ref().map(|column| column[row].trim().to_owned());
            if class.as_ref().is_some_and(String::is_empty) && !first[row].trim().is_empty() {
                problems.push(table.place(row), Fault::NothingInColumn("label"));
                continue;
            }
            let split = part
                .or_else(|| splits.as_ref().map(|column| column[row].trim()).filter(|text| !text.is_empty()));
            rows.push(Row {
                text: Text {
                    first: first[row].trim().to_owned(),
                    second: second.as_ref().map(|column| column[row].trim().to_owned()),
                    label: label_of_row,
                    split: split.map(str::to_owned),
                    line: table.line(row),
                },
                class,
                place: table.place(row),
            });
        }
        problems.or(())
    }

    fn labels(&self, rows: &[Row]) -> Labels {
        if self.number.is_some() {
            return Labels::Numbers;
        }
        if self.label.is_none() {
            return Labels::None;
        }
        if !self.classes.is_empty() {
            return Labels::Classes(self.classes.clone());
        }
        let mut classes: Vec<String> = rows.iter().filter_map(|row| row.class.clone()).collect();
        classes.sort_unstable();
        classes.dedup();
        if let Ok(mut numbers) =
            classes.iter().map(|class| class.parse::<i64>()).collect::<Result<Vec<_>, _>>()
        {
            numbers.sort_unstable();
            classes = numbers.iter().map(i64::to_string).collect();
        }
        Labels::Classes(classes)
    }
}

/// Turns the names of classes into their indices.
fn classify(rows: &mut [Row], classes: &[String]) -> Result<(), DataError> {
    let mut problems = Problems::default();
    for row in rows {
        let name = row.class.take().unwrap_or_default();
        match classes.iter().position(|class| *class == name) {
            Some(index) => row.text.label = Label::Class(index as u32),
            None => {
                problems
                    .push(row.place.clone(), Fault::UnknownClass { found: name, classes: classes.to_vec() });
            }
        }
    }
    problems.or(())
}
