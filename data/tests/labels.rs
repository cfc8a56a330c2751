//! Labels and numbers of texts, which every format of tables writes in a way of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::{Content, DataError, Dataset, Extent, Fault, Label, Labels, Text};
use alambic_settings::{Node, read};
use polars::prelude::{DataFrame, ParquetWriter, df};

/// Reads `a.EXTENSION` of a folder as texts with these options.
fn texts_of(folder: &Path, extension: &str, options: &str) -> Result<Dataset<Text>, DataError> {
    let corpus = format!("[texts]\npaths = 'a.{extension}'\n{options}");
    let corpus: Corpus = read(&Node::parse(folder.join("recipe.toml"), &corpus).unwrap()).unwrap();
    match corpus.read(Extent::Whole)? {
        Content::Texts(texts) => Ok(texts),
        _ => unreachable!("texts were asked for"),
    }
}

fn parquet(folder: &Path, mut frame: DataFrame) {
    let file = std::fs::File::create(folder.join("a.parquet")).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
}

fn classes(dataset: &Dataset<Text>) -> &[String] {
    match &dataset.details.labels {
        Labels::Classes(classes) => classes,
        _ => unreachable!("there are classes"),
    }
}

/// A table of texts with these labels, as CSV, JSON lines and Parquet.
fn write(folder: &Path, labels: &[&str]) {
    let mut csv = "text,label\n".to_owned();
    let mut json = String::new();
    for (row, label) in labels.iter().enumerate() {
        writeln!(csv, "text {row},{label}").unwrap();
        writeln!(json, "{{\"text\": \"text {row}\", \"label\": \"{label}\"}}").unwrap();
    }
    std::fs::write(folder.join("a.csv"), csv).unwrap();
    std::fs::write(folder.join("a.jsonl"), json).unwrap();
    let texts: Vec<String> = (0..labels.len()).map(|row| format!("text {row}")).collect();
    parquet(folder, df!("text" => texts, "label" => labels).unwrap());
}

#[test]
fn one_odd_label_leaves_the_others_what_they_are_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &["0", "1.0", "1", "0.0", "unsure"]);
    for extension in ["csv", "jsonl", "parquet"] {
        let read = texts_of(folder.path(), extension, "label = 'label'").unwrap();
        assert_eq!(classes(&read), ["0", "1", "unsure"], "{extension}");
        assert_eq!(read.splits.train[1].label, read.splits.train[2].label, "{extension}");
    }
}

#[test]
fn missing_label_among_numbers_is_refused_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    for missing in ["nan", "NaN", "<NA>", "NA", "None", "inf"] {
        write(folder.path(), &["0", "1.0", "1", missing, missing]);
        for extension in ["csv", "jsonl", "parquet"] {
            let error = texts_of(folder.path(), extension, "label = 'label'").unwrap_err();
            let fault = &error.problems[0].fault;
            let is_named = match fault {
                Fault::MissingLabel { found, count } => found == missing && *count == 2,
                Fault::UnknownClass { found, classes } => {
                    missing == "inf" && found == "inf" && classes.len() == 2
                }
                _ => false,
            };
            assert!(is_named, "{extension} {missing}: {error}");
        }
    }
}

#[test]
fn a_gap_among_numbers_is_the_same_fault_in_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let texts = ["a", "b", "c"];
    std::fs::write(folder.path().join("a.csv"), "text,value\na,1.5\nb,\nc,2\n").unwrap();
    let lines = "{\"text\": \"a\", \"value\": 1.5}\n{\"text\": \"b\", \"value\": null}\n{\"text\": \"c\", \"value\": 2}\n";
    std::fs::write(folder.path().join("a.jsonl"), lines).unwrap();
    for values in [[Some(1.5), None, Some(2.0)], [Some(1.5), Some(f64::NAN), Some(2.0)]] {
        parquet(folder.path(), df!("text" => texts, "value" => values).unwrap());
        for extension in ["csv", "jsonl", "parquet"] {
            for (key, name) in [("number", "number"), ("label", "label")] {
                let error = texts_of(folder.path(), extension, &format!("{key} = 'value'")).unwrap_err();
                let faults: Vec<&Fault> = error.problems.iter().map(|problem| &problem.fault).collect();
                assert_eq!(faults, [&Fault::EmptyField(name)], "{extension}: {error}");
            }
        }
    }
    std::fs::write(folder.path().join("a.csv"), "text,value\na,1.5\nb,nan\n").unwrap();
    let error = texts_of(folder.path(), "csv", "number = 'value'").unwrap_err().to_string();
    assert!(error.contains("a.csv:3: `value` holds `nan`"), "{error}");
}

#[test]
fn labels_of_16_bits_are_the_numbers_that_they_are() {
    // What pyarrow writes, with its own description of the columns and without.
    for bytes in
        [&include_bytes!("fixtures/half.parquet")[..], include_bytes!("fixtures/half-without-arrow.parquet")]
    {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.parquet"), bytes).unwrap();
        let read = texts_of(folder.path(), "parquet", "label = 'value'").unwrap();
        assert_eq!(classes(&read), ["0", "0.1", "1"]);
        let read = texts_of(folder.path(), "parquet", "number = 'value'").unwrap();
        assert_eq!(read.splits.train[2].label, Label::Number(0.1));
    }
}
