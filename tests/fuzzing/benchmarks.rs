//! Targets that read suites, files of benchmarks, predictions and published results.

use std::fs;
use std::path::Path;

use alambic_data::benchmarks::{Benchmark, Gold, Layout, Part, References};
use alambic_recipes::suite;
use alambic_settings::{IndexMap, Node, read};

/// A suite, whatever it extends on this machine.
pub(super) fn suite(folder: &Path) -> Vec<String> {
    let file = folder.join("suite.toml");
    // Nothing is to be fetched.
    if fs::read(&file).unwrap().windows(3).any(|window| window == b"hf:") {
        return Vec::new();
    }
    let loaded = suite::load(file.display().to_string());
    loaded.err().map(|found| found.render(false)).into_iter().collect()
}

/// Files that formats of two files look for beside the one that is read.
pub(super) fn beside(folder: &Path) {
    fs::create_dir(folder.join("images")).unwrap();
    for name in ["labels.en", "labels.eng", "labels.gold", "labels.hi", "eng_Latn.devtest"] {
        fs::write(folder.join(name), "hi-1\tone\nhi-2\ttwo\n").unwrap();
    }
}

/// What every format says of a file, as labels and as inputs of each part.
pub(super) fn labels(folder: &Path, name: &str) -> Vec<String> {
    let formats = Benchmark::LIST.iter().map(|(format, _)| *format).filter(|format| *format != "made-up");
    let mut refused = Vec::new();
    for format in formats {
        let text = format!("corpus.{format} = {{ folder = '.', file = '{name}' }}");
        let node = Node::parse(folder.join("suite.toml"), &text).unwrap();
        let own = read::<IndexMap<String, Benchmark>>(&node).unwrap().swap_remove("corpus").unwrap();
        refused.extend(own.references(folder, "t", "hi").err());
        for part in [Part::Train, Part::Validation, Part::Test] {
            refused.extend(own.examples(folder, "t", "hi", part, Some(name)).err());
        }
    }
    refused.iter().map(ToString::to_string).collect()
}

/// What every layout says of a file as predictions.
pub(super) fn predictions(folder: &Path) -> Vec<String> {
    let texts = |all: &[&str]| all.iter().map(ToString::to_string).collect::<Vec<String>>();
    let cases = [
        (Layout::Classes, Gold::Classes(texts(&["a", "b"])), &["a", "b"][..]),
        (Layout::Choices, Gold::Classes(texts(&["0", "1"])), &["0", "1"]),
        (Layout::Tags, Gold::Tags(vec![texts(&["O", "B-x"]), texts(&["O"])]), &[]),
        (Layout::Pieces, Gold::Tags(vec![texts(&["O", "B-x"]), texts(&["O"])]), &["O", "B-x"]),
        (Layout::Answers, Gold::Answers(vec![("a".into(), texts(&["x"])), ("b".into(), Vec::new())]), &[]),
        (
            Layout::QuestionAnswers,
            Gold::QuestionAnswers([("1".to_owned(), "x".to_owned())].into_iter().collect()),
            &[],
        ),
        (Layout::Pairs, Gold::Pairs([["hi-1".to_owned(), "en-1".to_owned()]].into_iter().collect()), &[]),
        (Layout::Places, Gold::Places(vec![0, 1]), &[]),
        (Layout::Rankings, Gold::Images { of_captions: vec![0, 1], images: 2 }, &[]),
    ];
    let read = |(layout, gold, classes): (Layout, Gold, &[&str])| {
        let references = References { source: "labels.tsv".into(), classes: texts(classes), gold };
        layout.read(&folder.join("predictions.tsv"), &references).err().map(|error| error.to_string())
    };
    cases.into_iter().filter_map(read).collect()
}

/// A table of published results.
pub(super) fn results(folder: &Path) -> Vec<String> {
    let suite = suite::load("builtin:iglue").unwrap();
    let read = suite::results(&suite, &[folder.join("xGQA_0.csv")]);
    read.err().map(|error| error.to_string()).into_iter().collect()
}
