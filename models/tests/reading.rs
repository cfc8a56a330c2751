//! Folders whose files beside `tokenizer.json` say how texts are read. What must come out is what transformers 5.24 and
//! sentence-transformers 6.2 make of the same files.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_models::{Tokenizer, TokenizerFiles};
use serde_json::{Value, json};

const WORDS: [&str; 3] = ["a good film is not bad song", "query : passage the road", "Good Film"];

/// A folder with a vocabulary of BERT that keeps capitals, and these files.
fn folder(files: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let words = Tokenizer::train_words(WORDS, 200).unwrap();
    let mut json: Value = serde_json::from_str(&words.to_json().unwrap()).unwrap();
    let next = json["model"]["vocab"].as_object().unwrap().len();
    for (place, word) in ["Good", "Film", "café"].into_iter().enumerate() {
        json["model"]["vocab"][word] = (next + place).into();
    }
    json["normalizer"]["lowercase"] = false.into();
    write(folder.path(), "tokenizer.json", &json);
    for (name, value) in files {
        write(folder.path(), name, value);
    }
    folder
}

fn write(folder: &Path, name: &str, value: &Value) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    std::fs::write(path, text).unwrap();
}

fn pieces(folder: &Path, longest: usize, first: &str, second: Option<&str>) -> String {
    let tokenizer = Tokenizer::open(folder).unwrap().with_max_length(longest).unwrap();
    let tokens = tokenizer.tokens();
    let read = tokenizer.encode_text(first, second).unwrap();
    let names: Vec<&str> = read.ids.iter().map(|&id| tokens[id as usize].as_str()).collect();
    let segments = if read.segments.is_empty() { String::new() } else { format!(" {:?}", read.segments) };
    names.join(" ") + &segments
}

const MODULES: &str = "modules.json";
const CONFIG: &str = "tokenizer_config.json";

fn modules() -> Value {
    json!([{ "path": "", "type": "sentence_transformers.models.Transformer" }])
}

#[test]
fn lower_case_is_that_of_the_class_of_bert() {
    let class = |config: Value| [(CONFIG, config)];
    let capitals = "[CLS] Good Film [SEP]";
    let small = "[CLS] good film [SEP]";
    for (files, expected) in [
        (class(json!({ "tokenizer_class": "BertTokenizer", "do_lower_case": false })), capitals),
        (class(json!({ "tokenizer_class": "BertTokenizer", "do_lower_case": true })), small),
        (class(json!({ "tokenizer_class": "BertTokenizerFast" })), small),
        (class(json!({ "tokenizer_class": "DistilBertTokenizer" })), small),
        // The general class goes by `tokenizer.json`, whatever stands beside it.
        (class(json!({ "tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": true })), capitals),
    ] {
        assert_eq!(pieces(folder(&files).path(), 32, "Good Film", None), expected, "{files:?}");
    }
    // Where nobody names a class, the model does.
    let of_model = folder(&[("config.json", json!({ "model_type": "bert" }))]);
    assert_eq!(pieces(of_model.path(), 32, "Good Film", None), small);
    let none = folder(&[]);
    assert_eq!(pieces(none.path(), 32, "Good Film", None), capitals);
    // Accents go with capitals unless it is said that they do not.
    for (accents, expected) in [(json!(null), "[CLS] [UNK] [SEP]"), (json!(false), "[CLS] café [SEP]")] {
        let files = class(json!({ "tokenizer_class": "BertTokenizer", "strip_accents": accents }));
        let read = pieces(folder(&files).path(), 32, "café", None);
        assert_eq!(read == "[CLS] café [SEP]", expected == "[CLS] café [SEP]", "{read}");
    }
}

#[test]
fn lower_case_of_sentence_transformers_stands_before_that_of_the_tokenizer() {
    let files = |modules: bool| {
        let mut files = vec![
            (CONFIG, json!({ "tokenizer_class": "BertTokenizer", "do_lower_case": false })),
            ("sentence_bert_config.json", json!({ "max_seq_length": 4, "do_lower_case": true })),
        ];
        if modules {
            files.push((MODULES, self::modules()));
        }
        folder(&files)
    };
    assert_eq!(pieces(files(true).path(), 32, "Good Film a road", None), "[CLS] good film [SEP]");
    // Without modules nobody reads the file.
    assert_eq!(pieces(files(false).path(), 32, "Good Film", None), "[CLS] Good Film [SEP]");
}

#[test]
fn lengths_and_sides_are_heeded() {
    let sentence = |longest: Value| ("sentence_bert_config.json", json!({ "max_seq_length": longest }));
    let config = |longest: Value| (CONFIG, json!({ "model_max_length": longest }));
    let text = "a good film is not bad";
    let [four, five, all] = [4, 5, 8].map(|count| {
        let words: Vec<&str> = text.split(' ').take(count - 2).collect();
        format!("[CLS] {} [SEP]", words.join(" "))
    });
    for (files, expected) in [
        (vec![sentence(json!(4)), config(json!(5)), (MODULES, modules())], &four),
        (vec![sentence(Value::Null), config(json!(5)), (MODULES, modules())], &five),
        (vec![config(json!(5.0))], &five),
        (vec![config(json!(1_000_000_000_000_000_019_884_624_838_656_f64))], &all),
    ] {
        assert_eq!(&pieces(folder(&files).path(), 32, text, None), expected, "{files:?}");
    }
    for longest in [json!("5"), json!(-3), json!(2.5)] {
        let error = Tokenizer::open(folder(&[config(longest)]).path()).unwrap_err().to_string();
        assert!(error.contains("`model_max_length`") && error.contains(CONFIG), "{error}");
    }
    // So few that there is no room for a text; none are needed where no text is read.
    let of_model = |kind: &str| ("config.json", json!({ "model_type": kind }));
    for (files, named) in [
        (vec![config(json!(0)), of_model("bert")], CONFIG),
        (vec![config(json!(1)), of_model("bert")], CONFIG),
        (vec![config(json!(2)), of_model("bert")], CONFIG),
        (vec![config(json!(true)), of_model("bert")], CONFIG),
        (
            vec![sentence(json!(0)), config(json!(5)), (MODULES, modules()), of_model("bert")],
            "sentence_bert_config.json",
        ),
    ] {
        let folder = folder(&files);
        let Err(error) = Tokenizer::open(folder.path()) else { panic!("{files:?}") };
        let error = error.to_string();
        assert!(error.starts_with(&*folder.path().join(named).to_string_lossy()), "{files:?}: {error}");
    }
    Tokenizer::open(folder(&[config(json!(0)), of_model("detector")]).path()).unwrap();
    let left = folder(&[(CONFIG, json!({ "truncation_side": "left" }))]);
    assert_eq!(pieces(left.path(), 5, text, None), "[CLS] is not bad [SEP]");
    let error = Tokenizer::open(folder(&[(CONFIG, json!({ "truncation_side": "up" }))]).path()).unwrap_err();
    assert!(error.to_string().contains("`truncation_side`"), "{error}");

    // Of what `tokenizer.json` says of lengths and padding, the side alone counts.
    let own = folder(&[]);
    let path = own.path().join("tokenizer.json");
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    json["truncation"] =
        json!({ "direction": "Left", "max_length": 3, "strategy": "LongestFirst", "stride": 7 });
    json["padding"] = json!({
        "strategy": { "Fixed": 20 }, "direction": "Left", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
    });
    std::fs::write(&path, json.to_string()).unwrap();
    assert_eq!(pieces(own.path(), 32, text, None), all);
    assert_eq!(pieces(own.path(), 5, text, None), "[CLS] is not bad [SEP]");
}

#[test]
fn segments_are_given_where_the_model_reads_them() {
    let with_segments = "[CLS] a film [SEP] bad [SEP] [0, 0, 0, 0, 1, 1]";
    let without = "[CLS] a film [SEP] bad [SEP]";
    let names = json!(["input_ids", "attention_mask"]);
    let with = json!(["input_ids", "token_type_ids", "attention_mask"]);
    for (config, expected) in [
        (json!({ "tokenizer_class": "BertTokenizer" }), with_segments),
        (json!({ "tokenizer_class": "BertTokenizer", "model_input_names": names }), without),
        (json!({ "tokenizer_class": "PreTrainedTokenizerFast" }), without),
        (json!({ "tokenizer_class": "PreTrainedTokenizerFast", "model_input_names": with }), with_segments),
        (json!({ "tokenizer_class": "DistilBertTokenizerFast" }), without),
    ] {
        let folder = folder(&[(CONFIG, config)]);
        assert_eq!(pieces(folder.path(), 32, "a film", Some("bad")), expected);
    }
}

#[test]
fn length_of_sentences_is_in_the_file_of_any_family() {
    let own = folder(&[
        (MODULES, modules()),
        ("sentence_roberta_config.json", json!({ "max_seq_length": 5, "do_lower_case": true })),
    ]);
    let read = Tokenizer::open(own.path()).unwrap();
    assert_eq!(read.encoding_options().max_length, Some(5));
    assert_eq!(pieces(own.path(), 5, "Good Film", None), "[CLS] good film [SEP]");
}

/// Tokens that `tokenizer.json` alone makes of texts together, as whoever has the library and no more runs it.
fn by_the_file_alone(folder: &Path, texts: &[&str]) -> Vec<Vec<String>> {
    let json = std::fs::read_to_string(folder.join("tokenizer.json")).unwrap();
    let tokenizer: tokenizers::Tokenizer = json.parse().unwrap();
    let encoded = tokenizer.encode_batch(texts.to_vec(), true).unwrap();
    encoded.into_iter().map(|encoding| encoding.get_tokens().to_vec()).collect()
}

#[test]
fn what_is_written_reads_by_tokenizer_json_alone_as_by_all_files() {
    let own = folder(&[
        (MODULES, modules()),
        (CONFIG, json!({ "tokenizer_class": "BertTokenizer", "do_lower_case": true, "pad_token": "[PAD]" })),
        ("sentence_bert_config.json", json!({ "max_seq_length": 6, "do_lower_case": false })),
    ]);
    let path = own.path().join("tokenizer.json");
    let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    json["truncation"] =
        json!({ "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0 });
    json["padding"] = json!({
        "strategy": { "Fixed": 20 }, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
    });
    write(own.path(), "tokenizer.json", &json);
    let texts = ["Good Film", "a good film is not bad"];
    assert_eq!(by_the_file_alone(own.path(), &texts)[0].len(), 20);

    let read = Tokenizer::open(own.path()).unwrap();
    let files = TokenizerFiles::checked(own.path()).unwrap().with_encoding(&read, 8, true).unwrap();
    let out = tempfile::tempdir().unwrap();
    files.write(out.path()).unwrap();
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(out.path().join(CONFIG)).unwrap()).unwrap();
    assert_eq!(config["model_max_length"], 6);
    let tokens = by_the_file_alone(out.path(), &texts);
    assert_eq!(tokens[0].join(" "), "[CLS] good film [SEP] [PAD] [PAD]");
    assert_eq!(tokens[1].join(" "), "[CLS] a good film is [SEP]");
    assert_eq!(tokens[1].join(" "), pieces(own.path(), 6, texts[1], None));
    // A model that reads fewer tokens than the files say bounds them.
    files.with_encoding(&read, 5, true).unwrap().write(out.path()).unwrap();
    assert_eq!(by_the_file_alone(out.path(), &texts)[1].join(" "), "[CLS] a good film [SEP]");
    // What is generated of a text hangs on the whole of it.
    files.with_encoding(&read, 5, false).unwrap().write(out.path()).unwrap();
    assert_eq!(by_the_file_alone(out.path(), &texts)[1].len(), 8);
    // Nothing is written anew where nothing is to be said.
    assert_eq!(files.with_encoding(&read, 8, true).unwrap(), files);
}

#[test]
fn class_of_any_tokenizer_is_written_by_the_name_that_all_versions_know() {
    let names = json!(["input_ids", "token_type_ids", "attention_mask"]);
    let own =
        folder(&[(CONFIG, json!({ "tokenizer_class": "TokenizersBackend", "model_input_names": names }))]);
    let read = Tokenizer::open(own.path()).unwrap();
    let files = TokenizerFiles::checked(own.path()).unwrap().with_encoding(&read, 8, true).unwrap();
    let out = tempfile::tempdir().unwrap();
    files.write(out.path()).unwrap();
    let config: Value =
        serde_json::from_str(&std::fs::read_to_string(out.path().join(CONFIG)).unwrap()).unwrap();
    assert_eq!(config["tokenizer_class"], "PreTrainedTokenizerFast");
    assert!(!Tokenizer::open(out.path()).unwrap().encoding_options().one_segment);
}

#[test]
fn a_prompt_is_put_before_texts_by_name() {
    let prompts = |name: Value| {
        (
            "config_sentence_transformers.json",
            json!({ "prompts": { "query": "query: ", "none": "" }, "default_prompt_name": name }),
        )
    };
    let read = |name: Value| pieces(folder(&[prompts(name)]).path(), 32, "a film", None);
    assert_eq!(read(json!("query")), "[CLS] query : a film [SEP]");
    assert_eq!(read(Value::Null), "[CLS] a film [SEP]");
    assert_eq!(read(json!("none")), "[CLS] a film [SEP]");
    let error = Tokenizer::open(folder(&[prompts(json!("other"))]).path()).unwrap_err().to_string();
    assert!(error.contains("`other`") && error.contains("config_sentence_transformers.json"), "{error}");
    let folder = folder(&[prompts(json!("query"))]);
    let prompted = Tokenizer::open(folder.path()).unwrap();
    assert_eq!(prompted.prompt_length().unwrap(), 3);
    let (encoded, first) = prompted.encode_words("a film").unwrap();
    assert_eq!((encoded.ids.len(), first), (6, vec![Some(3), Some(4)]));
    assert_ne!(prompted.identity().unwrap(), prompted.to_json().unwrap());
}

#[test]
fn a_vocabulary_of_a_token_a_line_is_enough() {
    let own = folder(&[]);
    let json: Value =
        serde_json::from_str(&std::fs::read_to_string(own.path().join("tokenizer.json")).unwrap()).unwrap();
    let mut tokens: Vec<(u64, &String)> = json["model"]["vocab"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(token, id)| (id.as_u64().unwrap(), token))
        .collect();
    tokens.sort_unstable();
    let lines: Vec<&str> = tokens.iter().map(|(_, token)| token.as_str()).collect();
    let alone = |end: &str, files: &[(&str, Value)]| {
        let folder = folder(files);
        std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
        write(folder.path(), "vocab.txt", &json!(lines.join(end) + end));
        folder
    };
    let bert = ("config.json", json!({ "model_type": "bert" }));
    for end in ["\n", "\r\n"] {
        let folder = alone(end, std::slice::from_ref(&bert));
        assert_eq!(
            pieces(folder.path(), 32, "Good [MASK] Film", Some("bad")),
            "[CLS] good [MASK] film [SEP] bad [SEP] [0, 0, 0, 0, 0, 1, 1]"
        );
    }
    let capitals = alone("\n", &[bert.clone(), (CONFIG, json!({ "do_lower_case": false }))]);
    assert_eq!(pieces(capitals.path(), 32, "Good Film", None), "[CLS] Good Film [SEP]");
    let more = alone(
        "\n",
        &[
            bert.clone(),
            ("added_tokens.json", json!({ "xqx": lines.len() })),
            ("special_tokens_map.json", json!({ "cls_token": { "content": "road" } })),
        ],
    );
    assert_eq!(pieces(more.path(), 32, "good xqx", None), "road good xqx [SEP]");
    // What is written for other programs has the file that they read.
    let files = Tokenizer::open(more.path()).unwrap().files(32).unwrap();
    let out = tempfile::tempdir().unwrap();
    files.write(out.path()).unwrap();
    assert_eq!(pieces(out.path(), 32, "good xqx", None), "road good xqx [SEP]");

    // Vocabularies of other classes need more than a list.
    let other = alone("\n", &[("config.json", json!({ "model_type": "roberta" }))]);
    write(other.path(), "merges.txt", &json!(""));
    let error = Tokenizer::open(other.path()).unwrap_err().to_string();
    assert!(error.contains("`merges.txt`") && error.contains("save_pretrained"), "{error}");
    let error = Tokenizer::open(tempfile::tempdir().unwrap().path()).unwrap_err().to_string();
    assert!(error.contains("tokenizer.json: there is no such file"), "{error}");
}

#[test]
fn files_that_are_something_else_are_named() {
    for (name, text, expected) in [
        ("tokenizer.json", "{\n  \"model\": {\n", "line 3"),
        ("tokenizer.json", "version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        ("tokenizer.json", "<!DOCTYPE html><html></html>", "HTML"),
        ("tokenizer.json", "[]", "no `model`"),
        (CONFIG, "{", "line 1"),
        ("special_tokens_map.json", "{,}", "line 1"),
        ("added_tokens.json", "{\"x\": \"y\"}", "the id of `x`"),
    ] {
        let folder = folder(&[]);
        write(folder.path(), name, &json!(text));
        let error = Tokenizer::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn hostile_files_end_in_a_message() {
    let changed = |change: &dyn Fn(&mut Value)| {
        let folder = folder(&[]);
        let path = folder.path().join("tokenizer.json");
        let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut json);
        std::fs::write(&path, json.to_string()).unwrap();
        let text = "a good film ".repeat(60);
        Tokenizer::open(folder.path())
            .and_then(|tokenizer| tokenizer.with_max_length(16)?.encode_text(&text, None))
            .map_err(|error| error.to_string())
    };
    let replace =
        |from: &str, to: &str| json!({ "type": "Replace", "pattern": { "String": from }, "content": to });
    // Twenty rules that double a letter each: refused by what becomes of the text, and not by their number.
    let twenty =
        |from: &str, to: &str| json!({ "type": "Sequence", "normalizers": vec![replace(from, to); 20] });
    let error = changed(&|json| json["normalizer"] = twenty("a", "aa")).unwrap_err();
    assert!(error.contains("normalizer") && error.contains("tokenizer.json"), "{error}");
    assert!(changed(&|json| json["normalizer"] = twenty("ξ", "ξξ")).is_ok());
    let error = changed(&|json| json["post_processor"]["special_tokens"] = json!({})).unwrap_err();
    assert!(error.contains("`[CLS]`") && error.contains("tokenizer.json"), "{error}");
    // What nobody thought of: the library fails, the program does not.
    for change in [
        (&|json: &mut Value| json["model"]["unk_token"] = json!("nothing")) as &dyn Fn(&mut Value),
        &|json| json["model"]["vocab"] = json!({}),
        &|json| json["normalizer"] = json!({ "type": "Nothing" }),
        &|json| {
            json["pre_tokenizer"] = json!({ "type": "Split", "pattern": { "Regex": "(" }, "behavior": "Isolated", "invert": false });
        },
        &|json| json["model"]["type"] = json!("Unigram"),
    ] {
        if let Err(error) = changed(change) {
            assert!(error.contains("tokenizer.json"), "{error}");
        }
    }
}

#[test]
fn a_text_of_a_megabyte_is_cut_before_it_is_read() {
    let long = "a good film ".repeat(100_000);
    for side in ["left", "right"] {
        let folder = folder(&[(CONFIG, json!({ "truncation_side": side }))]);
        let tokenizer = Tokenizer::open(folder.path()).unwrap().with_max_length(5).unwrap();
        let read = tokenizer.encode_text(&long, None).unwrap();
        assert!(read.truncated);
        assert_eq!(read.ids, tokenizer.encode_text("a good film", None).unwrap().ids);
        let (words, first) = tokenizer.encode_words(&long).unwrap();
        assert_eq!(words.ids, read.ids);
        assert_eq!(first.iter().flatten().count(), 3);
    }
}

#[test]
fn faults_of_files_of_the_tokenizer_are_reported_with_the_file() {
    for (name, value, key) in [
        (CONFIG, json!({ "truncation_side": 1 }), "truncation_side"),
        (CONFIG, json!({ "model_input_names": "input_ids" }), "model_input_names"),
        (CONFIG, json!({ "do_lower_case": "false" }), "do_lower_case"),
        (CONFIG, json!({ "strip_accents": 0 }), "strip_accents"),
        (CONFIG, json!([]), "object"),
        ("added_tokens.json", json!({ "<x>": "1" }), "<x>"),
        (
            "config_sentence_transformers.json",
            json!({ "default_prompt_name": "query" }),
            "default_prompt_name",
        ),
    ] {
        let folder = folder(&[(name, value)]);
        let error = Tokenizer::open(folder.path()).map(drop).unwrap_err().to_string();
        let place = folder.path().join(name);
        assert!(error.starts_with(&*format!("{}: ", place.display())) && error.contains(key), "{error}");
    }
    for name in ["tokenizer.json", CONFIG, "modules.json"] {
        let folder = folder(&[]);
        let place = folder.path().join(name);
        let _ = std::fs::remove_file(&place);
        std::fs::create_dir(&place).unwrap();
        let error = Tokenizer::open(folder.path()).map(drop).unwrap_err().to_string();
        assert_eq!(error, format!("{}: this is a folder, and a file is needed", place.display()));
    }
}
