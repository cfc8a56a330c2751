//! Tokenizers of folders without `tokenizer.json`, held against transformers: `tests/slow/make.py` wrote the expected numbers.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::{Tokenizer, TokenizerFiles};
use serde_json::Value;

const KINDS: [&str; 8] = ["roberta", "gpt2", "clip", "xlm-roberta", "camembert", "albert", "t5", "marian"];

fn folder(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slow").join(kind)
}

fn expected(kind: &str) -> Value {
    let text = std::fs::read_to_string(folder("expected.json")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[kind].clone()
}

fn numbers(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap().try_into().unwrap()).collect()
}

#[test]
fn numbers_of_texts_are_those_of_transformers() {
    for kind in KINDS {
        let tokenizer = Tokenizer::open(&folder(kind)).unwrap();
        let expected = expected(kind);
        for (text, ids) in expected["ids"].as_object().unwrap() {
            let found = tokenizer.encode_text(text, None).unwrap().ids;
            assert_eq!(found, numbers(ids), "{kind}: {text:?}");
        }
        let found = tokenizer.encode_text("the cat", Some("a dog")).unwrap().ids;
        assert_eq!(found, numbers(&expected["pair"]), "{kind}: a pair");
    }
}

#[test]
fn a_folder_that_is_written_again_has_the_same_tokenizer_in_one_file() {
    for kind in KINDS {
        let place = tempfile::tempdir().unwrap();
        TokenizerFiles::checked(&folder(kind)).unwrap().write(place.path()).unwrap();
        assert!(place.path().join("tokenizer.json").is_file());
        let [whole, own] = [place.path(), &folder(kind)].map(|folder| Tokenizer::open(folder).unwrap());
        for text in expected(kind)["ids"].as_object().unwrap().keys() {
            let ids = |tokenizer: &Tokenizer| tokenizer.encode_text(text, None).unwrap().ids;
            assert_eq!(ids(&whole), ids(&own), "{kind}: {text:?}");
        }
    }
}

#[test]
fn texts_that_marian_writes_are_those_of_the_targets_model() {
    let tokenizer = Tokenizer::open(&folder("marian")).unwrap();
    let written = &expected("marian")["written"];
    let text = written["text"].as_str().unwrap();
    assert_eq!(tokenizer.encode_target(text).unwrap(), numbers(&written["ids"]));
    assert_eq!(tokenizer.decode(&numbers(&written["ids"])).unwrap(), text);
    // What both languages have is read by the source's model.
    assert_ne!(tokenizer.encode(text).unwrap(), numbers(&written["ids"]));
}

#[test]
fn a_vocabulary_that_is_pruned_lies_in_one_file() {
    for kind in ["marian", "xlm-roberta"] {
        let texts = ["the cat sat on the mat", "a good film"];
        let pruned = Tokenizer::open(&folder(kind)).unwrap().prune(texts, 40).unwrap();
        let place = tempfile::tempdir().unwrap();
        pruned.files(64).unwrap().write(place.path()).unwrap();
        let again = Tokenizer::open(place.path()).unwrap();
        assert_eq!(again.size(), pruned.size(), "{kind}");
        assert_eq!(again.encode(texts[0]).unwrap(), pruned.encode(texts[0]).unwrap(), "{kind}");
    }
}

#[test]
fn damaged_files_are_refused_by_name() {
    for (kind, file, content, message) in [
        ("xlm-roberta", "sentencepiece.bpe.model", "no model", "no SentencePiece model"),
        ("xlm-roberta", "sentencepiece.bpe.model", "", "it has no pieces"),
        // One piece, and the type of byte-pair encoding.
        (
            "xlm-roberta",
            "sentencepiece.bpe.model",
            "\n\u{3}\n\u{1}a\u{12}\u{2}\u{18}\u{2}",
            "save_pretrained",
        ),
        ("roberta", "merges.txt", "a\n", "`a` is no pair"),
        ("marian", "vocab.json", r#"{"</s>": 0, "<unk>": 2}"#, "no token 1"),
        ("marian", "vocab.json", r#"{"</s>": 0}"#, "no token `<unk>`"),
        ("marian", "vocab.json", "[]", "no object"),
    ] {
        let place = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
        }
        std::fs::write(place.path().join(file), content).unwrap();
        let error = Tokenizer::open(place.path()).err().unwrap().to_string();
        assert!(error.contains(file) && error.contains(message), "{error}");
    }
}
