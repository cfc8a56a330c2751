//! Sentences beside their translations, in the formats in which they are published.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::io::Write;
use std::path::Path;

use alambic_data::corpora::{Moses, ParallelTable, ReadCorpus, Tmx};
use alambic_data::parallel::{BitextFilters, Translation, with_references};
use alambic_data::table::Quoting;
use alambic_data::{Content, DataError, Dataset, Extent, HoldOut, SplitOptions};
use alambic_settings::{IndexMap, Location, OneOrMany};

fn filters() -> BitextFilters {
    BitextFilters {
        min_characters: 1,
        max_characters: 1000,
        min_words: 1,
        ratio: 9.0,
        script: true,
        copies: true,
        repeats: true,
        without_blanks: Vec::new(),
    }
}

fn read(corpus: &impl ReadCorpus) -> Result<Dataset<Translation>, DataError> {
    match corpus.read(Extent::Whole)? {
        Content::Parallel(sentences) => Ok(sentences),
        _ => unreachable!("sentences were asked for"),
    }
}

fn file(folder: &Path, name: &str, text: &str) -> OneOrMany<Location> {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    OneOrMany(vec![Location::File(path)])
}

fn table(paths: OneOrMany<Location>, columns: &[(&str, &[&str])]) -> ParallelTable {
    let names = |names: &[&str]| OneOrMany(names.iter().map(|name| (*name).to_owned()).collect());
    ParallelTable {
        paths,
        validation_paths: OneOrMany(Vec::new()),
        test_paths: OneOrMany(Vec::new()),
        columns: columns.iter().map(|(language, own)| ((*language).to_owned(), names(own))).collect(),
        header: false,
        quoting: Quoting::AsWritten,
        split_column: None,
        filters: filters(),
    }
}

/// The texts of a language, in order.
fn texts<'c>(corpus: &'c Dataset<Translation>, language: &str) -> Vec<&'c str> {
    corpus.splits.train.iter().filter_map(|sentence| Some(sentence.texts.get(language)?.as_str())).collect()
}

#[test]
fn tables_have_a_column_for_each_language() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Help!\tबचाओ!\ttrain\nOpen  it\tखोलें\ttest\nGNOME\tGNOME\ttrain\nClose\t\ttrain\n\
                Open  it\tखोलें\ttest\n404\t404.\ttrain\nOne\tएक दो तीन चार पाँच छह सात आठ नौ दस\ttrain\n";
    let mut corpus = table(file(folder.path(), "en-hi.tsv", text), &[("en", &["1"]), ("hi", &["2"])]);
    corpus.split_column = Some("3".into());
    let found = read(&corpus).unwrap();
    assert_eq!(texts(&found, "en"), ["Help!", "Open it", "404"]);
    assert_eq!(found.splits.train[1].split.as_deref(), Some("test"));
    let dropped = &found.statistics.dropped;
    for reason in ["hi: nothing", "hi: no letter of its script", "rows that repeat an earlier one"] {
        assert_eq!(dropped[reason], 1, "{dropped:?}");
    }
    assert_eq!(dropped["rows of lengths that differ by more than 9 times"], 1, "{dropped:?}");
    assert_eq!((found.statistics.rows, found.statistics.kept, found.statistics.forms["hi"]), (7, 3, 3));

    // Compressed, with a header, it is the same.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    write!(gzip, "en\thi\tpart\n{text}").unwrap();
    let path = folder.path().join("en-hi.tsv.gz");
    std::fs::write(&path, gzip.finish().unwrap()).unwrap();
    let packed = ParallelTable {
        header: true,
        quoting: Quoting::AsWritten,
        split_column: Some("part".into()),
        ..table(OneOrMany(vec![Location::File(path)]), &[("en", &["en"]), ("hi", &["hi"])])
    };
    assert_eq!(read(&packed).unwrap().splits.train, found.splits.train);
}

#[test]
fn several_references_are_as_many_translations() {
    let folder = tempfile::tempdir().unwrap();
    let paths = file(folder.path(), "hi-en.tsv", "विषय\tSubject\tTopic\tSubject\nएक\tOne\tone\t\n");
    let corpus = table(paths, &[("en", &["2", "3", "4"]), ("hi", &["1"])]);
    let found = read(&corpus).unwrap();
    assert_eq!(texts(&found, "en"), ["Subject", "Topic", "One", "one"]);
    assert_eq!(texts(&found, "hi"), ["विषय", "विषय", "एक", "एक"]);
    // Each text once, with all of its translations.
    let references = with_references(&found.splits.train, "hi", "en");
    let expected = [("विषय", vec!["Subject", "Topic"]), ("एक", vec!["One", "one"])];
    assert_eq!(references.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(with_references(&found.splits.train, "en", "hi").len(), 4);
    assert!(with_references(&found.splits.train, "en", "ta").is_empty());
}

#[test]
fn blanks_that_do_not_belong_there_are_taken_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut corpus = table(
        file(folder.path(), "t.tsv", "he lived .\t彼 は つら い 。\n"),
        &[("en", &["1"]), ("ja", &["2"])],
    );
    corpus.filters.without_blanks = vec!["ja".into()];
    assert_eq!(texts(&read(&corpus).unwrap(), "ja"), ["彼はつらい。"]);
    corpus.filters.min_words = 4;
    assert!(read(&corpus).unwrap_err().to_string().contains("fewer than 4 words"));
}

#[test]
fn crossed_columns_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = "बचाओ!\tHelp!\nखोलें\tOpen\n";
    let mut crossed = table(file(folder.path(), "x.tsv", text), &[("en", &["1"]), ("hi", &["2"])]);
    let error = read(&crossed).unwrap_err().to_string();
    assert!(error.contains("2 of 2 texts of `en` have no letter of its script"), "{error}");
    crossed.filters.script = false;
    assert_eq!(read(&crossed).unwrap().splits.train.len(), 2);
    let single = table(file(folder.path(), "x.tsv", text), &[("hi", &["1"])]);
    assert!(read(&single).is_err());
}

fn moses(paths: &[(&str, OneOrMany<Location>)]) -> Moses {
    Moses {
        paths: paths.iter().map(|(language, own)| ((*language).to_owned(), own.clone())).collect(),
        validation_paths: IndexMap::new(),
        test_paths: IndexMap::new(),
        filters: filters(),
    }
}

#[test]
fn moses_has_a_file_for_each_language() {
    let folder = tempfile::tempdir().unwrap();
    let en = file(folder.path(), "c.en", "one\r\ntwo\n\nfour\n");
    let pl = file(folder.path(), "c.pl", "jeden\ndwa\ntrzy\ncztery");
    let found = read(&moses(&[("en", en.clone()), ("pl", pl)])).unwrap();
    assert_eq!(texts(&found, "pl"), ["jeden", "dwa", "cztery"]);
    assert_eq!(found.statistics.dropped["en: nothing"], 1);

    let short = file(folder.path(), "d.pl", "jeden\ndwa\n");
    let error = read(&moses(&[("en", en.clone()), ("pl", short)])).unwrap_err().to_string();
    assert!(error.contains("2 lines where") && error.contains("c.en has 4"), "{error}");
    let none = OneOrMany(Vec::new());
    let error = read(&moses(&[("en", en), ("pl", none)])).unwrap_err().to_string();
    assert!(error.contains("0 files of `pl`"), "{error}");
}

#[test]
fn memories_have_units_with_a_variant_for_each_language() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<tmx version="1.4"><header srclang="en"/><body>
<tu><prop type="x">note</prop><tuv xml:lang="en-US"><seg>Salt &amp; pepper<bpt i="1">&lt;b&gt;</bpt></seg></tuv>
<tuv xml:lang="DE"><seg>Salz &#38; Pfeffer</seg></tuv><tuv xml:lang="fr"><seg>Sel</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>alone</seg></tuv></tu>
<tu><tuv lang="de"><seg><hi>Gut</hi>en Tag</seg></tuv><tuv lang="en"><seg>Good day</seg></tuv></tu>
</body></tmx>"#;
    let corpus = |text: &str| Tmx {
        paths: file(folder.path(), "m.tmx", text),
        languages: vec!["en".into(), "de".into()],
        filters: filters(),
    };
    let found = read(&corpus(text)).unwrap();
    assert_eq!(texts(&found, "en"), ["Salt & pepper", "Good day"]);
    assert_eq!(texts(&found, "de"), ["Salz & Pfeffer", "Guten Tag"]);
    assert_eq!(found.statistics.dropped["rows without a pair of texts"], 1);
    let broken = text.replace("</seg></tuv></tu>\n</body>", "</seg></tu>\n</body>");
    let error = read(&corpus(&broken)).unwrap_err().to_string();
    assert!(error.contains("m.tmx:6"), "{error}");
}

#[test]
fn splits_share_no_text_in_any_language() {
    let folder = tempfile::tempdir().unwrap();
    let text = "Open\tOtwórz\ttrain\nOpen!\tOtwórz to\ttest\nUnfold\totwórz\ttest\nShut\tZamknij\ttest\nLock\tZablokuj\ttrain\n";
    let mut corpus = table(file(folder.path(), "p.tsv", text), &[("en", &["1"]), ("pl", &["2"])]);
    corpus.split_column = Some("3".into());
    let mut found = read(&corpus).unwrap();
    let options = SplitOptions {
        test_values: vec!["test".into()],
        validation_fraction: Some(0.0),
        ..SplitOptions::default()
    };
    let other = SplitOptions { test_values: vec!["dev".into()], ..options.clone() };
    assert!(found.split(&other, &HoldOut::default()).is_err());
    found.split(&options, &HoldOut::default()).unwrap();
    assert_eq!((found.splits.train.len(), found.splits.test.len()), (2, 1));
    assert_eq!(found.splits.test[0].texts["en"], "Shut");
    assert_eq!(found.report.removed["test: sentences of which a text is seen in training"], 2);
}
