//! Errors of broken tables: file, line, and all faults at once.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::io::Write;

use alambic_data::source::TableSource;
use alambic_data::table::{Columns, Header, Table};
use alambic_data::{Extent, Fault, Problem};
use alambic_settings::Location;

/// Bytes as a file of an extension, whose name is left out of what is compared.
fn source(extension: &str, bytes: &[u8]) -> Result<TableSource, Vec<Problem>> {
    let mut file = tempfile::Builder::new().suffix(&format!(".{extension}")).tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let opened = TableSource::open(&Location::File(file.path().to_owned()), Extent::Whole);
    opened.map_err(|error| error.problems)
}

/// A table's columns by name, and the lines of its rows.
#[derive(Debug)]
struct Read {
    columns: Vec<(String, Vec<String>)>,
    lines: Vec<usize>,
    rows: usize,
}

impl Read {
    fn column(&self, name: &str) -> &[String] {
        &self.columns.iter().find(|(own, _)| own == name).unwrap().1
    }
}

/// Reads bytes as a table: the columns that are needed, and all others that it has.
fn read(extension: &str, bytes: &[u8], header: Header<'_>, needed: &[&str]) -> Result<Read, Vec<Problem>> {
    let source = source(extension, bytes)?;
    let columns = Columns { header, texts: needed, ..Columns::default() };
    let names = Table::read(&source, &columns).map_err(|error| error.problems)?.names().to_vec();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let table = Table::read(&source, &Columns { optional: &names, ..columns });
    let table = table.map_err(|error| error.problems)?;
    let texts = |name: &str| table.optional(name).map(|texts| texts.into_iter().map(str::to_owned).collect());
    Ok(Read {
        columns: names.iter().filter_map(|name| Some(((*name).to_owned(), texts(name)?))).collect(),
        lines: (0..table.rows()).map(|row| table.line(row)).collect(),
        rows: table.rows(),
    })
}

/// Line, column and fault of each problem.
fn faults(extension: &str, bytes: &[u8], needed: &[&str]) -> Vec<(Option<usize>, Option<usize>, Fault)> {
    let problems = read(extension, bytes, Header::First, needed).unwrap_err();
    problems.into_iter().map(|problem| (problem.place.line, problem.place.column, problem.fault)).collect()
}

#[test]
fn sound_tables_in_every_text_format() {
    let expected = vec![vec!["goa", "3, \"x\""], vec!["", "é"]];
    let tables = [
        ("tsv", "\u{feff}name\tnote\r\ngoa\t3, \"x\"\r\n\r\n\té"),
        ("csv", "name,note\ngoa,\"3, \"\"x\"\"\"\n,é\n"),
        ("jsonl", "{\"name\": \"goa\", \"note\": \"3, \\\"x\\\"\"}\n\n{\"note\": \"é\", \"other\": 1.5}\n"),
    ];
    for (extension, text) in tables {
        let table = read(extension, text.as_bytes(), Header::First, &["note"]).unwrap();
        let (names, notes) = (table.column("name"), table.column("note"));
        let rows: Vec<_> =
            names.iter().zip(notes).map(|(name, note)| vec![name.as_str(), note.as_str()]).collect();
        assert_eq!(rows, expected, "{extension}");
        assert_eq!(
            table.lines,
            if extension == "csv" {
                [2, 3]
            } else if extension == "tsv" {
                [2, 4]
            } else {
                [1, 3]
            }
        );
    }
}

#[test]
fn a_quoted_field_may_hold_lines() {
    let table = read("csv", b"name,note\ngoa,\"one\ntwo\"\npune,three\n", Header::First, &[]).unwrap();
    assert_eq!(table.column("note"), ["one\ntwo", "three"]);
    assert_eq!(table.lines, [2, 4]);
}

#[test]
fn parquet_is_read_as_text() {
    use polars::prelude::{ParquetWriter, df};
    let mut frame = df!("name" => ["goa", "pune"], "count" => [1_i64, 2]).unwrap();
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).finish(&mut frame).unwrap();
    let table = read("parquet", &bytes, Header::First, &["name"]).unwrap();
    assert_eq!(table.column("name"), ["goa", "pune"]);
    assert_eq!(table.column("count"), ["1", "2"]);
    let problems = read("parquet", &bytes, Header::First, &["count"]).unwrap_err();
    assert_eq!(problems[0].fault, Fault::NotText { column: "count".into(), found: "numbers".into() });
    assert!(matches!(
        read("parquet", b"PAR1 it is not", Header::First, &[]).unwrap_err()[0].fault,
        Fault::Reader(_)
    ));
    assert_eq!(read("parquet", b"", Header::First, &[]).unwrap_err()[0].fault, Fault::Empty);
}

#[test]
fn ragged_rows_and_bad_bytes_are_all_reported() {
    let bytes = b"name\thi\nGoa\tx\ny\nPun\xff\te\na\tb\tc\n";
    assert_eq!(
        faults("tsv", bytes, &[]),
        [
            (Some(3), None, Fault::ColumnCount { found: 1, expected: 2 }),
            (Some(4), Some(4), Fault::NotUtf8(0xff)),
            (Some(5), None, Fault::ColumnCount { found: 3, expected: 2 }),
        ]
    );
}

#[test]
fn empty_files_and_headers_alone() {
    for extension in ["tsv", "csv", "jsonl"] {
        assert_eq!(faults(extension, b"", &[]), [(None, None, Fault::Empty)], "{extension}");
        assert_eq!(faults(extension, b"\n\r\n", &[]), [(None, None, Fault::Empty)], "{extension}");
    }
    for (extension, header) in [("tsv", "name\thi\n"), ("csv", "name,hi\n")] {
        assert_eq!(faults(extension, header.as_bytes(), &["hi"]), [(None, None, Fault::NoRows)]);
    }
}

#[test]
fn headers_are_checked() {
    let missing = Fault::MissingColumn { name: "ta".into(), found: vec!["name".into(), "hi".into()] };
    assert_eq!(faults("tsv", b"name\thi\na\tb\n", &["hi", "ta"]), [(Some(1), None, missing)]);
    let twice = Fault::DuplicateColumn("hi".into());
    assert_eq!(faults("tsv", b"hi\thi\na\tb\n", &["hi"]), [(Some(1), None, twice)]);
    assert_eq!(faults("csv", b"name,hi\na,\"b\nc,d\n", &[]), [(Some(2), None, Fault::UnclosedQuote)]);
}

#[test]
fn a_table_without_a_header_has_the_columns_of_its_format() {
    let header = Header::Unless { marks: &["native", "roman"], names: &["native", "roman", "count"] };
    let table = read("tsv", b"a\tb\t1\n", header, &["roman"]).unwrap();
    assert_eq!((table.rows, table.lines[0]), (1, 1));
    let table = read("tsv", b"roman\tnative\nb\ta\n", header, &["roman"]).unwrap();
    assert_eq!(table.column("native"), ["a"]);
    let problems = read("tsv", b"a\tb\n", header, &[]).unwrap_err();
    assert_eq!(problems[0].fault, Fault::ColumnCount { found: 2, expected: 3 });
}

#[test]
fn json_lines_need_objects_with_texts() {
    let bytes = b"{\"native\": \"a\"}\n[1]\n{\"native\": 3}\n{\"nativ\": \"a\"}\n{\"native\": \"a\n";
    let found = faults("jsonl", bytes, &["native"]);
    let lines: Vec<_> = found.iter().map(|(line, ..)| line.unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 5]);
    assert!(matches!(found[0].2, Fault::NotJson(_)));
    assert_eq!(found[1].2, Fault::NotText { column: "native".into(), found: "a number".into() });
    assert_eq!(found[2].2, Fault::MissingKey("native".into()));
    assert!(matches!(&found[3].2, Fault::NotJson(message) if !message.contains("line 1")), "{:?}", found[3]);
}

/// Whatever the bytes, the answer is a table or an error, and never a panic; and a table has as many rows as
/// the lines say.
#[test]
fn random_bytes_never_panic() {
    use rand::{Rng, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(9);
    let alphabet =
        ["a", "\t", ",", "\n", "\r\n", "\"", "é", "{", "}", ":", "\"a\":\"b\"", "1", " ", "\u{feff}", "#"];
    for round in 0..600 {
        let mut bytes = Vec::new();
        for _ in 0..random.random_range(0..40) {
            bytes.extend_from_slice(alphabet[random.random_range(0..alphabet.len())].as_bytes());
            if random.random_ratio(1, 60) {
                bytes.push(random.random());
            }
        }
        let extension = ["tsv", "csv", "jsonl", "parquet"][round % 4];
        if let Ok(table) = read(extension, &bytes, Header::First, &[]) {
            assert!(table.rows > 0);
            assert!(table.columns.iter().all(|(_, texts)| texts.len() == table.rows));
        }
    }
}

/// Parquet is checked by its reader alone, so damage anywhere in a file must come back as an error.
#[test]
fn damaged_parquet_is_an_error() {
    use polars::prelude::{ParquetWriter, df};
    use rand::{Rng, SeedableRng};
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(10);
    let names: Vec<String> = (0..50).map(|index| format!("name {index}")).collect();
    let mut frame = df!("name" => names, "count" => (0_i64..50).collect::<Vec<_>>()).unwrap();
    let mut sound = Vec::new();
    ParquetWriter::new(&mut sound).finish(&mut frame).unwrap();
    let mut refused = 0;
    for _ in 0..300 {
        let mut bytes = sound.clone();
        for _ in 0..random.random_range(1..4) {
            let place = random.random_range(0..bytes.len());
            bytes[place] = random.random();
        }
        refused += usize::from(read("parquet", &bytes, Header::First, &["name"]).is_err());
    }
    assert!(refused > 0);
}
