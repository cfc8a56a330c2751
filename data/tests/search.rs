//! Queries, passages, judgements and scores in the layouts in which BEIR, MTEB and TREC publish them, and in tables to train on.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_data::corpora::{Beir, ReadCorpus, Retrieval, SearchTable};
use alambic_data::table::Quoting;
use alambic_data::{
    Content, DataError, Dataset, Extent, Fault, HoldOut, ListedPassage, Passage, SearchQuery, SplitOptions,
    remove_test_overlap,
};
use alambic_settings::{Location, OneOrMany};

fn of(corpus: &impl ReadCorpus) -> Result<Dataset<SearchQuery>, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Search(dataset) => Ok(dataset),
        other => panic!("{other:?}"),
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

const CORPUS: &str = "{\"_id\": \"d1\", \"title\": \"Bells\", \"text\": \"They ring.\", \"metadata\": {}}\n\
                      {\"_id\": \"d2\", \"title\": \"\", \"text\": \"Honey is sweet.\"}\n\
                      {\"_id\": 3, \"title\": \"Lamps\", \"text\": \"They shine.\"}\n";
const QUERIES: &str = "{\"_id\": \"q1\", \"text\": \"what rings\"}\n{\"_id\": \"q2\", \"text\": \"what is sweet\"}\n\
                       {\"_id\": \"q3\", \"text\": \"what shines\"}\n{\"_id\": \"q4\", \"text\": \"never judged\"}\n";

/// A folder as BEIR has it.
fn beir(folder: &Path) -> Beir {
    write(folder, "corpus.jsonl", CORPUS);
    write(folder, "queries.jsonl", QUERIES);
    let head = "query-id\tcorpus-id\tscore\n";
    write(folder, "qrels/train.tsv", &format!("{head}q1\td1\t1\nq1\td2\t0\n"));
    write(folder, "qrels/dev.tsv", &format!("{head}q2\td2\t1\n"));
    write(folder, "qrels/test.tsv", &format!("{head}q3\t3\t2\nq3\td1\t1\n"));
    Beir { folder: Location::File(folder.to_owned()), unjudged: false, language: Some("en".into()) }
}

fn listed(passage: usize, relevance: Option<f32>, score: Option<f32>) -> ListedPassage {
    ListedPassage { passage, relevance, score }
}

#[test]
fn folder_of_beir_is_read_with_its_splits() {
    let folder = tempfile::tempdir().unwrap();
    let corpus = beir(folder.path());
    assert_eq!(corpus.has_split_files(), [true, true]);
    let mut dataset = of(&corpus).unwrap();
    let texts: Vec<_> = dataset.details.passages.iter().map(Passage::full_text).collect();
    assert_eq!(texts, ["Bells They ring.", "Honey is sweet.", "Lamps They shine."]);
    assert_eq!((dataset.details.languages.len(), dataset.statistics.kept), (1, 3));
    assert_eq!(dataset.statistics.dropped["queries without a judgement"], 1);
    let options = SplitOptions { validation_fraction: Some(0.0), ..SplitOptions::default() }
        .with_split_files([true, true]);
    dataset.split(&options, &HoldOut::default()).unwrap();
    let [train, validation, test] = [&dataset.splits.train, &dataset.splits.validation, &dataset.splits.test];
    assert_eq!((train.len(), validation.len(), test.len()), (1, 1, 1));
    assert_eq!(train[0].passages, [listed(0, Some(1.0), None), listed(1, Some(0.0), None)]);
    assert_eq!(test[0].passages, [listed(2, Some(2.0), None), listed(0, Some(1.0), None)]);
    assert!(test[0].has_positive() && test[0].text == "what shines");
    let mut all = of(&Beir { unjudged: true, ..corpus }).unwrap();
    assert!(all.statistics.kept == 4 && !all.statistics.dropped.contains_key("queries without a judgement"));
    all.split(&options, &HoldOut::default()).unwrap();
    let [train, validation, test] = [&all.splits.train, &all.splits.validation, &all.splits.test];
    assert_eq!((train.len(), validation.len(), test.len()), (2, 1, 1));
    assert!(train[1].passages.is_empty() && !train[1].has_positive());
}

#[test]
fn dataset_of_mteb_is_read_out_of_parquet() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/search/mteb");
    let corpus = Beir { folder: Location::File(folder), unjudged: false, language: None };
    assert_eq!(corpus.has_split_files(), [false, true]);
    let dataset = of(&corpus).unwrap();
    let [first, second] = dataset.splits.train.as_slice() else { panic!("{dataset:?}") };
    assert_eq!((first.id.as_str(), first.split.as_deref()), ("q1", Some("test")));
    assert_eq!(first.passages, [listed(0, Some(2.0), None), listed(2, Some(0.0), None)]);
    assert_eq!(second.passages, [listed(1, Some(1.0), None)]);
}

fn one(path: PathBuf) -> OneOrMany<Location> {
    OneOrMany(vec![Location::File(path)])
}

fn none() -> OneOrMany<Location> {
    OneOrMany(Vec::new())
}

/// The same in tables of their own, with these judgements.
fn retrieval(folder: &Path, qrels: PathBuf) -> Retrieval {
    Retrieval {
        unjudged: false,
        passages: one(write(folder, "passages.jsonl", CORPUS)),
        queries: one(write(folder, "queries.jsonl", QUERIES)),
        qrels: one(qrels),
        validation_qrels: none(),
        test_qrels: none(),
        scores: none(),
        language: None,
    }
}

#[test]
fn judgements_of_trec_and_scores_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let qrels = write(folder.path(), "judged.qrels", "q1 0 d1 1\nq1  0 3 0\n\nq2\t0\td2\t3\n");
    let scores = write(folder.path(), "scores.csv", "qid,pid,score\nq1,d1,9.5\nq1,d2,-3\n");
    let corpus = Retrieval { scores: one(scores), ..retrieval(folder.path(), qrels) };
    let dataset = of(&corpus).unwrap();
    let [first, second] = dataset.splits.train.as_slice() else { panic!("{dataset:?}") };
    let expected = [listed(0, Some(1.0), Some(9.5)), listed(2, Some(0.0), None), listed(1, None, Some(-3.0))];
    assert_eq!(first.passages, expected);
    assert_eq!(second.passages, [listed(1, Some(3.0), None)]);
}

/// Files of a table to train on.
fn table(paths: OneOrMany<Location>) -> SearchTable {
    SearchTable {
        paths,
        validation_paths: none(),
        test_paths: none(),
        header: true,
        quoting: Quoting::AsWritten,
        query: "query".into(),
        positive: "positive".into(),
        negative: "negative".into(),
        passages: "passages".into(),
        labels: None,
        scores: None,
        split_column: None,
        language: None,
    }
}

#[test]
fn triples_of_one_query_are_put_together() {
    let folder = tempfile::tempdir().unwrap();
    let text = "query\tpositive\tnegative\tnegative_1\tscores\tsplit\n\
                what rings\tbells\tlamps\thoney\t9 1 0.5\ttrain\n\
                what rings\tbells\tboats\t\t8 2\ttrain\n\
                what is sweet\t[\"honey\", \"sugar\"]\tlamps\tbells\t[5, 4, 0, 0]\tdev\n";
    let dataset = of(&table(one(write(folder.path(), "triples.tsv", text)))).unwrap();
    let [first, second] = dataset.splits.train.as_slice() else { panic!("{dataset:?}") };
    assert_eq!(first.passages.len(), 4);
    assert_eq!(first.passages[0], listed(0, Some(1.0), Some(9.0)), "the first score of a passage stays");
    assert_eq!(first.passages[3], listed(3, Some(0.0), Some(2.0)));
    assert_eq!(second.split.as_deref(), Some("dev"));
    assert_eq!(second.passages.iter().filter(|listed| listed.is_relevant()).count(), 2);
    let ids: Vec<&str> = dataset.details.passages.iter().map(|passage| passage.id.as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5"]);
}

#[test]
fn lists_are_read_out_of_json_lines_and_parquet() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"query\": \"what rings\", \"passages\": [\"bells\", \"lamps\"], \"labels\": [1, 0], \"scores\": [8.5, -2.25]}\n\
                {\"query\": \"what is sweet\", \"passages\": [\"honey\"], \"labels\": [1], \"scores\": [7]}\n";
    let json = of(&table(one(write(folder.path(), "lists.jsonl", text)))).unwrap();
    let parquet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/search/lists.parquet");
    let parquet = of(&table(one(parquet))).unwrap();
    assert_eq!(json.splits, parquet.splits);
    assert_eq!(json.details, parquet.details);
    assert_eq!(json.splits.train[0].passages[1], listed(1, Some(0.0), Some(-2.25)));
}

#[test]
fn queries_of_another_test_split_are_not_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut evaluated = of(&beir(folder.path())).unwrap();
    let options = SplitOptions { validation_fraction: Some(0.0), ..SplitOptions::default() };
    evaluated.split(&options.with_split_files([true, true]), &HoldOut::default()).unwrap();
    let text = "query\tpositive\tnegative\nwhat shines\tlamps\tbells\nwhat floats\tboats\tbells\n";
    let mut trained = of(&table(one(write(folder.path(), "triples.tsv", text)))).unwrap();
    trained.split(&options, &HoldOut::default()).unwrap();
    let mut corpora =
        [("evaluated".to_owned(), evaluated.into()), ("trained".to_owned(), trained.into())].into();
    remove_test_overlap(&mut corpora);
    let Content::Search(dataset) = &corpora["trained"] else { panic!("queries are search") };
    assert_eq!(dataset.splits.train.len(), 1);
    assert_eq!(dataset.splits.train[0].text, "what floats");
    assert_eq!(dataset.report.removed["train: queries kept for the test of another corpus"], 1);
}

/// The faults of a corpus, each with its line.
fn faults(corpus: &impl ReadCorpus) -> Vec<(Option<usize>, Fault)> {
    let problems = of(corpus).unwrap_err().problems;
    problems.into_iter().map(|problem| (problem.place.line, problem.fault)).collect()
}

#[test]
fn every_fault_of_judgements_has_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let head = "query-id\tcorpus-id\tscore\n";
    let judged = |name: &str, rows: &str| retrieval(path, write(path, name, &format!("{head}{rows}")));
    let found = faults(&judged("one.tsv", "q1\td1\t1\nq1\td9\t1\nq9\td1\t1\nq2\td2\t0\nq1\td1\t0\n"));
    let two = Fault::TwoJudgements { query: "q1".into(), passage: "d1".into() };
    assert_eq!(
        found,
        [
            (Some(3), Fault::UnknownPassage("d9".into())),
            (Some(4), Fault::UnknownQuery("q9".into())),
            (Some(5), Fault::NoPositive("q2".into())),
            (Some(6), two),
        ]
    );
    let found = faults(&judged("two.tsv", "q1\td1\tmuch\nq2\t\t1\nq3\td1\tinf\n"));
    let not_number = |text: &str| Fault::NotNumber { column: "score".into(), found: text.into() };
    assert_eq!(
        found,
        [
            (Some(2), not_number("much")),
            (Some(3), Fault::EmptyField("corpus-id")),
            (Some(4), not_number("inf"))
        ]
    );
    let found = faults(&retrieval(path, write(path, "three.txt", "q1 0 d1 1\nq2 0 d2\nq3 0 3 x\n")));
    assert_eq!(found[0], (Some(2), Fault::ColumnCount { found: 3, expected: 4 }));
    assert_eq!(found[1], (Some(3), Fault::NotNumber { column: "4".into(), found: "x".into() }));
}

#[test]
fn ids_that_are_given_twice_and_empty_corpora_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let qrels = || write(path, "qrels.tsv", "query-id\tcorpus-id\tscore\nq1\td1\t1\n");
    let twice = format!(
        "{CORPUS}{{\"_id\": \"d2\", \"text\": \"Again.\"}}\n{{\"_id\": \"\", \"text\": \"Nobody.\"}}\n"
    );
    let corpus = Retrieval {
        unjudged: false,
        passages: one(write(path, "twice.jsonl", &twice)),
        queries: one(write(
            path,
            "twice-queries.jsonl",
            &format!("{QUERIES}{{\"_id\": \"q1\", \"text\": \"again\"}}\n"),
        )),
        ..retrieval(path, qrels())
    };
    let found = faults(&corpus);
    assert!(found.contains(&(Some(4), Fault::DuplicateId("d2".into()))), "{found:?}");
    assert!(found.contains(&(Some(5), Fault::DuplicateId("q1".into()))), "{found:?}");
    assert!(found.contains(&(Some(5), Fault::EmptyField("_id"))), "{found:?}");
    let corpus = Retrieval { passages: one(write(path, "empty.jsonl", "")), ..retrieval(path, qrels()) };
    assert_eq!(faults(&corpus), [(None, Fault::Empty)]);
    let blank = "{\"_id\": \"d1\", \"text\": \" \"}\n";
    let corpus = Retrieval { passages: one(write(path, "blank.jsonl", blank)), ..retrieval(path, qrels()) };
    assert!(matches!(faults(&corpus)[..], [(None, Fault::NoUsableRows { .. })]));
    let corpus = Beir { folder: Location::File(path.join("none")), unjudged: false, language: None };
    assert_eq!(faults(&corpus), [(None, Fault::NotFolder)]);
    write(path, "bare/corpus.jsonl", CORPUS);
    write(path, "bare/queries.jsonl", QUERIES);
    let corpus = Beir { folder: Location::File(path.join("bare")), unjudged: false, language: None };
    assert_eq!(faults(&corpus), [(None, Fault::NoJudgements)]);
}

#[test]
fn rows_with_other_numbers_of_scores_or_without_passages_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = "query\tpositive\tnegative\tscores\n\
                a\tone\ttwo\t1\n\
                b\tone\ttwo\t1 x\n\
                c\t\ttwo\t1 2\n\
                \tone\ttwo\t1 2\n\
                d\tone\ttwo\t\n";
    let found = faults(&table(one(write(folder.path(), "triples.tsv", text))));
    let count = |found, expected| Fault::NumberCount { column: "scores".into(), found, expected };
    assert_eq!(
        found,
        [
            (Some(2), count(1, 2)),
            (Some(3), Fault::NotNumber { column: "scores".into(), found: "x".into() }),
            (Some(4), Fault::EmptyField("positive")),
            (Some(5), Fault::EmptyField("query")),
        ]
    );
    let text = "{\"query\": \"a\", \"passages\": \"one\", \"labels\": [1]}\n{\"query\": \"b\", \"passages\": [\"one\", \"two\"], \"labels\": [1]}\n\
                {\"query\": \"c\", \"passages\": [\"one\"], \"labels\": [0]}\n";
    let found = faults(&table(one(write(folder.path(), "lists.jsonl", text))));
    let labels = Fault::NumberCount { column: "labels".into(), found: 1, expected: 2 };
    assert_eq!(found[0], (Some(1), Fault::NotTexts { column: "passages".into(), found: "one".into() }));
    assert_eq!(found[1], (Some(2), labels));
    let text = "{\"query\": \"c\", \"passages\": [\"one\"], \"labels\": [0]}\n";
    let found = faults(&table(one(write(folder.path(), "negative.jsonl", text))));
    assert_eq!(found, [(Some(1), Fault::NoPositive("c".into()))]);
}
