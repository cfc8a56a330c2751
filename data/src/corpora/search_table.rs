//! Queries with passages to train on, row by row.

use alambic_settings::{Location, OneOrMany, settings};

use super::ReadCorpus;
use super::retrieval::number;
use crate::content::Content;
use crate::error::{DataError, Fault, Problems};
use crate::search::SearchBuilder;
use crate::source::{Extent, TableSource, for_each_file};
use crate::table::{Columns, Header, Quoting, Table};

settings! {
    /// Queries with passages to train on, row by row, in TSV, CSV, JSON lines or Parquet: triples of a query, its positives and
    /// its negatives, or lists of passages with their labels. Either may have a teacher's scores, a number for each passage. Rows of
    /// one query are put together. All passages of the table are what its queries search.
    pub struct SearchTable {
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
        /// The column of the query.
        pub query: String = "query".to_owned(),
        /// The column of the positive, or a list of several.
        pub positive: String = "positive".to_owned(),
        /// The column of the negative, or a list of several. Further ones may be in columns of this name with `_1`, `_2` and so on
        /// behind it, as sentence-transformers mines them, or in one list with an `s` behind the name.
        pub negative: String = "negative".to_owned(),
        /// The column of the list of passages, where a row is a list.
        pub passages: String = "passages".to_owned(),
        /// The column of their labels, one for each passage; above 0 is relevant. Left out: `labels`, if the table has one.
        pub labels: Option<String>,
        /// The column of a teacher's scores: of the positives and then the negatives, or of the passages. Left out: `scores`, if the
        /// table has one.
        pub scores: Option<String>,
        /// The column of a row's split. Left out: `split`, if the table has one.
        pub split_column: Option<String>,
        /// Code of the language, for reports. Left out: it is not known.
        pub language: Option<String>,
    }
}

/// Columns of further negatives that are looked for.
const MAX_NEGATIVES: usize = 128;

impl ReadCorpus for SearchTable {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = SearchBuilder::new(extent);
        let lists = [
            (&self.paths, None),
            (&self.validation_paths, Some("validation")),
            (&self.test_paths, Some("test")),
        ];
        for_each_file(lists, extent, |source, split| self.read_table(source, split, &mut builder))?;
        Ok(builder.build(self.language.as_deref(), extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_paths.is_empty(), !self.test_paths.is_empty()]
    }
}

/// A column and what stands in it.
type Column<'t> = (&'t str, Vec<&'t str>);

/// The columns of a table.
struct RowColumns<'t> {
    positives: Option<Column<'t>>,
    negatives: Vec<Column<'t>>,
    passages: Option<Column<'t>>,
    labels: Option<Column<'t>>,
    scores: Option<Column<'t>>,
}

/// A passage of a row, with its grade and its score.
type RowPassage = (String, Option<f32>, Option<f32>);

impl SearchTable {
    fn read_table(
        &self,
        source: &TableSource,
        file_split: Option<&'static str>,
        builder: &mut SearchBuilder,
    ) -> Result<(), DataError> {
        builder.add_source(&source.name, source.fingerprint());
        let named = |name: &Option<String>, usual: &str| name.clone().unwrap_or_else(|| usual.to_owned());
        let (labels, scores) = (named(&self.labels, "labels"), named(&self.scores, "scores"));
        let split_column = named(&self.split_column, "split");
        let negatives: Vec<String> = std::iter::once(self.negative.clone())
            .chain((1..=MAX_NEGATIVES).map(|number| format!("{}_{number}", self.negative)))
            .chain([format!("{}s", self.negative)])
            .collect();
        let nested: Vec<&str> = [&self.positive, &self.passages, &labels, &scores]
            .into_iter()
            .chain(&negatives)
            .map(String::as_str)
            .collect();
        let columns = Columns {
            header: Header::named(self.header),
            quoting: self.quoting,
            texts: &[&self.query],
            optional: &[&split_column],
            nested: &nested,
            ..Columns::default()
        };
        let table = Table::read(source, &columns)?;
        builder.statistics.add_table(&table);
        for given in [&self.labels, &self.scores, &self.split_column].into_iter().flatten() {
            // A column that a key names has to be there.
            table.column(given)?;
        }
        let queries = table.column(&self.query)?;
        let of_name = |name| table.optional(name).map(|values| (name, values));
        let passages = of_name(self.passages.as_str());
        if passages.is_none() {
            table.column(&self.positive)?;
        }
        let columns = RowColumns {
            positives: of_name(self.positive.as_str()).filter(|_| passages.is_none()),
            negatives: negatives.iter().filter_map(|name| of_name(name.as_str())).collect(),
            labels: of_name(labels.as_str()),
            scores: of_name(scores.as_str()),
            passages,
        };
        let splits = table.optional(&split_column);
        let mut problems = Problems::default();
        for row in 0..table.rows() {
            let (place, query) = (table.place(row), queries[row].trim());
            let own = || splits.as_ref().map(|splits| splits[row].trim()).filter(|split| !split.is_empty());
            let split = file_split.or_else(own);
            match columns.row(row) {
                _ if query.is_empty() => problems.push(place, Fault::EmptyField("query")),
                Err(fault) => problems.push(place, fault),
                Ok(passages) => {
                    builder.query_of_text(query);
                    for (text, relevance, score) in passages {
                        let passage = builder.passage_of_text(&text);
                        builder.list((query, &passage), split, (relevance, score), place.clone());
                    }
                }
            }
        }
        problems.or(())
    }
}

impl RowColumns<'_> {
    /// The passages of a row.
    fn row(&self, row: usize) -> Result<Vec<RowPassage>, Fault> {
        let mut found: Vec<RowPassage> = Vec::new();
        if let Some(passages) = &self.passages {
            found.extend(texts(passages, row, true)?.into_iter().map(|text| (text, None, None)));
            if found.is_empty() {
                return Err(Fault::EmptyField("passages"));
            }
            let labels = self.labels.as_ref().map(|labels| numbers(labels, row, found.len())).transpose()?;
            for ((_, relevance, _), label) in found.iter_mut().zip(labels.into_iter().flatten()) {
                *relevance = Some(label);
            }
        }
        if let Some(positives) = &self.positives {
            found.extend(texts(positives, row, false)?.into_iter().map(|text| (text, Some(1.0), None)));
            if found.is_empty() {
                return Err(Fault::EmptyField("positive"));
            }
            for negatives in &self.negatives {
                found.extend(texts(negatives, row, false)?.into_iter().map(|text| (text, Some(0.0), None)));
            }
        }
        let scores = self.scores.as_ref().map(|scores| numbers(scores, row, found.len())).transpose()?;
        for ((_, _, own), score) in found.iter_mut().zip(scores.into_iter().flatten()) {
            *own = Some(score);
        }
        Ok(found)
    }
}

/// The texts of a cell: a list in JSON, or, where it need not be one, the text of the cell. Blank texts are left out.
fn texts((column, cells): &Column<'_>, row: usize, is_list: bool) -> Result<Vec<String>, Fault> {
    let cell = cells[row].trim();
    let listed = cell.starts_with('[').then(|| serde_json::from_str::<Vec<String>>(cell).ok()).flatten();
    let texts = match listed {
        Some(texts) => texts,
        None if cell.is_empty() => Vec::new(),
        None if is_list => {
            return Err(Fault::NotTexts { column: (*column).to_owned(), found: shortened(cell) });
        }
        None => vec![cell.to_owned()],
    };
    Ok(texts.into_iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect())
}

/// As many numbers as there are passages, in JSON or with commas or blanks between them; none of an empty cell.
fn numbers((column, cells): &Column<'_>, row: usize, expected: usize) -> Result<Vec<f32>, Fault> {
    let cell = cells[row].trim();
    let inner = cell.trim_start_matches('[').trim_end_matches(']');
    let parts = inner.split([',', ';']).flat_map(str::split_whitespace);
    let read = |part: &str| {
        number(part).ok_or_else(|| Fault::NotNumber { column: (*column).to_owned(), found: shortened(part) })
    };
    let numbers: Vec<f32> = parts.map(read).collect::<Result<_, _>>()?;
    if !cell.is_empty() && numbers.len() != expected {
        return Err(Fault::NumberCount { column: (*column).to_owned(), found: numbers.len(), expected });
    }
    Ok(numbers)
}

/// Characters of a value that a message shows.
const SHOWN: usize = 80;

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}
