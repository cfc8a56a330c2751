//! Tables of texts in every format, and what is said of broken ones.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::corpora::{ReadCorpus, Texts};
use alambic_data::{
    Content, DataError, Dataset, Extent, Fault, HoldOut, Label, Labels, LanguageFault, SplitOptions, Text,
};
use alambic_settings::{Node, read};

/// Reads the corpus that a table of a recipe in `folder` declares.
fn texts_of(folder: &Path, options: &str) -> Result<Dataset<Text>, DataError> {
    let texts: Texts = read(&Node::parse(folder.join("recipe.toml"), options).unwrap()).unwrap();
    match texts.read(Extent::Whole)? {
        Content::Texts(texts) => Ok(texts),
        _ => unreachable!("texts were asked for"),
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
fn classes_come_from_the_column_or_from_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "train.tsv", "sentence\tlabel\n a fine film \t1\nno wit\t0\nlong\t10\n");
    let read = texts_of(folder.path(), "paths = 'train.tsv'\ntext = 'sentence'\nlabel = 'label'").unwrap();
    assert_eq!(read.details.labels, Labels::Classes(vec!["0".into(), "1".into(), "10".into()]));
    assert_eq!(
        (read.splits.train[0].first.as_str(), &read.splits.train[0].label),
        ("a fine film", &Label::Class(1))
    );
    assert!(!read.details.pairs && read.splits.train.iter().all(|text| text.split.is_none()));

    write(
        folder.path(),
        "pairs.jsonl",
        "{\"a\": \"x\", \"b\": \"y\", \"label\": \"yes\"}\n{\"a\": \"p\", \"b\": \"q\", \"label\": \"no\"}\n",
    );
    let options = "paths = 'pairs.jsonl'\ntext = 'a'\nsecond = 'b'\nlabel = 'label'\nclasses = ['yes', 'no']";
    let read = texts_of(folder.path(), options).unwrap();
    assert_eq!(read.details.labels, Labels::Classes(vec!["yes".into(), "no".into()]));
    assert_eq!(
        (read.splits.train[1].second.as_deref(), &read.splits.train[1].label),
        (Some("q"), &Label::Class(1))
    );
    assert!(read.details.pairs);
}

#[test]
fn numbers_and_splits_are_read() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "sts.csv", "score,text,split\n4.75,\"A man, with a hat\",train\n0,A plane,dev\n");
    write(folder.path(), "more.tsv", "text\tscore\nlast\t1e0\n");
    let read =
        texts_of(folder.path(), "paths = 'sts.csv'\ntest-paths = 'more.tsv'\nnumber = 'score'").unwrap();
    assert_eq!(read.details.labels, Labels::Numbers);
    let rows: Vec<_> =
        read.splits.train.iter().map(|text| (text.first.as_str(), text.split.as_deref())).collect();
    assert_eq!(
        rows,
        [("A man, with a hat", Some("train")), ("A plane", Some("dev")), ("last", Some("test"))]
    );
    assert_eq!(read.splits.train[0].label, Label::Number(4.75));
}

#[test]
fn every_fault_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let said = |options: &str| texts_of(folder.path(), options).unwrap_err().to_string();
    write(folder.path(), "t.tsv", "text\tlabel\tscore\na\tyes\t1\nb\tmaybe\tmany\nc\tno\tinf\n");
    let all = said("paths = ['t.tsv', 'none.tsv']\nnumber = 'score'");
    assert!(
        all.contains("t.tsv:3: `score` holds `many`") && all.contains("t.tsv:4: `score` holds `inf`"),
        "{all}"
    );
    assert!(all.contains("none.tsv: cannot be read"), "{all}");
    let class = said("paths = 't.tsv'\nlabel = 'label'\nclasses = ['yes', 'no']");
    assert!(class.contains("t.tsv:3: the label `maybe` is not one of the classes `yes`, `no`"), "{class}");
    write(folder.path(), "blank.tsv", "text\tlabel\na\tyes\nb\t \n\t\n");
    let blank = said("paths = 'blank.tsv'\nlabel = 'label'");
    assert!(
        blank.contains("blank.tsv:3: the column of the label is empty") && !blank.contains(":4"),
        "{blank}"
    );
    assert!(said("paths = 't.tsv'\ntext = 'sentence'").contains("no column `sentence`"));
    assert!(said("paths = 't.tsv'\nsplit-column = 'part'").contains("no column `part`"));
}

/// The texts of a split with their languages.
fn languages(texts: &[Text]) -> Vec<(&str, Option<&str>)> {
    texts.iter().map(|text| (text.first.as_str(), text.language.as_deref())).collect()
}

#[test]
fn language_comes_from_the_recipe_from_a_column_or_with_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let table = "text\tlang\nhotel\ten\nbar\t zh-Hant \nhotel\tes\n\tnone\nhotel\ten\n";
    write(folder.path(), "all.tsv", table);
    write(folder.path(), "en.tsv", "text\na\n");
    write(folder.path(), "es-1.tsv", "text\nb\n");
    write(folder.path(), "es-2.tsv", "text\na\n");

    let read = texts_of(folder.path(), "paths = 'all.tsv'\nlanguage-column = 'lang'").unwrap();
    // The same text in another language is another text.
    let expected = [("hotel", Some("en")), ("bar", Some("zh-Hant")), ("hotel", Some("es"))];
    assert_eq!(languages(&read.splits.train), expected);
    assert_eq!(read.details.languages, ["en", "zh-Hant", "es"]);
    assert_eq!(read.statistics.dropped["rows without a text"], 1);
    assert_eq!(read.statistics.dropped["rows that repeat an earlier one"], 1);

    let read = texts_of(folder.path(), "paths = 'all.tsv'\nlanguage = 'es-419'").unwrap();
    assert!(read.splits.train.iter().all(|text| text.language.as_deref() == Some("es-419")));
    assert_eq!(read.details.languages, ["es-419"]);

    let options = "paths = { en = 'en.tsv', es = 'es-*.tsv' }\ntest-paths = { es = ['es-1.tsv'] }";
    let mut read = texts_of(folder.path(), options).unwrap();
    let train = [("a", Some("en")), ("b", Some("es")), ("a", Some("es")), ("b", Some("es"))];
    assert_eq!(languages(&read.splits.train), train);
    let options = SplitOptions { validation_fraction: Some(0.0), ..SplitOptions::default() };
    let options = options.with_split_files([false, true]);
    read.split(&options, &HoldOut::default()).unwrap();
    assert_eq!(languages(&read.splits.train), train[..3]);
    assert_eq!(read.report.removed["test: texts seen in training"], 1);

    let read = texts_of(folder.path(), "paths = 'all.tsv'").unwrap();
    assert!(read.details.languages.is_empty() && languages(&read.splits.train)[0].1.is_none());
}

#[test]
fn cells_that_hold_no_code_are_refused_at_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let table = "text,lang\na,en\nb,\nc,English\n,\nd,en_US\ne,\u{2007}\n";
    write(folder.path(), "all.csv", table);
    let error = texts_of(folder.path(), "paths = 'all.csv'\nlanguage-column = 'lang'").unwrap_err();
    let code = |found: &str, near: &str| {
        Fault::from(LanguageFault::NotCode { found: found.into(), near: Some(near.into()) })
    };
    let found: Vec<_> =
        error.problems.iter().map(|problem| (problem.place.line.unwrap(), problem.fault.clone())).collect();
    let empty = Fault::EmptyField("language");
    let expected = [(3, empty.clone()), (4, code("English", "en")), (6, code("en_US", "en-US")), (7, empty)];
    assert_eq!(found, expected);
    let error = texts_of(folder.path(), "paths = 'all.csv'\nlanguage-column = 'locale'").unwrap_err();
    assert!(
        matches!(&error.problems[0].fault, Fault::MissingColumn { name, .. } if name == "locale"),
        "{error}"
    );
}
