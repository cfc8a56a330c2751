//! Queries, passages, judgements of relevance and scores in tables of their own.

use alambic_settings::{Location, OneOrMany, settings};

use super::ReadCorpus;
use crate::content::Content;
use crate::error::{DataError, Fault, Place, Problems};
use crate::search::{Passage, SearchBuilder};
use crate::source::{Extent, TableFormat, TableSource, files};
use crate::table::{Columns, Table, lines, utf8};

settings! {
    /// Queries, passages and judgements in tables of their own: JSON lines, Parquet, TSV or CSV, also compressed with gzip. Passages
    /// have the columns `_id` (or `id`), `text` and, where there are titles, `title`; queries `_id` (or `id`) and `text`;
    /// judgements `query-id`, `corpus-id` and `score`, as BEIR and MTEB write them, or no header and the four columns of TREC
    /// (query, iteration, passage, grade) with blanks between. A passage is relevant if its grade is above 0. The files of judgements
    /// say of which split their queries are.
    pub struct Retrieval {
        /// The passages.
        pub passages: OneOrMany<Location>,
        /// The queries. Those without a judgement or score are left out and counted, unless `unjudged` keeps them.
        pub queries: OneOrMany<Location>,
        /// Whether queries without a judgement or score are kept to be trained on: a teacher scores the passages that BM25 finds for
        /// them (`mined-negatives`). Stages without a teacher, validation and evaluation leave them out.
        pub unjudged: bool = false,
        /// Judgements of the queries to train on.
        pub qrels: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Judgements of queries that all have the split `validation`.
        pub validation_qrels: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Judgements of queries that all have the split `test`.
        pub test_qrels: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// A teacher's scores, with the columns of judgements. What is scored and not judged counts as not relevant.
        pub scores: OneOrMany<Location> = OneOrMany(Vec::new()),
        /// Code of the language, for reports. Left out: it is not known.
        pub language: Option<String>,
    }
}

impl ReadCorpus for Retrieval {
    fn read(&self, extent: Extent) -> Result<Content, DataError> {
        let mut builder = SearchBuilder::new(extent).keeping_unjudged(self.unjudged);
        read_passages(&files(&self.passages)?, extent, &mut builder)?;
        read_queries(&files(&self.queries)?, extent, &mut builder)?;
        let lists = [
            (&self.qrels, None),
            (&self.validation_qrels, Some("validation")),
            (&self.test_qrels, Some("test")),
        ];
        for (paths, split) in lists {
            read_judgements(&files(paths)?, split, extent, &mut builder)?;
        }
        for location in files(&self.scores)? {
            let (source, rated) = rated(&location, extent, &mut builder)?;
            builder.add_source(&source.name, source.fingerprint());
            for Rated { query, passage, number, place } in rated {
                builder.score((&query, &passage), number, &place);
            }
        }
        Ok(builder.build(self.language.as_deref(), extent)?.into())
    }

    fn has_split_files(&self) -> [bool; 2] {
        [!self.validation_qrels.is_empty(), !self.test_qrels.is_empty()]
    }
}

/// Columns of ids.
const IDS: [&str; 2] = ["_id", "id"];

/// The column of ids that a table has.
fn ids<'t>(table: &'t Table<'_>) -> Result<Vec<&'t str>, DataError> {
    match IDS.iter().find_map(|name| table.optional(name)) {
        Some(ids) => Ok(ids),
        None => table.column(IDS[0]),
    }
}

/// Reads tables of passages.
pub(super) fn read_passages(
    locations: &[Location],
    extent: Extent,
    builder: &mut SearchBuilder,
) -> Result<(), DataError> {
    let mut faults: Option<DataError> = None;
    for location in locations {
        DataError::note(&mut faults, read_passage_table(location, extent, builder));
    }
    faults.map_or(Ok(()), Err)
}

fn read_passage_table(
    location: &Location,
    extent: Extent,
    builder: &mut SearchBuilder,
) -> Result<(), DataError> {
    let source = TableSource::open(location, extent)?;
    builder.add_source(&source.name, source.fingerprint());
    let optional = [IDS[0], IDS[1], "title"];
    let table =
        Table::read(&source, &Columns { texts: &["text"], optional: &optional, ..Columns::default() })?;
    builder.statistics.add_table(&table);
    let (ids, texts, titles) = (ids(&table)?, table.column("text")?, table.optional("title"));
    for row in 0..table.rows() {
        let passage = Passage {
            id: ids[row].trim().to_owned(),
            title: titles.as_ref().map_or("", |titles| titles[row].trim()).to_owned(),
            text: texts[row].trim().to_owned(),
        };
        if passage.id.is_empty() {
            builder.fault(table.place(row), Fault::EmptyField("_id"));
        } else {
            builder.add_passage(passage, table.place(row));
        }
    }
    Ok(())
}

/// Reads tables of queries.
pub(super) fn read_queries(
    locations: &[Location],
    extent: Extent,
    builder: &mut SearchBuilder,
) -> Result<(), DataError> {
    for location in locations {
        let source = TableSource::open(location, extent)?;
        builder.add_source(&source.name, source.fingerprint());
        let table =
            Table::read(&source, &Columns { texts: &["text"], optional: &IDS, ..Columns::default() })?;
        builder.statistics.add_table(&table);
        let (ids, texts) = (ids(&table)?, table.column("text")?);
        for row in 0..table.rows() {
            match ids[row].trim() {
                "" => builder.fault(table.place(row), Fault::EmptyField("_id")),
                id => builder.add_query(id, texts[row].trim(), table.place(row)),
            }
        }
    }
    Ok(())
}

/// Reads judgements of queries of a split.
pub(super) fn read_judgements(
    locations: &[Location],
    split: Option<&str>,
    extent: Extent,
    builder: &mut SearchBuilder,
) -> Result<(), DataError> {
    for location in locations {
        let (source, rated) = rated(location, extent, builder)?;
        builder.add_source(&source.name, source.fingerprint());
        for Rated { query, passage, number, place } in rated {
            builder.list((&query, &passage), split, (Some(number), None), place);
        }
    }
    Ok(())
}

/// A number for a query and a passage, by their ids.
struct Rated {
    query: String,
    passage: String,
    number: f32,
    place: Place,
}

/// Columns of judgements, by the names that data give them.
const QUERY: [&str; 3] = ["query-id", "query_id", "qid"];
const PASSAGE: [&str; 4] = ["corpus-id", "corpus_id", "passage-id", "pid"];
const NUMBER: [&str; 3] = ["score", "relevance", "label"];

/// Reads a table of judgements or scores.
fn rated(
    location: &Location,
    extent: Extent,
    builder: &mut SearchBuilder,
) -> Result<(TableSource, Vec<Rated>), DataError> {
    let source = match TableSource::open(location, extent) {
        // TREC's files have names of all kinds.
        Err(error) if matches!(error.problems[..], [ref only] if matches!(only.fault, Fault::UnknownFormat(_))) => {
            TableSource::open_lines(location, extent)?
        }
        opened => opened?,
    };
    let rated = if is_trec(&source) { read_trec(&source)? } else { read_rated_table(&source, builder)? };
    Ok((source, rated))
}

fn read_rated_table(source: &TableSource, builder: &mut SearchBuilder) -> Result<Vec<Rated>, DataError> {
    let optional = [&QUERY[..], &PASSAGE, &NUMBER].concat();
    let table = Table::read(source, &Columns { optional: &optional, ..Columns::default() })?;
    builder.statistics.add_table(&table);
    let column = |names: &[&'static str]| {
        let found = names.iter().find_map(|name| Some((*name, table.optional(name)?)));
        found.map_or_else(|| Ok((names[0], table.column(names[0])?)), Ok)
    };
    let ((query_name, queries), (passage_name, passages)) = (column(&QUERY)?, column(&PASSAGE)?);
    let (number_name, numbers) = column(&NUMBER)?;
    let mut problems = Problems::default();
    let mut rated = Vec::with_capacity(table.rows());
    for row in 0..table.rows() {
        let (query, passage, place) = (queries[row].trim(), passages[row].trim(), table.place(row));
        let missing = [(query_name, query), (passage_name, passage), (number_name, numbers[row].trim())]
            .into_iter()
            .find(|(_, text)| text.is_empty());
        match (missing, number(numbers[row])) {
            (Some((name, _)), _) => problems.push(place, Fault::EmptyField(name)),
            (None, None) => {
                let fault =
                    Fault::NotNumber { column: number_name.to_owned(), found: numbers[row].to_owned() };
                problems.push(place, fault);
            }
            (None, Some(number)) => {
                rated.push(Rated { query: query.to_owned(), passage: passage.to_owned(), number, place });
            }
        }
    }
    problems.or(rated)
}

/// A finite number.
pub(super) fn number(text: &str) -> Option<f32> {
    text.trim().parse().ok().filter(|number: &f32| number.is_finite())
}

/// Whether a file has TREC's four columns and no header.
fn is_trec(source: &TableSource) -> bool {
    if !matches!(source.format, TableFormat::Tsv) {
        return false;
    }
    let first = lines(&source.bytes).map(|(_, line)| line).find(|line| !line.trim_ascii().is_empty());
    let fields = |line: &[u8]| {
        let line = String::from_utf8_lossy(line).into_owned();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    first.map(fields).is_some_and(|fields| fields.len() == 4 && number(&fields[3]).is_some())
}

/// Reads TREC's judgements: query, iteration, passage and grade with blanks between.
fn read_trec(source: &TableSource) -> Result<Vec<Rated>, DataError> {
    let mut problems = Problems::default();
    let mut rated = Vec::new();
    for (number, line) in lines(&source.bytes) {
        let Some(line) = utf8(source, number, line, &mut problems) else { continue };
        let place = Place::line(&source.name, number);
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [] => {}
            [query, _, passage, grade] => {
                if let Some(number) = self::number(grade) {
                    rated.push(Rated { query: query.to_owned(), passage: passage.to_owned(), number, place });
                } else {
                    let fault = Fault::NotNumber { column: "4".to_owned(), found: grade.to_owned() };
                    problems.push(place, fault);
                }
            }
            ref fields => problems.push(place, Fault::ColumnCount { found: fields.len(), expected: 4 }),
        }
    }
    problems.or(rated)
}
