//! Predictions of `predict` for lines, and its warnings.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, json_of, run, run_with, tiny_encoder};
use alambic_files::text::first_hidden;
use alambic_models::Tokenizer;
use alambic_models::text_encoder::{
    Head, HeadSpec, Pooling, PoolingMode, ProblemType, TextEncoderConfig, TokenPooling,
};
use alambic_tensor::precision::MatmulPrecision;
use serde_json::Value;

const LONGEST: usize = 8;

/// Writes a model of random weights that reads eight tokens.
fn model(folder: &Path, name: &str, task: &HeadSpec, change: impl FnOnce(&mut TextEncoderConfig)) {
    let tokenizer = Tokenizer::train_words(["a good film", "the bad song"], 60).unwrap();
    tiny_encoder(&folder.join(name), &tokenizer, LONGEST, task, change);
}

/// The task of classifying texts.
fn classes(labels: &[&str]) -> HeadSpec {
    let labels = labels.iter().map(ToString::to_string).collect();
    HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() }
}

/// The answers of lines of JSON.
fn answers(text: &str) -> Vec<Value> {
    text.lines().map(json).collect()
}

#[test]
fn lines_before_a_bad_one_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "model", &classes(&["no", "yes"]), |_| {});
    let ended = run_with(
        folder.path(),
        &["predict", "model"],
        b"\xef\xbb\xbfa good film\r\n\nthe bad song\n\xff\xfe broken\nlast\n",
    );
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ended.stdout);
    assert!(lines[0].starts_with("a good film\t") && lines[1].starts_with('\t'), "{}", ended.stdout);
    assert!(ended.stderr.contains("line 4: not UTF-8"), "{}", ended.stderr);
    // The same where the model knows better than the reader of lines.
    let tiny = crate::common::tiny_model(folder.path());
    let tiny = tiny.file_name().unwrap().to_str().unwrap();
    let ended = run_with(folder.path(), &["predict", tiny], "zorva\tta\nzorva\txx\nzorva\ten\n");
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(2), 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("line 2: the model does not write `xx`"), "{}", ended.stderr);
}

#[test]
fn truncated_text_is_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "model", &classes(&["no", "yes"]), |_| {});
    let input = format!("a film\n{}\na song\n", "a good film ".repeat(9));
    let ended = run_with(folder.path(), &["predict", "model", "--json"], &input);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("line 2") && ended.stderr.contains("truncated"), "{}", ended.stderr);
    let truncated: Vec<bool> = answers(&ended.stdout).iter().map(|line| line["truncated"] == true).collect();
    assert_eq!(truncated, [false, true, false]);
    // A line that never seems to end is cut before its tokens are made.
    let input = format!("{}\na film\n", "x".repeat(3 << 20));
    let ended = run_with(folder.path(), &["predict", "model", "--json"], &input);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("longer than lines are read"), "{}", ended.stderr);
    let lines = answers(&ended.stdout);
    assert_eq!(lines[0]["text"].as_str().unwrap().len(), 1 << 20);
    assert_eq!((lines.len(), &lines[1]["text"]), (2, &Value::from("a film")));
    // Many are reported in a few lines.
    let many = "a good film a good film a good film\n".repeat(40);
    let ended = run_with(folder.path(), &["predict", "model"], &many);
    assert!(ended.stderr.lines().count() < 15 && ended.stderr.contains("40 texts"), "{}", ended.stderr);
}

#[test]
fn labels_that_steer_a_terminal_are_shown() {
    let folder = tempfile::tempdir().unwrap();
    let labels = ["no\u{1b}[2J\u{202e}", "yes\u{1b}]0;x\u{7}\u{2066}"];
    model(folder.path(), "model", &classes(&labels), |_| {});
    model(folder.path(), "tags", &HeadSpec { head: Head::Tokens, ..classes(&labels) }, |_| {});
    for model in ["model", "tags"] {
        for more in [&[][..], &["--json"]] {
            let arguments = [&["predict", model][..], more, &["a \u{1b}film\u{2028}"]].concat();
            let said = run(folder.path(), &arguments).good();
            let hidden = first_hidden(&said.trim_end().replace('\t', " "));
            assert_eq!(hidden, None, "{said}");
            assert!(
                said.contains(if more.is_empty() { "\\u{202e}" } else { "\\u202e" }) || said.contains("2066"),
                "{said}"
            );
        }
    }
    let said = run(folder.path(), &["predict", "model", "--json", "a"]).good();
    assert!(answers(&said)[0]["probabilities"].as_object().unwrap().contains_key(labels[0]));
}

#[test]
fn a_tab_is_white_space_for_a_model_of_single_texts() {
    let folder = tempfile::tempdir().unwrap();
    let task = |pairs| HeadSpec { pairs, ..classes(&["no", "yes"]) };
    for (name, pairs) in [("single", Some(false)), ("pairs", Some(true)), ("unknown", None)] {
        model(folder.path(), name, &task(pairs), |_| {});
    }
    let said = |model: &str, more: &[&str], text: &str| {
        let arguments = [&["predict", model, "--json"][..], more, &[text]].concat();
        answers(&run(folder.path(), &arguments).good())[0]["probabilities"].clone()
    };
    assert_eq!(said("single", &[], "a film\tbad"), said("single", &[], "a film bad"));
    let pair = said("single", &["--pair"], "a film\tbad");
    assert_ne!(pair, said("single", &[], "a film bad"));
    for model in ["pairs", "unknown"] {
        assert_eq!(said(model, &[], "a film\tbad"), pair);
        assert_eq!(said(model, &["--pair=false"], "a film\tbad"), said("single", &[], "a film bad"));
    }
    let refused = run(folder.path(), &["predict", "pairs", "a film"]).bad(2);
    assert!(refused.contains("--pair=false"), "{refused}");
    // Whoever loads a model of pairs elsewhere gets its numbers as they are.
    let number = HeadSpec { labels: vec!["LABEL_0".into()], regression: true, ..task(Some(true)) };
    model(folder.path(), "number", &number, |_| {});
    let config = std::fs::read_to_string(folder.path().join("number/config.json")).unwrap();
    assert!(config.contains("torch.nn.modules.linear.Identity"), "{config}");
}

/// What sentence-transformers' `CrossEncoder.predict` gives: `tests/python/cross_encoder_predicts.py` holds the two against each
/// other.
#[test]
fn score_of_a_cross_encoder_has_the_function_that_its_folder_names() {
    let folder = tempfile::tempdir().unwrap();
    let number = HeadSpec { regression: true, pairs: Some(true), ..classes(&["LABEL_0"]) };
    model(folder.path(), "model", &number, |_| {});
    let config = folder.path().join("model/config.json");
    let written: Value = json(&std::fs::read_to_string(&config).unwrap());
    let score = |problem_type: Value, named: &[(&str, Value)]| -> Result<f64, String> {
        let mut own = written.clone();
        own["problem_type"] = problem_type;
        own.as_object_mut().unwrap().remove("sentence_transformers");
        for (key, value) in named {
            own[*key] = value.clone();
        }
        std::fs::write(&config, own.to_string()).unwrap();
        let ended = run(folder.path(), &["predict", "model", "--json", "a film\tthe song"]);
        if ended.code == Some(0) {
            Ok(answers(&ended.stdout)[0]["prediction"].as_f64().unwrap())
        } else {
            Err(ended.stderr)
        }
    };
    let named = |name: &str| [("sentence_transformers", serde_json::json!({ "activation_fn": name }))];
    let identity = "torch.nn.modules.linear.Identity";
    let logit = score(Value::Null, &named(identity)).unwrap();
    let sigmoid = 1.0 / (1.0 + (-logit).exp());
    let is_near =
        |found: f64, expected: f64| assert!((found - expected).abs() < 1e-6, "{found} and {expected}");
    is_near(score(Value::Null, &[]).unwrap(), sigmoid);
    is_near(score(Value::Null, &[("sbert_ce_default_activation_function", identity.into())]).unwrap(), logit);
    is_near(score("regression".into(), &[]).unwrap(), logit);
    is_near(score("regression".into(), &named("torch.nn.modules.activation.Sigmoid")).unwrap(), sigmoid);
    let said = score(Value::Null, &named("torch.nn.modules.activation.Tanh")).unwrap_err();
    assert!(said.contains("Tanh") && said.contains("Identity and Sigmoid"), "{said}");
    // What version 6 writes goes before.
    let newer = folder.path().join("model/config_sentence_transformers.json");
    std::fs::write(newer, serde_json::json!({ "activation_fn": identity }).to_string()).unwrap();
    is_near(score(Value::Null, &[]).unwrap(), logit);
}

#[test]
fn table_is_read_by_the_names_of_its_columns() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "model", &classes(&["no", "yes"]), |config| config.pairs = Some(false));
    model(folder.path(), "pairs", &classes(&["no", "yes"]), |config| config.pairs = Some(true));
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("in.tsv", "label\ttext\tother\nyes\ta good film\tthe bad song\nno\tthe bad song\ta good film\n");
    write("in.jsonl", "{\"text\": \"a good film\"}\n{\"text\": \"the bad song\"}\n");
    let lines = run_with(folder.path(), &["predict", "model"], "a good film\nthe bad song\n").good();
    assert_eq!(run(folder.path(), &["predict", "model", "--input", "in.tsv"]).good(), lines);
    assert_eq!(run(folder.path(), &["predict", "model", "--input", "in.jsonl"]).good(), lines);
    assert_eq!(
        run(folder.path(), &["predict", "model", "--input", "in.tsv", "--output", "out.csv"]).good(),
        ""
    );
    let written = std::fs::read_to_string(folder.path().join("out.csv")).unwrap();
    assert_eq!(written, format!("text,prediction\n{}", lines.replace('\t', ",")));
    let both = run_with(folder.path(), &["predict", "pairs"], "a good film\tthe bad song\n").done();
    let named = ["predict", "pairs", "--input", "in.tsv", "--columns", "text,other"];
    assert!(run(folder.path(), &named).done().starts_with(&both));

    let refused = |arguments: &[&str], expected: &str| {
        let said = run(folder.path(), &[&["predict"], arguments].concat()).bad(2);
        assert!(said.contains(expected), "{said}");
    };
    refused(&["model", "--input", "in.tsv", "--columns", "text,other"], "this model reads single texts");
    refused(&["model", "in.tsv"], "`in.tsv` is a file: `--input` reads a table");
    refused(&["model", "--input", "in.tsv", "--output", "out.csv"], "is there already");
    refused(&["model", "--input", "in.tsv", "--output", "out.parquet"], ".jsonl");
    let said = run(folder.path(), &["predict", "model", "--input", "in.tsv", "--columns", "txt"]).bad(1);
    assert!(said.contains("in.tsv") && said.contains("txt"), "{said}");
}

#[test]
fn student_of_a_run_is_found_in_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "run/student", &classes(&["no", "yes"]), |_| {});
    let answer = run(folder.path(), &["predict", "run/student", "a film"]).good();
    assert_eq!(run(folder.path(), &["predict", "run", "a film"]).good(), answer);
    let bench = ["bench", "run", "--batch", "1", "--length", "4", "--rounds", "1", "--json"];
    let measured = json(&run(folder.path(), &bench).done());
    assert_eq!(measured[0]["model"], "run");
}

#[test]
fn every_kind_of_answer_is_given_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let three = classes(&["red", "green", "blue"]);
    model(folder.path(), "several", &three, |config| config.problem_type = ProblemType::MultiLabel);
    model(folder.path(), "numbers", &HeadSpec { regression: true, ..three.clone() }, |_| {});
    model(folder.path(), "one", &three, |_| {});
    let said =
        |model: &str| answers(&run(folder.path(), &["predict", model, "--json", "a film"]).good())[0].clone();
    let numbers = said("numbers")["numbers"].clone();
    let (several, one) = (said("several"), said("one"));
    let mut held = Vec::new();
    for (name, number) in numbers.as_object().unwrap() {
        let number = number.as_f64().unwrap();
        let sigmoid = several["probabilities"][name].as_f64().unwrap();
        assert!((sigmoid - 1.0 / (1.0 + (-number).exp())).abs() < 1e-6, "{several}");
        if number > 0.0 {
            held.push(name.clone());
        }
    }
    assert_eq!(several["prediction"], Value::from(held));
    let sum: f64 = one["probabilities"].as_object().unwrap().values().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-6);
    let plain = run(folder.path(), &["predict", "numbers", "a film"]).good();
    assert!(["red ", "green ", "blue "].iter().all(|name| plain.contains(name)), "{plain}");

    // Names that are numbers, in another order; and ids without a name.
    let path = folder.path().join("one/config.json");
    let config: Value = json_of(&path);
    let change = |labels: Value| {
        let mut config = config.clone();
        config["id2label"] = labels;
        std::fs::write(&path, config.to_string()).unwrap();
    };
    change(serde_json::json!({ "2": 0, "0": 2, "1": 0.5 }));
    let names: Vec<String> = said("one")["probabilities"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(names, ["2", "0.5", "0"]);
    change(serde_json::json!({ "0": "red", "1": "green", "3": "blue" }));
    let refused = run(folder.path(), &["predict", "one", "a film"]).bad(1);
    assert!(refused.contains("`id2label`") && refused.contains("config.json"), "{refused}");
}

#[test]
fn encoder_reads_by_the_files_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let pooled = |modes: &[TokenPooling]| Some(Pooling::new(PoolingMode::Tokens(modes.to_vec()), true));
    model(folder.path(), "mean", &HeadSpec::none(), |config| config.pooling = pooled(&[TokenPooling::Mean]));
    model(folder.path(), "both", &HeadSpec::none(), |config| {
        config.pooling = pooled(&[TokenPooling::First, TokenPooling::Mean]);
    });
    let vector = |model: &str, text: &str| -> Vec<f64> {
        let said = answers(&run(folder.path(), &["predict", model, "--json", text]).good());
        said[0]["embedding"].as_array().unwrap().iter().filter_map(Value::as_f64).collect()
    };
    assert_eq!((vector("mean", "a film").len(), vector("both", "a film").len()), (8, 16));
    assert_eq!(vector("mean", "a\tfilm"), vector("mean", "a film"));
    // Older folders have the model in one of its own.
    let inner = folder.path().join("older/0_Transformer");
    std::fs::create_dir_all(folder.path().join("older/1_Pooling")).unwrap();
    std::fs::create_dir_all(&inner).unwrap();
    let mean = folder.path().join("mean");
    for name in ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(mean.join(name), inner.join(name)).unwrap();
    }
    std::fs::copy(mean.join("1_Pooling/config.json"), folder.path().join("older/1_Pooling/config.json"))
        .unwrap();
    let modules = std::fs::read_to_string(mean.join("modules.json")).unwrap();
    let moved = modules.replacen("\"path\": \"\"", "\"path\": \"0_Transformer\"", 1);
    let older = folder.path().join("older/modules.json");
    std::fs::write(&older, &moved).unwrap();
    assert_eq!(vector("older", "a film"), vector("mean", "a film"));
    // A module that is not known, or that lies elsewhere, is refused by name.
    for (from, to, expected) in [
        ("models.Normalize", "models.LayerNorm", "LayerNorm"),
        ("models.Normalize", "models.LSTM", "LSTM"),
        ("models.Transformer", "models.WordEmbeddings", "WordEmbeddings"),
        ("1_Pooling", "../mean/1_Pooling", "../mean/1_Pooling"),
    ] {
        std::fs::write(&older, moved.replace(from, to)).unwrap();
        let said = run(folder.path(), &["predict", "older", "a film"]);
        assert_eq!(said.code, Some(1), "{from}");
        assert!(
            said.stderr.contains("older") && (said.stderr.contains(expected) || to.contains("Word")),
            "{}",
            said.stderr
        );
    }
}

#[test]
fn fallback_precision_and_unused_tensors_are_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    model(folder.path(), "model", &classes(&["no", "yes"]), |config| config.layers = 2);
    // MatmulPrecision fall back where the processor has no others, and nowhere else.
    for precision in
        [MatmulPrecision::F32, MatmulPrecision::Bf16, MatmulPrecision::Bf16x3, MatmulPrecision::Int8]
    {
        for arguments in [&["predict", "model", "a film"][..], &["bench", "model", "--rounds", "1"]] {
            let arguments = [arguments, &["--precision", precision.name(), "--length", "4"]].concat();
            let arguments = if arguments[0] == "predict" { &arguments[..5] } else { &arguments[..] };
            let ended = run(folder.path(), arguments);
            assert_eq!(ended.code, Some(0), "{}", ended.stderr);
            let is_warned = ended.stderr.contains("; using f32");
            assert_eq!(is_warned, !precision.is_supported(), "{arguments:?}: {}", ended.stderr);
        }
    }
    // A configuration of fewer layers than the file has.
    let path = folder.path().join("model/config.json");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    config["num_hidden_layers"] = 1.into();
    std::fs::write(&path, config.to_string()).unwrap();
    for arguments in [
        &["predict", "model", "a film"][..],
        &["bench", "model", "--rounds", "1", "--length", "4"],
        &["export", "model", "--to", "out"],
    ] {
        let ended = run(folder.path(), arguments);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let count = ended.stderr.matches("num_hidden_layers is 1, and the weights have 2 layers").count();
        assert_eq!(count, 1, "{arguments:?}: {}", ended.stderr);
    }
}
