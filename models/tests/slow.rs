//! Tokenizers of folders without `tokenizer.json`, held against transformers: `tests/slow/make.py` wrote the expected numbers.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::{TargetPrefix, Tokenizer, TokenizerFiles};
use serde_json::Value;

const KINDS: [&str; 14] = [
    "roberta",
    "gpt2",
    "clip",
    "xlm-roberta",
    "camembert",
    "albert",
    "t5",
    "marian",
    "mbart",
    "mbart50",
    "nllb",
    "nllb-legacy",
    "m2m_100",
    "m2m_100-unigram",
];

/// Those with codes of languages, each with that of its sources, that of its targets, and another.
const CODED: [(&str, [&str; 3]); 6] = [
    ("mbart", ["de_DE", "hi_IN", "en_XX"]),
    ("mbart50", ["de_DE", "hi_IN", "sl_SI"]),
    ("nllb", ["deu_Latn", "hin_Deva", "zul_Latn"]),
    ("nllb-legacy", ["eng_Latn", "hin_Deva", "ace_Arab"]),
    ("m2m_100", ["de", "hi", "zu"]),
    ("m2m_100-unigram", ["de", "hi", "af"]),
];

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
fn targets_have_the_code_of_their_language_where_transformers_puts_it() {
    for (kind, [_, target, other]) in CODED {
        let tokenizer = Tokenizer::open(&folder(kind)).unwrap();
        let expected = expected(kind);
        for (text, ids) in expected["target"].as_object().unwrap() {
            assert_eq!(tokenizer.encode_target(text).unwrap(), numbers(ids), "{kind}: {text:?}");
        }
        let code = expected["language"].as_u64().unwrap() as u32;
        let prefix = if kind == "mbart" { TargetPrefix::Start(code) } else { TargetPrefix::First(code) };
        assert_eq!(tokenizer.target_prefix(target).unwrap(), Some(prefix), "{kind}");
        // What a decoder writes: the code first, where it is not what the decoder begins with.
        let written = tokenizer.encode_target_for("the cat", target).unwrap();
        assert_eq!((written[0] == code, *written.last().unwrap()), (kind != "mbart", 2), "{kind}");
        assert_eq!(tokenizer.decode(&written).unwrap(), "the cat", "{kind}");
        let languages = tokenizer.languages();
        assert!(
            languages.iter().any(|own| own == target) && languages.iter().any(|own| own == other),
            "{kind}"
        );
        for text in [tokenizer.encode_for("the cat", target), tokenizer.encode_for("the cat", other)] {
            assert_eq!(text.unwrap(), tokenizer.encode("the cat").unwrap(), "{kind}");
        }
        let unknown = [
            tokenizer.encode_for("the cat", "tlh").unwrap_err(),
            tokenizer.target_prefix("tlh").unwrap_err(),
            tokenizer.encode_target_for("the cat", "tlh").unwrap_err(),
            tokenizer.with_source_language("tlh").unwrap_err(),
        ];
        for error in unknown.map(|error| error.to_string()) {
            assert!(error.contains("there is no language `tlh`; there are"), "{error}");
        }
    }
    let mbart = Tokenizer::open(&folder("mbart")).unwrap();
    assert_eq!(mbart.target_prefix("hi").unwrap(), mbart.target_prefix("hi_IN").unwrap());
    // Two scripts of one language.
    let nllb = Tokenizer::open(&folder("nllb")).unwrap();
    assert!(nllb.target_prefix("zho").is_err() && nllb.target_prefix("hin").is_ok());
}

#[test]
fn sources_are_of_any_language_of_the_vocabulary() {
    for (kind, [source, target, other]) in CODED {
        let tokenizer = Tokenizer::open(&folder(kind)).unwrap();
        let id = |code: &str| match tokenizer.target_prefix(code).unwrap().unwrap() {
            TargetPrefix::Start(id) | TargetPrefix::First(id) => id,
        };
        let ids = tokenizer.encode("the cat").unwrap();
        assert!(ids.contains(&id(source)), "{kind}");
        let turned = tokenizer.with_source_language(other).unwrap();
        let replaced: Vec<u32> =
            ids.iter().map(|own| if *own == id(source) { id(other) } else { *own }).collect();
        assert_eq!(turned.encode("the cat").unwrap(), replaced, "{kind}");
        assert_eq!(turned.target_prefix(target).unwrap(), tokenizer.target_prefix(target).unwrap());
    }
}

#[test]
fn languages_that_a_vocabulary_lacks_are_refused_by_key() {
    for (kind, config, said) in [
        (
            "mbart",
            r#"{"tokenizer_class": "MBartTokenizer", "src_lang": "xx_XX"}"#,
            "`src_lang`: there is no language `xx_XX`",
        ),
        (
            "m2m_100",
            r#"{"tokenizer_class": "M2M100Tokenizer", "tgt_lang": "tlh"}"#,
            "`tgt_lang`: there is no language `tlh`",
        ),
        ("nllb", r#"{"tokenizer_class": "NllbTokenizer", "src_lang": 3}"#, "`src_lang` is 3"),
        ("nllb", r#"{"tokenizer_class": "MBartTokenizer"}"#, "of type unigram"),
    ] {
        let place = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(folder(kind)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
        }
        std::fs::write(place.path().join("tokenizer_config.json"), config).unwrap();
        let error = Tokenizer::open(place.path()).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
    // A vocabulary without any language under the name of the class.
    let place = tempfile::tempdir().unwrap();
    let json = Tokenizer::open(&folder("t5")).unwrap().to_json().unwrap();
    std::fs::write(place.path().join("tokenizer.json"), json).unwrap();
    std::fs::write(place.path().join("tokenizer_config.json"), r#"{"tokenizer_class": "NllbTokenizer"}"#)
        .unwrap();
    let error = Tokenizer::open(place.path()).err().unwrap().to_string();
    assert!(error.contains("a token for each language"), "{error}");
}

#[test]
fn a_vocabulary_that_is_pruned_lies_in_one_file() {
    for kind in ["marian", "xlm-roberta", "mbart", "m2m_100-unigram"] {
        let texts = ["the cat sat on the mat", "a good film"];
        let pruned = Tokenizer::open(&folder(kind)).unwrap().prune(texts, 40).unwrap();
        let place = tempfile::tempdir().unwrap();
        pruned.files(64).unwrap().write(place.path()).unwrap();
        let again = Tokenizer::open(place.path()).unwrap();
        assert_eq!(again.size(), pruned.size(), "{kind}");
        assert_eq!(again.encode(texts[0]).unwrap(), pruned.encode(texts[0]).unwrap(), "{kind}");
        assert_eq!(again.languages(), Tokenizer::open(&folder(kind)).unwrap().languages(), "{kind}");
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
