//! Tables and texts as spreadsheets, pandas, translators' tools and the hub write them.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::io::Write;
use std::path::Path;

use alambic_data::corpora::{Corpus, ReadCorpus};
use alambic_data::parallel::Translation;
use alambic_data::{
    Content, DataError, Dataset, Extent, Fault, HoldOut, Label, Labels, Split, SplitOptions, Text,
};
use alambic_settings::{Node, read};

/// Reads the corpus that a table of a recipe in `folder` declares.
fn content(folder: &Path, corpus: &str) -> Result<Content, DataError> {
    let corpus: Corpus = read(&Node::parse(folder.join("recipe.toml"), corpus).unwrap()).unwrap();
    corpus.read(Extent::Whole)
}

fn texts_of(folder: &Path, corpus: &str) -> Result<Dataset<Text>, DataError> {
    match content(folder, corpus)? {
        Content::Texts(texts) => Ok(texts),
        _ => unreachable!("texts were asked for"),
    }
}

fn sentences(folder: &Path, corpus: &str) -> Result<Dataset<Translation>, DataError> {
    match content(folder, corpus)? {
        Content::Parallel(sentences) => Ok(sentences),
        _ => unreachable!("sentences were asked for"),
    }
}

/// Reads one file of texts with labels; what it says is each text with the name of its class.
fn labelled(name: &str, bytes: &[u8], options: &str) -> Result<Vec<(String, String)>, DataError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), bytes).unwrap();
    let read = texts_of(folder.path(), &format!("[texts]\npaths = '{name}'\nlabel = 'label'\n{options}"))?;
    let Labels::Classes(classes) = &read.details.labels else { unreachable!("there are labels") };
    let label = |label: &Label| match label {
        Label::Class(index) => classes[*index as usize].clone(),
        _ => unreachable!("each has a class"),
    };
    Ok(read.splits.train.iter().map(|text| (text.first.clone(), label(&text.label))).collect())
}

fn rows(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|&(text, label)| (text.to_owned(), label.to_owned())).collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn csv_is_read_as_pandas_reads_it() {
    for (text, expected) in [
        (
            "text,label\na 6\" \"screen\",yes\n\"O\"\"B\",no\n",
            &[("a 6\" \"screen\"", "yes"), ("O\"B", "no")][..],
        ),
        ("text,label\n\"a\"b,yes\n\"c, d\",no\n", &[("ab", "yes"), ("c, d", "no")]),
        ("text,label\ra,yes\rb,no\r", &[("a", "yes"), ("b", "no")]),
        ("\u{feff}\"text\";label\na, b;yes\n\"c;\";no\n", &[("a, b", "yes"), ("c;", "no")]),
        ("text|label\na, b|yes\nc|no\n", &[("a, b", "yes"), ("c", "no")]),
        ("sep=;\r\ntext;label\r\na;yes\r\nb;no\r\n", &[("a", "yes"), ("b", "no")]),
        (",\ntext,label\na,yes\n,\n  , \nb,no\n,,\n", &[("a", "yes"), ("b", "no")]),
        ("id,text,label,id,,\n1,a,yes,2,,\n1,b,no,2,,\n", &[("a", "yes"), ("b", "no")]),
        ("text,label\n\"one\r\ntwo\",yes\nb,no\n", &[("one\ntwo", "yes"), ("b", "no")]),
    ] {
        assert_eq!(labelled("a.csv", text.as_bytes(), "").unwrap(), rows(expected), "{text:?}");
    }
    let problem = labelled("a.csv", b"text,label\na,\"yes\nb,no\n", "").unwrap_err().problems.remove(0);
    assert_eq!((problem.place.line, problem.fault), (Some(2), Fault::UnclosedQuote));
}

#[test]
fn quotes_in_tsv_are_marks_only_where_all_are_set_so() {
    let written = "text\tlabel\ngood\tyes\n\"\"\"bad\"\" song\"\tno\n\"a\ttab\"\tyes\n\"two\nlines\"\tno\n";
    let expected = [("good", "yes"), ("\"bad\" song", "no"), ("a\ttab", "yes"), ("two\nlines", "no")];
    assert_eq!(labelled("a.tsv", written.as_bytes(), "").unwrap(), rows(&expected));
    // One stray quote, or quotes that would swallow a row, and all are characters.
    for text in [
        "text\tlabel\n\"good\" song\tyes\n\"bad\"\tno\n",
        "text\tlabel\n\"good song\tyes\nbad\tno\n",
        "text\tlabel\n\"good\tyes\nbad\"\tno\n",
    ] {
        let read = labelled("a.tsv", text.as_bytes(), "").unwrap();
        let plain: Vec<&str> = text.lines().skip(1).map(|line| line.split('\t').next().unwrap()).collect();
        assert_eq!(read.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(), plain);
    }
    let marked = "text\tlabel\n\"good\"\tyes\n\"bad\"\tno\n";
    let plain = labelled("a.tsv", marked.as_bytes(), "quoting = 'none'").unwrap();
    assert_eq!(plain, rows(&[("\"good\"", "yes"), ("\"bad\"", "no")]));
    assert_eq!(labelled("a.tsv", marked.as_bytes(), "").unwrap(), rows(&[("good", "yes"), ("bad", "no")]));

    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tsv"), "text\n\"one\ntwo\"\n").unwrap();
    let error = texts_of(folder.path(), "[texts]\npaths = 'a.tsv'").unwrap_err();
    assert_eq!(error.problems[0].fault, Fault::AmbiguousQuotes);
}

#[test]
fn text_in_utf_16_is_decoded() {
    let text = "text\tlabel\r\nअच्छा 🎬\tyes\r\nbad\tno\r\n";
    let expected = rows(&[("अच्छा 🎬", "yes"), ("bad", "no")]);
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let marked = utf16(&format!("\u{feff}{text}"), unit);
        assert_eq!(labelled("a.tsv", &marked, "").unwrap(), expected);
        assert_eq!(labelled("a.tsv", &utf16(text, unit), "").unwrap(), expected, "without a mark");
        let half = labelled("a.tsv", &marked[..marked.len() - 1], "").unwrap_err();
        assert!(matches!(half.problems[0].fault, Fault::NotUtf16(_)));
    }
    let latin = labelled("a.csv", b"text,label\ncaf\xe9,yes\nb,no\n", "").unwrap_err().to_string();
    assert!(latin.contains("a.csv:2:4: not UTF-8: byte 0xe9, which is `é` in Windows-1252"), "{latin}");
}

#[test]
fn what_is_no_table_is_named() {
    for (bytes, named) in [
        (&b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"[..], "git lfs pull"),
        (b"<!DOCTYPE html>\n<html><body>Log in</body></html>", "HTML"),
        (b"\x28\xb5\x2f\xfd....", "zstd"),
        (b"PK\x03\x04....", "ZIP"),
        (b"PAR1....", "Parquet"),
        (b"ARROW1..", "Arrow"),
        (b"\xff\xfe\0\0t\0\0\0", "UTF-32"),
    ] {
        for name in ["a.csv", "a.tsv", "a.jsonl"] {
            let error = labelled(name, bytes, "").unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(named), "{error}");
        }
    }
    let error = labelled("a.parquet", b"<html>", "").unwrap_err().to_string();
    assert!(error.contains("HTML"), "{error}");
}

#[test]
fn gzip_is_recognised_by_its_bytes_and_has_a_limit() {
    let packed = |write: &dyn Fn(&mut flate2::write::GzEncoder<Vec<u8>>)| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        write(&mut encoder);
        encoder.finish().unwrap()
    };
    let table = packed(&|encoder| encoder.write_all(b"text,label\na,yes\nb,no\n").unwrap());
    for name in ["a.csv.gz", "a.csv"] {
        assert_eq!(labelled(name, &table, "").unwrap(), rows(&[("a", "yes"), ("b", "no")]));
    }
    assert_eq!(labelled("a.csv.gz", b"text,label\na,yes\nb,no\n", "").unwrap().len(), 2);
    let cut = labelled("a.csv.gz", &table[..table.len() - 12], "").unwrap_err().to_string();
    assert!(cut.contains("a.csv.gz: cannot be read: what gzip made is damaged"), "{cut}");
    let bomb = packed(&|encoder| {
        let zeros = vec![b' '; 1 << 20];
        (0..260).for_each(|_| encoder.write_all(&zeros).unwrap());
    });
    let error = labelled("a.csv.gz", &bomb, "").unwrap_err();
    assert!(matches!(error.problems[0].fault, Fault::TooLarge { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn pipes_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("a.tsv")).status().unwrap();
    assert!(made.success());
    std::fs::create_dir(folder.path().join("b.tsv")).unwrap();
    for (name, what) in [("a.tsv", "a pipe or a device"), ("b.tsv", "a folder")] {
        let error = texts_of(folder.path(), &format!("[texts]\npaths = '{name}'")).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(what), "{error}");
    }
}

#[test]
fn messages_are_short_whatever_the_file_holds() {
    let line = "x".repeat(300_000);
    for name in ["a.csv", "a.tsv", "a.jsonl", "a.json"] {
        let error = labelled(name, line.as_bytes(), "").unwrap_err().to_string();
        assert!(error.contains(name) && error.len() < 2_000, "{}", error.len());
    }
    let many: String =
        (0..5_000).fold("text\tlabel\tn\n".to_owned(), |all, _| all + &"y\t".repeat(40) + "\n");
    let error = labelled("a.tsv", many.as_bytes(), "").unwrap_err().to_string();
    assert!(error.contains("and 4980 more like these") && error.len() < 10_000, "{}", error.len());
    let label = format!("text\tlabel\na\t{line}\n");
    let error = labelled("a.tsv", label.as_bytes(), "classes = ['yes']").unwrap_err().to_string();
    assert!(error.contains("(300000 bytes)") && error.len() < 2_000, "{error}");
}

#[test]
fn tables_without_a_header_have_their_columns_by_number() {
    let read = labelled("a.tsv", b"x\tyes\t\tgood\nx\tno\t*\tbad\n", "").unwrap_err();
    assert!(matches!(read.problems[0].fault, Fault::MissingColumn { .. }));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "x,yes,good\nx,no,\"bad, day\"\n").unwrap();
    let read =
        texts_of(folder.path(), "[texts]\npaths = 'a.csv'\nheader = false\ntext = '3'\nlabel = '2'").unwrap();
    let texts: Vec<&str> = read.splits.train.iter().map(|text| text.first.as_str()).collect();
    assert_eq!(texts, ["good", "bad, day"]);
    std::fs::write(folder.path().join("names.tsv"), "goa\tगोवा\npune\tपुणे\n").unwrap();
    let names = "[names-table]\npath = 'names.tsv'\nheader = false\ncolumns = { en = '1', hi = '2' }";
    let Content::Words(names) = content(folder.path(), names).unwrap() else {
        unreachable!("names were asked for")
    };
    assert_eq!(names.splits.train.len(), 2);
}

#[test]
fn json_is_read_by_lines_as_a_list_and_over_lines() {
    let expected = rows(&[("a", "yes"), ("b", "no")]);
    for text in [
        "{\"text\": \"a\", \"label\": \"yes\", \"x\": NaN}\n{\"text\": \"b\", \"label\": \"no\", \"x\": -Infinity}\n",
        "[{\"text\": \"a\", \"label\": \"yes\"}, {\"text\": \"b\", \"label\": \"no\"}]",
        "[\n {\n  \"text\": \"a\",\n  \"label\": \"yes\"\n },\n {\"text\": \"b\", \"label\": \"no\"}\n]\n",
        "{\n \"text\": \"a\",\n \"label\": \"yes\"\n}\n{\n \"text\": \"b\", \"label\": \"no\"\n}\n",
        "{\"text\": \"a\", \"label\": \"yes\"}\n{\"text\": null, \"label\": \"odd\"}\n{\"text\": \"b\", \"label\": \"no\"}",
    ] {
        assert_eq!(labelled("a.json", text.as_bytes(), "").unwrap(), expected, "{text}");
    }
    let fault = |text: &str| labelled("a.json", text.as_bytes(), "").unwrap_err().problems.remove(0);
    let problem = fault("[\n {\"text\": \"a\", \"label\": \"yes\"},\n {\"text\": 3}\n]");
    assert_eq!(problem.place.line, Some(3));
    assert!(matches!(problem.fault, Fault::NotText { .. }));
    let problem = fault("[\n {\"text\": \"a\", \"label\": \"yes\"},\n {\"text\" 3}\n]");
    assert_eq!((problem.place.line, problem.place.column), (Some(3), Some(10)));
    for text in ["[1, 2]", "[[\"a\"]]", "[{\"text\": \"a\", \"label\": \"yes\"}", "\"a\"", "[] x"] {
        assert!(matches!(fault(text).fault, Fault::NotJson(_)), "{text}");
    }
    assert_eq!(
        fault("{\"text\": \"a\", \"text\": \"b\", \"label\": \"c\"}").fault,
        Fault::DuplicateKey("text".into())
    );
    assert!(matches!(fault("{\"text\": {\"0\": \"a\"}, \"label\": 1}").fault, Fault::NotOneValue { .. }));
    assert_eq!(fault("{}").fault, Fault::MissingKey("text".into()));
    assert_eq!(fault("[]").fault, Fault::Empty);
}

#[test]
fn translations_within_an_object_are_reached_by_their_way() {
    let folder = tempfile::tempdir().unwrap();
    let text = "{\"id\": 1, \"translation\": {\"en\": \"red house\", \"hi\": \"लाल घर\"}}\n\
                {\"id\": 2, \"translation\": {\"en\": \"blue road\", \"hi\": \"नीली सड़क\"}}\n";
    std::fs::write(folder.path().join("a.jsonl"), text).unwrap();
    let corpus = "[parallel-table]\npaths = 'a.jsonl'\n\
                  columns = { en = 'translation.en', hi = 'translation.hi' }";
    assert_eq!(sentences(folder.path(), corpus).unwrap().splits.train.len(), 2);
    let whole = "[parallel-table]\npaths = 'a.jsonl'\ncolumns = { en = 'translation', hi = 'id' }";
    let error = sentences(folder.path(), whole).unwrap_err().to_string();
    assert!(error.contains("`translation` holds an object") && error.contains("KEY.KEY"), "{error}");
}

#[test]
fn labels_that_say_the_same_are_one_class() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.tsv", "text\tlabel\na\t1\nb\t0\n\tstray\n");
    write("b.csv", "text,label\nc,1.0\nd,0.0\n");
    write("c.jsonl", "{\"text\": \"e\", \"label\": 1}\n{\"text\": \"f\", \"label\": 0.0}\n");
    for paths in ["['a.tsv', 'b.csv', 'c.jsonl']", "['c.jsonl', 'b.csv', 'a.tsv']", "'b.csv'"] {
        let read = texts_of(folder.path(), &format!("[texts]\npaths = {paths}\nlabel = 'label'")).unwrap();
        assert_eq!(read.details.labels, Labels::Classes(vec!["0".into(), "1".into()]), "{paths}");
    }
    let ids = "[texts]\npaths = ['a.tsv', 'b.csv']\nlabel = 'label'\nclasses = ['no', 'yes']";
    let read = texts_of(folder.path(), ids).unwrap();
    let labels: Vec<&Label> = read.splits.train.iter().map(|text| &text.label).collect();
    assert_eq!(labels, [1, 0, 1, 0].map(Label::Class).each_ref());
    assert_eq!(read.statistics.dropped["rows without a text"], 1);

    let error = labelled("a.tsv", b"text\tlabel\na\t1\nb\t0\nc\t-1\nd\t-1\n", "").unwrap_err();
    assert_eq!(
        (error.problems[0].place.line, &error.problems[0].fault),
        (Some(4), &Fault::MissingLabel { found: "-1".into(), count: 2 })
    );
    let kept = labelled("a.tsv", b"text\tlabel\na\t1\nc\t-1\n", "classes = ['-1', '1']").unwrap();
    assert_eq!(kept, rows(&[("a", "1"), ("c", "-1")]));
}

#[test]
fn messages_say_what_was_dropped_and_how_files_were_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.csv"), "text;label\na;yes\n;\n;no\nb;no\nb;no\n").unwrap();
    let messages =
        texts_of(folder.path(), "[texts]\npaths = 'a.csv'\nlabel = 'label'").unwrap().statistics.messages();
    assert_eq!(
        messages[0],
        "dropped from 5 rows: blank rows: 1; rows without a text: 1; \
         rows that repeat an earlier one: 1"
    );
    assert!(messages[1].ends_with("a.csv: its columns are separated by semicolons"), "{messages:?}");
}

#[test]
fn parquet_columns_are_read_by_what_they_hold() {
    use polars::prelude::{IntoColumn, ParquetWriter, StructChunked, df};
    let folder = tempfile::tempdir().unwrap();
    let mut frame = df!(
        "text" => ["a", "b"], "label" => [1.0, 0.0], "id" => [1_u32, 2], "none" => [None::<i64>, None],
        "bytes" => [&b"x\xff"[..], b"y"],
    )
    .unwrap();
    let fields = [df!("en" => ["red house", "blue road"], "hi" => ["लाल घर", "नीली सड़क"]).unwrap()];
    let nested = StructChunked::from_columns("translation".into(), 2, fields[0].columns()).unwrap();
    frame.with_column(nested.into_column()).unwrap();
    let file = std::fs::File::create(folder.path().join("a.parquet")).unwrap();
    ParquetWriter::new(file).finish(&mut frame).unwrap();
    let read = texts_of(folder.path(), "[texts]\npaths = 'a.parquet'\nlabel = 'label'").unwrap();
    assert_eq!(read.details.labels, Labels::Classes(vec!["0".into(), "1".into()]));
    let nested = "[parallel-table]\npaths = 'a.parquet'\n\
                  columns = { en = 'translation.en', hi = 'translation.hi' }";
    let read = sentences(folder.path(), nested).unwrap();
    assert_eq!(read.splits.train[1].texts["hi"], "नीली सड़क");
    for (column, what) in
        [("id", "numbers"), ("bytes", "bytes that are not UTF-8"), ("translation", "objects")]
    {
        let corpus = format!("[texts]\npaths = 'a.parquet'\ntext = '{column}'");
        let error = texts_of(folder.path(), &corpus).unwrap_err().to_string();
        assert!(
            error.contains(&format!("a.parquet: `{column}` holds {what}"))
                || error.contains(&format!(":1: `{column}` holds {what}")),
            "{error}"
        );
    }
}

/// A translation memory of these units.
fn memory(units: &str) -> String {
    format!("<?xml version=\"1.0\"?>\n<tmx version=\"1.4\"><header/><body>\n{units}</body></tmx>\n")
}

#[test]
fn translation_memories_lose_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let write = |bytes: &[u8]| std::fs::write(folder.path().join("a.tmx"), bytes).unwrap();
    let with = |languages: &str| {
        sentences(folder.path(), &format!("[tmx]\npaths = 'a.tmx'\nlanguages = {languages}\nscript = false"))
    };
    let unit = "<tu><tuv xml:lang='en'><seg>a <![CDATA[<red>]]> b&amp;c &#x41;</seg></tuv>\
                <tuv lang='hi'><seg>एक <ph>{0}</ph>नाव</seg></tuv></tu>";
    for bytes in [
        memory(unit).into_bytes(),
        utf16(&format!("\u{feff}{}", memory(unit)), u16::to_le_bytes),
        utf16(&memory(unit), u16::to_be_bytes),
    ] {
        write(&bytes);
        let read = with("['en', 'hi']").unwrap();
        assert_eq!(read.splits.train[0].texts["en"], "a <red> b&c A");
        assert_eq!(read.splits.train[0].texts["hi"], "एक नाव");
    }
    let regions = "<tu><tuv xml:lang='en'><seg>bus</seg></tuv><tuv xml:lang='pt-PT'><seg>autocarro</seg></tuv>\
                   <tuv xml:lang='pt-BR'><seg>ônibus</seg></tuv></tu>";
    write(memory(regions).as_bytes());
    let error = with("['en', 'pt']").unwrap_err().to_string();
    assert!(error.contains("a.tmx:3: ") && error.contains("`pt-PT` and of `pt-BR`"), "{error}");
    assert_eq!(with("['en', 'pt-br']").unwrap().splits.train[0].texts["pt-br"], "ônibus");
    assert_eq!(with("['en', 'pt', 'pt-BR']").unwrap().splits.train[0].texts.len(), 3);
    write(memory(&regions.replace("pt-PT", "pt-BR")).as_bytes());
    assert_eq!(with("['en', 'pt']").unwrap().splits.train.len(), 2, "each makes a pair");
    for (text, what) in [
        (memory("<tu><tuv xml:lang='en'><seg>&nbsp;</seg></tuv></tu>"), "`&nbsp;`"),
        (memory("<tu><tuv><seg>a</seg></tuv></tu>"), "without a language"),
        ("<tmx><body><tu>".to_owned(), "ends within `tu`"),
        ("<xliff></xliff>".to_owned(), "no `tmx`"),
        (memory(""), "no translation unit"),
        ("<tmx/>".to_owned(), "no translation unit"),
        (
            memory("<tu><tuv xml:lang='en'><seg>a</seg><seg>b</seg></tuv></tu>"),
            "a `tuv` of `en` has a second `seg`",
        ),
        (memory("<tu><tuv xml:lang='en'><seg>a</seg><seg/></tuv></tu>"), "a second `seg`"),
    ] {
        write(text.as_bytes());
        let error = with("['en', 'hi']").unwrap_err().to_string();
        assert!(error.contains("a.tmx:") && error.contains(what), "{error}");
    }
}

#[test]
fn json_of_another_shape_than_by_rows_is_named() {
    for (text, what) in [
        (r#"{"columns":["text","label"],"index":[0,1],"data":[["a","x"],["b","y"]]}"#, "orient=\"split\""),
        (r#"{"text":{"0":"a","1":"b"},"label":{"0":"x","1":"y"}}"#, "orient=\"columns\""),
        (r#"{"0":{"text":"a","label":"x"},"1":{"text":"b","label":"y"}}"#, "orient=\"index\""),
        (r#"{"0":{"text":"a","label":"x"}}"#, "orient=\"index\""),
        (r#"[["a","x"],["b","y"]]"#, "orient=\"values\""),
        (r#"{"schema":{"fields":[{"name":"text"}]},"data":[{"text":"a","label":"x"}]}"#, "orient=\"table\""),
        (r#"{"text":["a","b"],"label":["x","y"]}"#, "a list for each column"),
    ] {
        for (name, text) in [("a.json", text.to_owned()), ("a.jsonl", text.replace("],", "],\n"))] {
            let error = labelled(name, text.as_bytes(), "").unwrap_err();
            assert_eq!(error.problems.len(), 1, "{error}");
            let said = error.to_string();
            assert!(said.contains(what) && said.contains("records"), "{name} {text}: {said}");
        }
    }
    let kept =
        labelled("a.json", br#"{"text": "a", "label": "x", "data": [1], "columns": [2]}"#, "").unwrap();
    assert_eq!(kept, rows(&[("a", "x")]));
}

#[test]
fn tagged_words_are_what_stands_between_tabs() {
    let folder = tempfile::tempdir().unwrap();
    let text = "asha\tB-PER\n\u{a0}\tO\n\u{3000}\tO\nwal\u{2028}ks \tO \n";
    std::fs::write(folder.path().join("a.conll"), text).unwrap();
    let read = texts_of(folder.path(), "[conll]\npaths = '*.conll'").unwrap();
    assert_eq!(read.splits.train[0].first, "asha \u{a0} \u{3000} wal\u{2028}ks");
    let text = "# text = zum Haus\n1-2\tzum\t_\t_\n1\tzu\tzu\tADP\n2\tdem\tder\tDET\n2.1\tx\ty\tADV\n3\tHaus\tHaus\tNOUN\n";
    std::fs::write(folder.path().join("a.conll"), text).unwrap();
    let read =
        texts_of(folder.path(), "[conll]\npaths = 'a.conll'\nword = 2\ntag = 4\ncomment = '#'").unwrap();
    assert_eq!(read.splits.train[0].first, "zu dem Haus");
    assert_eq!(read.statistics.dropped.values().sum::<usize>(), 2);
    // Where the first column is the word, a range is one.
    std::fs::write(folder.path().join("a.conll"), "1-2\tNUM\n3.1\tNUM\n").unwrap();
    assert_eq!(
        texts_of(folder.path(), "[conll]\npaths = 'a.conll'").unwrap().splits.train[0].first,
        "1-2 3.1"
    );
}

#[test]
fn a_script_in_a_language_code_is_that_of_its_texts() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("a.tsv"), "en\tpa\nred house\tلال گھر\nblue road\tنیلی سڑک\n").unwrap();
    let with = |code: &str| {
        sentences(
            folder.path(),
            &format!("[parallel-table]\npaths = 'a.tsv'\ncolumns = {{ en = 'en', {code} = 'pa' }}"),
        )
    };
    assert_eq!(with("pa-Arab").unwrap().splits.train.len(), 2);
    assert!(matches!(with("pa").unwrap_err().problems[0].fault, Fault::WrongScript { .. }));
}

/// The texts of each split, sorted.
fn splits(folder: &Path, texts: &str, sentences_of: &str) -> Vec<Vec<String>> {
    let options =
        SplitOptions { test_fraction: Some(0.3), validation_fraction: Some(0.2), ..SplitOptions::default() };
    let mut of_texts = texts_of(folder, texts).unwrap();
    of_texts.split(&options, &HoldOut::default()).unwrap();
    let mut of_sentences = sentences(folder, sentences_of).unwrap();
    of_sentences.split(&options, &HoldOut::default()).unwrap();
    let mut splits: Vec<Vec<String>> = Vec::new();
    for split in [Split::Train, Split::Validation, Split::Test] {
        splits.push(of_texts.splits.get(split).iter().map(|text| text.first.clone()).collect());
    }
    for split in [Split::Train, Split::Validation, Split::Test] {
        let sentences = of_sentences.splits.get(split).iter();
        splits.push(sentences.map(|sentence| format!("{:?}", sentence.texts)).collect());
    }
    for split in &mut splits {
        split.sort();
    }
    splits
}

#[cfg(unix)]
#[test]
fn splits_do_not_depend_on_paths_or_the_order_of_files() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("here");
    std::fs::create_dir(&folder).unwrap();
    for file in 0..3 {
        let rows = |row: fn(usize) -> String| (0..40).map(|index| row(file * 30 + index)).collect::<String>();
        let texts = format!("text\tlabel\n{}", rows(|row| format!("text {row}\tyes\n")));
        std::fs::write(folder.join(format!("t{file}.tsv")), texts).unwrap();
        std::fs::write(folder.join(format!("s{file}.en")), rows(|row| format!("house {row}\n"))).unwrap();
        std::fs::write(folder.join(format!("s{file}.hi")), rows(|row| format!("घर {row}\n"))).unwrap();
    }
    let link = outer.path().join("there");
    std::os::unix::fs::symlink(&folder, &link).unwrap();
    let texts = |paths: &str| format!("[texts]\npaths = {paths}");
    let moses = |en: &str, hi: &str| format!("[moses]\npaths = {{ en = {en}, hi = {hi} }}");
    let expected = splits(&folder, &texts("'t*.tsv'"), &moses("'s*.en'", "'s*.hi'"));
    assert!(expected.iter().all(|split| !split.is_empty()));
    for (at, before) in [
        (folder.clone(), String::new()),
        (outer.path().to_owned(), "here/".to_owned()),
        (outer.path().to_owned(), "here/../here/".to_owned()),
        (link.clone(), String::new()),
        (Path::new("/").to_owned(), format!("{}/", link.display())),
    ] {
        let list = |kind: &str, end: &str| {
            format!("['{before}{kind}2.{end}', '{before}{kind}0.{end}', '{before}{kind}1.{end}']")
        };
        let found = splits(&at, &texts(&list("t", "tsv")), &moses(&list("s", "en"), &list("s", "hi")));
        assert_eq!(found, expected, "{at:?} {before}");
    }
}
