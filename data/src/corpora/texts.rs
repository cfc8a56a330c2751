//! Tables of texts.

use std::collections::HashMap;

use alambic_settings::{IndexMap, Location, OneOrMany, settings};

use super::ReadCorpus;
use super::labels::{Class, Classes};
use crate::content::Content;
use crate::error::{DataError, Fault, Place, Problems};
use crate::language_code::check_code;
use crate::source::{CorpusFile, CorpusFiles, Extent, Files, TableSource};
use crate::statistics::ReadStatistics;
use crate::table::{Columns, Header, Quoting, Table};
use crate::texts::{Label, Labels, Text, TextsBuilder};

settings! {
    /// Texts or pairs of texts, with a class or a number each, or with nothing: tables in TSV, CSV, JSON or Parquet, also
    /// compressed with gzip. Columns that no key names may hold anything. Of CSV the header shows whether commas, semicolons,
    /// tabs or vertical bars separate columns; JSON has an object a line, or one list of objects.
    pub struct Texts {
        /// The files; `train-*.tsv` are all whose names fit. As a table, the files of each language, by language code:
        /// `{ en = "en.tsv", es = "es-*.tsv" }`. If they have a split column, its values are those that a split can name.
        pub paths: Files,
        /// Files whose rows all have the split `validation`; as a table, by language.
        pub validation_paths: Files = Files::none(),
        /// Files whose rows all have the split `test`; as a table, by language.
        pub test_paths: Files = Files::none(),
        /// Code of the language of all texts, such as `es`, `zh-Hant` or `pt-BR`, for sampling and for reports by language. Left out:
        /// it is not known, unless `language-column` or `paths` say it.
        pub language: Option<String>,
        /// The column of the code of a row's language. Rows whose cell is empty are refused.
        pub language_column: Option<String>,
        /// Whether the first line names the columns of TSV and CSV; else they are called `1`, `2` and so on.
        pub header: bool = true,
        /// Meaning of quotes in TSV and CSV.
        pub quoting: Quoting = Quoting::AsWritten,
        /// The column of the text. In JSON and Parquet, `data.text` is the key `text` of the object `data`.
        pub text: String = "text".to_owned(),
        /// The column of the second text, where texts come in pairs.
        pub second: Option<String>,
        /// Columns of texts that do not belong to `text` as `second` does: hard negatives, for `multiple-negatives`.
        pub negatives: OneOrMany<String> = OneOrMany(Vec::new()),
        /// The column of the class. Left out, and no `number` either: the texts have no labels. Numbers are classes by their
        /// value, and among words whole ones are: `1.0` is `1`, unless a label is a code such as `01`. `True` and `true` are one
        /// class. Rows without a label are refused; so are those whose label is `nan`, -1 among ids, or among numbers and truth
        /// values what else pandas takes for missing.
        pub label: Option<String>,
        /// The column of the number, for regressions.
        pub number: Option<String>,
        /// Names of the classes in the order of their ids, of which the column holds either. Left out: the values of the column,
        /// in the order of numbers if all are, and else of the alphabet. Without `label` these are the classes of texts that
        /// have none yet, which a teacher gives them.
        pub classes: Vec<String> = Vec::new(),
        /// The column of a row's id, by which a recorded teacher's answers can belong to it.
        pub id: Option<String>,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
    }
}

/// A row before its class is known by its index.
struct Row {
    text: Text,
    class: String,
    place: Place,
}

impl ReadCorpus for Texts {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = TextsBuilder::default();
        let mut rows = Vec::new();
        let files = CorpusFiles {
            lists: [&self.paths, &self.validation_paths, &self.test_paths],
            language: self.language.as_deref(),
            language_column: self.language_column.as_deref(),
        };
        let open = |location: &Location| TableSource::open(location, extent);
        builder
            .read(&files, open, |source, file, statistics| self.rows(source, file, &mut rows, statistics))?;
        let labels = if self.number.is_some() {
            Labels::Numbers
        } else if self.label.is_some() {
            Labels::Classes(self.classify(&mut rows)?)
        } else if self.classes.is_empty() {
            Labels::None
        } else {
            Labels::Classes(self.classes.clone())
        };
        for row in rows {
            builder.push(row.text);
        }
        Ok(builder.build(labels, self.second.is_some(), extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

impl Texts {
    fn rows(
        &self,
        source: &TableSource,
        file: &CorpusFile,
        rows: &mut Vec<Row>,
        statistics: &mut ReadStatistics,
    ) -> Result<(), DataError> {
        let texts: Vec<&str> = std::iter::once(&self.text)
            .chain(&self.second)
            .chain(self.negatives.iter())
            .map(String::as_str)
            .collect();
        let named = [&self.label, &self.number, &self.id, &self.split_column, &self.language_column];
        let values: Vec<&str> = named.into_iter().flatten().map(String::as_str).collect();
        let columns = Columns {
            header: Header::named(self.header),
            quoting: self.quoting,
            texts: &texts,
            values: &values,
            optional: if self.split_column.is_none() { &["split"] } else { &[] },
            nested: &[],
        };
        let table = Table::read(source, &columns)?;
        statistics.add_table(&table);
        let first = table.column(&self.text)?;
        let column = |name: &Option<String>| name.as_ref().map(|name| table.column(name)).transpose();
        let (second, label, number) = (column(&self.second)?, column(&self.label)?, column(&self.number)?);
        let (ids, languages) = (column(&self.id)?, column(&self.language_column)?);
        let negatives =
            self.negatives.iter().map(|name| table.column(name)).collect::<Result<Vec<_>, DataError>>()?;
        let splits = table.optional(self.split_column.as_deref().unwrap_or("split"));
        let mut problems = Problems::default();
        for row in 0..table.rows() {
            let mut text = Text {
                first: first[row].trim().to_owned(),
                second: second.as_ref().map(|column| column[row].trim().to_owned()),
                negatives: negatives.iter().map(|column| column[row].trim().to_owned()).collect(),
                label: Label::None,
                id: ids.as_ref().map(|column| column[row].trim().to_owned()),
                language: file.language.clone(),
                split: file
                    .split
                    .or_else(|| {
                        splits.as_ref().map(|column| column[row].trim()).filter(|text| !text.is_empty())
                    })
                    .map(str::to_owned),
                line: table.line(row),
                mixer: None,
            };
            let mut class = "";
            // A row without a text is dropped, whatever else is in it.
            if !text.is_empty() {
                if let Some(languages) = &languages {
                    let code = languages[row].trim();
                    match check_code(code) {
                        _ if code.is_empty() => {
                            problems.push(table.place(row), Fault::EmptyField("language"));
                        }
                        Ok(()) => text.language = Some(code.to_owned()),
                        Err(fault) => problems.push(table.place(row), fault),
                    }
                }
                if let Some(numbers) = &number {
                    match numbers[row].trim().parse::<f32>() {
                        _ if numbers[row].trim().is_empty() => {
                            problems.push(table.place(row), Fault::EmptyField("number"));
                        }
                        Ok(number) if number.is_finite() => text.label = Label::Number(number),
                        _ => {
                            let column = self.number.clone().unwrap_or_default();
                            let fault = Fault::NotNumber { column, found: numbers[row].to_owned() };
                            problems.push(table.place(row), fault);
                        }
                    }
                }
                class = label.as_ref().map_or("", |column| column[row].trim());
                if label.is_some() && class.is_empty() {
                    problems.push(table.place(row), Fault::EmptyField("label"));
                }
            }
            rows.push(Row { text, class: class.to_owned(), place: table.place(row) });
        }
        problems.or(())
    }

    /// Turns the labels of rows into indices of classes, whose names are given back.
    fn classify(&self, rows: &mut [Row]) -> Result<Vec<String>, DataError> {
        let labels = || rows.iter().filter(|row| !row.text.is_empty()).map(|row| row.class.as_str());
        let mut different: Vec<&str> = labels().collect();
        different.sort_unstable();
        different.dedup();
        let classes = if self.classes.is_empty() {
            Classes::of(&different)
        } else {
            Classes::given(&self.classes, &different)
        };
        let indices: HashMap<String, Class> =
            different.iter().map(|&label| (label.to_owned(), classes.find(label))).collect();
        let mut problems = Problems::default();
        // By file and label: the first row, and how many there are.
        let mut unlabelled: IndexMap<(String, String), (Place, usize)> = IndexMap::new();
        for row in rows.iter_mut().filter(|row| !row.text.is_empty()) {
            match indices.get(&row.class) {
                Some(Class::Known(index)) => row.text.label = Label::Class(*index as u32),
                Some(Class::Unlabelled | Class::Missing) => {
                    let label = unlabelled.entry((row.place.source.clone(), std::mem::take(&mut row.class)));
                    label.or_insert_with(|| (row.place.clone(), 0)).1 += 1;
                }
                _ => {
                    let found = std::mem::take(&mut row.class);
                    let fault = Fault::UnknownClass { found, classes: classes.names.clone() };
                    problems.push(row.place.clone(), fault);
                }
            }
        }
        for ((_, found), (place, count)) in unlabelled {
            problems.push(place, Fault::MissingLabel { found, count });
        }
        problems.or(classes.names)
    }
}
