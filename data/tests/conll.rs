//! Sentences of tagged words, and what is said of broken ones.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_data::corpora::{Conll, Content, ReadCorpus};
use alambic_data::{Collection, DataError, Extent, Label, Labels};
use alambic_settings::{Node, read};

/// Reads the corpus that a table of a recipe in `folder` declares.
fn collection(folder: &Path, options: &str) -> Result<Collection, DataError> {
    let corpus: Conll = read(&Node::parse(folder.join("recipe.toml"), options).unwrap()).unwrap();
    match corpus.read(Extent::Whole)? {
        Content::Texts(collection) => Ok(collection),
        Content::Lexicon(_) => unreachable!("sentences were asked for"),
    }
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) {
    std::fs::write(folder.join(name), text).unwrap();
}

fn tags(indices: &[u32]) -> Label {
    Label::Words(indices.to_vec())
}

#[test]
fn sentences_end_with_an_empty_line_and_documents_are_no_words() {
    let folder = tempfile::tempdir().unwrap();
    let first =
        "-DOCSTART- -X- O\n\nAda NNP B-PER\nLovelace NNP I-PER\nwrote VBD O\n\n\nIn IN O\nLondon NNP B-LOC";
    write(folder.path(), "train.conll", first);
    write(folder.path(), "dev.conll", "Paris\tNNP\tB-LOC\r\n\r\nhe ran\tVBD\tO\r\n");
    let read = collection(folder.path(), "paths = 'train.conll'\ntest-paths = ['dev.conll']").unwrap();
    assert_eq!(read.labels, Labels::Words(["O", "B-LOC", "B-PER", "I-PER"].map(str::to_owned).into()));
    let texts: Vec<(&str, &Label, Option<&str>, usize)> = read
        .texts
        .iter()
        .map(|text| (text.first.as_str(), &text.label, text.split.as_deref(), text.line))
        .collect();
    assert_eq!(
        texts,
        [
            ("Ada Lovelace wrote", &tags(&[2, 3, 0]), None, 3),
            ("In London", &tags(&[0, 1]), None, 8),
            ("Paris", &tags(&[1]), Some("test"), 1),
            // A word is one word, whatever it holds.
            ("he\u{a0}ran", &tags(&[0]), Some("test"), 3),
        ]
    );
}

#[test]
fn columns_and_tags_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "aspects.txt", "1 soup B-X GOOD\n2 was O NIL\n");
    let options = "paths = 'aspects.txt'\nword-column = 2\ntag-column = 3\ntags = ['B-X', 'I-X', 'O']";
    let read = collection(folder.path(), options).unwrap();
    assert_eq!((read.texts[0].first.as_str(), &read.texts[0].label), ("soup was", &tags(&[0, 2])));
}

#[test]
fn every_fault_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "broken.conll", b"Ada B-PER\nran\n\xff O\n\tO\n".as_slice());
    let said =
        collection(folder.path(), "paths = ['broken.conll', 'missing.conll']").unwrap_err().to_string();
    for expected in [
        "broken.conll:2: 1 column where 2 are expected",
        "broken.conll:3: not UTF-8",
        "broken.conll:4: 1 column where 2 are expected",
        "missing.conll: cannot be read",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    write(folder.path(), "other.conll", "Ada B-PER\nran O\nto O\nRome B-LOC\n");
    let said =
        collection(folder.path(), "paths = 'other.conll'\ntags = ['O', 'B-PER']").unwrap_err().to_string();
    assert!(said.contains("other.conll:4: the label `B-LOC` is none of the classes"), "{said}");
    write(folder.path(), "empty.conll", "\n\n");
    let said = collection(folder.path(), "paths = 'empty.conll'").unwrap_err().to_string();
    assert!(said.contains("empty.conll: the file is empty"), "{said}");
}
