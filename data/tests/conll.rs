//! Files of tagged words, and what is said of broken ones.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::corpora::{Conll, ReadCorpus};
use alambic_data::{Content, DataError, Dataset, Extent, Label, Labels, Text};
use alambic_settings::{Node, read};

/// Reads the corpus that a table of a recipe in `folder` declares.
fn texts_of(folder: &Path, options: &str) -> Result<Dataset<Text>, DataError> {
    let conll: Conll = read(&Node::parse(folder.join("recipe.toml"), options).unwrap()).unwrap();
    match conll.read(Extent::Whole)? {
        Content::Texts(texts) => Ok(texts),
        _ => unreachable!("texts were asked for"),
    }
}

fn write(folder: &Path, name: &str, text: &[u8]) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Each sentence with the names of its tags, its split and its line.
fn shown(dataset: &Dataset<Text>) -> Vec<String> {
    let Labels::Words(classes) = &dataset.details.labels else { unreachable!("words have tags") };
    let show = |text: &Text| {
        let Label::Words(tags) = &text.label else { unreachable!("words have tags") };
        let tags: Vec<&str> = tags.iter().map(|&tag| classes[tag as usize].as_str()).collect();
        let split = text.split.as_deref().unwrap_or("-");
        format!("{}: {} [{split}] {}", text.line, text.first, tags.join(" "))
    };
    dataset.splits.train.iter().map(show).collect()
}

#[test]
fn sentences_are_read_from_tabs_and_from_blanks() {
    let folder = tempfile::tempdir().unwrap();
    let train = "-DOCSTART- -X- O\n\nAda  NNP B-PER\r\nNeel NNP I-PER\n# CD O\n\n \nsings VBZ O";
    write(folder.path(), "train.conll", train.as_bytes());
    write(folder.path(), "test", "New Hay\tB-LOC\n\n".as_bytes());
    let read = texts_of(folder.path(), "paths = 'train.conll'\ntest-paths = 'test'").unwrap();
    let classes = ["B-LOC", "B-PER", "I-PER", "O"].map(str::to_owned).to_vec();
    assert_eq!(read.details.labels, Labels::Words(classes));
    assert_eq!(
        shown(&read),
        ["3: Ada Neel # [-] B-PER I-PER O", "8: sings [-] O", "1: New\u{a0}Hay [test] B-LOC"]
    );
    assert_eq!((read.statistics.rows, read.statistics.kept, read.details.pairs), (3, 3, false));
}

#[test]
fn columns_comments_and_classes_follow_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "pos.txt", "# sent 1\n1\tgood\tADJ\t_\n2\ttea\tNOUN\t_\n".as_bytes());
    let options = "paths = 'pos.txt'\nword = 2\ntag = 3\ncomment = '#'\nclasses = ['NOUN', 'ADJ']";
    let read = texts_of(folder.path(), options).unwrap();
    assert_eq!(read.details.labels, Labels::Words(vec!["NOUN".into(), "ADJ".into()]));
    assert_eq!(shown(&read), ["2: good tea [-] ADJ NOUN"]);
}

#[test]
fn runs_of_a_tag_become_spans() {
    let folder = tempfile::tempdir().unwrap();
    let text = "the\tO\nlamb\tGOOD\nstew\tGOOD\nwine\tBAD\n\nstew\tGOOD\nand\tO\nwine\tGOOD\n";
    write(folder.path(), "runs.tsv", text.as_bytes());
    let read = texts_of(folder.path(), "paths = 'runs.tsv'\nscheme = 'runs'").unwrap();
    assert_eq!(
        shown(&read),
        ["1: the lamb stew wine [-] O B-GOOD I-GOOD B-BAD", "6: stew and wine [-] B-GOOD O B-GOOD"]
    );
}

#[test]
fn comments_that_the_recipe_does_not_name_are_errors_with_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    for rows in ["go VB B O\nnow RB B O\n", "go\tVB\tB\tO\nnow\tRB\tB\tO\n"] {
        // The second has as many columns as a row.
        let text = format!("# sent_id = 1 of 2\n# text = Go\n{rows}\n# newdoc\n{rows}");
        write(folder.path(), "a.conll", text.as_bytes());
        let error = texts_of(folder.path(), "paths = 'a.conll'").unwrap_err();
        let lines: Vec<_> = error.problems.iter().map(|problem| problem.place.line).collect();
        assert_eq!(lines, [1, 2, 6].map(Some), "{error}");
        let said = error.to_string();
        assert!(
            said.contains("`# text = Go` looks like a comment") && said.contains("comment = \"#\""),
            "{said}"
        );
        let read = texts_of(folder.path(), "paths = 'a.conll'\ncomment = '#'").unwrap();
        assert_eq!(read.statistics.rows, 2);
    }
}

#[test]
fn a_word_that_is_the_mark_of_comments_is_kept_or_counted() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "a.conll", "# text = # 1\n#\tSYM\n1\tNUM\n#x\tNUM\n".as_bytes());
    let read = texts_of(folder.path(), "paths = 'a.conll'\ncomment = '#'").unwrap();
    assert_eq!(shown(&read), ["2: # 1 [-] SYM NUM"]);
    assert_eq!(read.statistics.dropped["lines within sentences that begin as comments do"], 1);
    write(folder.path(), "a.conll", "# SYM\n1 NUM\n".as_bytes());
    let read = texts_of(folder.path(), "paths = 'a.conll'").unwrap();
    assert_eq!(shown(&read), ["1: # 1 [-] SYM NUM"]);
}

#[test]
fn every_fault_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let said = |options: &str| texts_of(folder.path(), options).unwrap_err().to_string();
    write(folder.path(), "a.conll", b"Ada\tB-PER\nNeel\n\tO\nsings\t\nw\xff\tO\nof\tX\tO\n");
    write(folder.path(), "empty.conll", b"\n\n");
    let all = said("paths = ['a.conll', 'empty.conll', 'none.conll']");
    for fault in [
        "a.conll:2: 1 column where 2 are expected",
        "a.conll:3: the column of the word is empty",
        "a.conll:4: the column of the tag is empty",
        "a.conll:5:2: not UTF-8: byte 0xff",
        "a.conll:6: 3 columns where 2 are expected",
        "empty.conll: the file is empty",
        "none.conll: cannot be read",
    ] {
        assert!(all.contains(fault), "{fault}: {all}");
    }
    write(folder.path(), "b.conll", b"Ada B-PER\nNeel I-PER\n");
    let class = said("paths = 'b.conll'\nclasses = ['O', 'B-PER']");
    assert!(class.contains("b.conll:2: the label `I-PER` is not one of the classes"), "{class}");
    assert!(said("paths = 'b.conll'\nword = 2").contains("b.conll:1: 2 columns where 3 are expected"));
    assert!(said("paths = 'b.conll'\ntag = 4").contains("b.conll:1: 2 columns where 4 are expected"));
}

#[test]
fn sentences_have_the_language_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "en.conll", b"Goa\tB-LOC\n\nGoa\tB-LOC\n");
    write(folder.path(), "es.conll", b"Goa\tB-LOC\n");
    let options = "paths = { en = 'en.conll', es = 'es.conll' }\nvalidation-paths = { sr-Latn = 'es.conll' }";
    // A file of one language is not of another as well.
    assert!(texts_of(folder.path(), options).unwrap_err().to_string().contains("for `es` and for `sr-Latn`"));
    let read = texts_of(folder.path(), "paths = { en = 'en.conll', es = 'es.conll' }").unwrap();
    let found: Vec<_> = read.splits.train.iter().map(|text| text.language.as_deref()).collect();
    assert_eq!(found, [Some("en"), Some("es")]);
    assert_eq!(read.details.languages, ["en", "es"]);
    let read = texts_of(folder.path(), "paths = '*.conll'\nlanguage = 'kok'").unwrap();
    assert_eq!((read.statistics.kept, read.details.languages), (1, vec!["kok".to_owned()]));
}

#[test]
fn runs_of_a_tag_become_spans_with_ends_and_all_four_classes() {
    let folder = tempfile::tempdir().unwrap();
    // The last sentence has no empty line behind it.
    let text = "the\tO\tNIL\nlamb\tT-POS\tFOOD\nstew\tT-POS\tFOOD\nwine\tT-NEG\tDRINKS\n\nold\tT-LOC\tX\nold\tT-LOC\tX\nmill\tT-LOC\tX";
    write(folder.path(), "runs.tsv", text.as_bytes());
    let options = "paths = 'runs.tsv'\ntag = 2\nscheme = 'runs-bioes'";
    let read = texts_of(folder.path(), options).unwrap();
    let Labels::Words(classes) = &read.details.labels else { unreachable!("words have tags") };
    let kinds =
        ["POS", "NEG", "LOC"].map(|kind| ["B", "I", "E", "S"].map(|prefix| format!("{prefix}-{kind}")));
    assert_eq!(classes[0], "O");
    assert_eq!(classes[1..], kinds.concat());
    assert_eq!(
        shown(&read),
        ["1: the lamb stew wine [-] O B-POS E-POS S-NEG", "6: old old mill [-] B-LOC I-LOC E-LOC"]
    );
    // Classes that are given keep their order, and have to be all that there are.
    let given = texts_of(folder.path(), &format!("{options}\nclasses = ['B-POS', 'E-POS', 'S-NEG', 'O']"));
    assert!(given.unwrap_err().to_string().contains("runs.tsv:6: the label `B-LOC`"));
}

#[test]
fn tags_that_are_not_read_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let options = "paths = 'a.conll'\nunlabelled = true\nscheme = 'runs-bioes'";
    let read = |text: &str, more: &str| {
        write(folder.path(), "a.conll", text.as_bytes());
        texts_of(folder.path(), &format!("{options}\n{more}")).unwrap()
    };
    let first =
        |read: &Dataset<Text>| read.splits.train.iter().map(|text| text.first.clone()).collect::<Vec<_>>();
    let tagged = read("Ada\tT-POS\nsings\tO\n\nBen\tO\n", "tag = 2");
    let shuffled = read("Ada\tO\nsings\tT-NEG\n\nBen\tT-POS\n", "tag = 2");
    let without = read("Ada\nsings\n\nBen", "tag = 2");
    for dataset in [&tagged, &shuffled, &without] {
        assert_eq!(first(dataset), ["Ada sings", "Ben"]);
        assert!(dataset.splits.train.iter().all(|text| text.label == Label::None));
        assert!(dataset.details.labels.are_open());
    }
    assert_eq!(tagged.splits, shuffled.splits);
    let classes = read("Ada\tx y\n", "classes = ['O', 'S-POS']").details.labels;
    assert_eq!(classes, Labels::Words(vec!["O".into(), "S-POS".into()]));
    assert!(classes.agree_with(&tagged.details.labels) && tagged.details.labels.agree_with(&classes));
    assert!(
        !classes.agree_with(&Labels::Words(vec!["O".into()]))
            && !Labels::None.agree_with(&tagged.details.labels)
    );
    // A word is needed all the same, and rows of one width.
    write(folder.path(), "a.conll", b"Ada\tO\nsings\n\tO\n");
    let said = texts_of(folder.path(), options).unwrap_err().to_string();
    assert!(
        said.contains("a.conll:2: 1 column where 2") && said.contains("a.conll:3: the column of the word"),
        "{said}"
    );
}
