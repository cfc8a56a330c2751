//! What models write: `trace --generate`, and the flags of `predict` about decoding.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{copy, ids, json, json_of, run, tiny_model};
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::parameters::{self, Weights};
use serde_json::Value;

/// Families whose models write, with what transformers writes of twenty inputs.
const FAMILIES: [&str; 1] = ["marian-peaked"];

fn parity(family: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity").join(family)
}

/// Writes inputs padded to one length.
fn save_inputs(path: &Path, inputs: &[Vec<i64>], padding: i64) {
    let longest = inputs.iter().map(Vec::len).max().unwrap();
    let padded = |fill: &dyn Fn(&[i64], usize) -> i64| -> Tensor {
        let rows: Vec<Vec<i64>> =
            inputs.iter().map(|row| (0..longest).map(|place| fill(row, place)).collect()).collect();
        ids(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
    };
    let tensors = Weights::from_iter([
        ("input_ids".to_owned(), padded(&|row, place| row.get(place).copied().unwrap_or(padding))),
        ("attention_mask".to_owned(), padded(&|row, place| i64::from(place < row.len()))),
    ]);
    parameters::save(&tensors, &[], path).unwrap();
}

fn rows(value: &Value) -> Vec<Vec<i64>> {
    serde_json::from_value(value.clone()).unwrap()
}

/// The targets of a trace, filled up as they are.
fn generated(path: &Path) -> Vec<Vec<i64>> {
    let traced = parameters::load(path).unwrap();
    assert_eq!(traced["generated"].dtype(), DType::I64);
    traced["generated"].to_vec2().unwrap()
}

#[test]
fn generated_targets_are_those_of_transformers() {
    for family in FAMILIES {
        let folder = tempfile::tempdir().unwrap();
        let expected = json_of(&parity(family).join("generated.json"));
        let padding = expected["padding"].as_i64().unwrap();
        save_inputs(&folder.path().join("in.safetensors"), &rows(&expected["inputs"]), padding);
        let model = parity(family).join("model").display().to_string();
        for setting in expected["settings"].as_array().unwrap() {
            let options = setting["generate"].as_str().unwrap();
            let trace =
                ["trace", &model, "--inputs", "in.safetensors", "--out", "out.safetensors", "--generate"];
            run(folder.path(), &[&trace[..], &[options]].concat()).good();
            let outputs = rows(&setting["outputs"]);
            let longest = outputs.iter().map(Vec::len).max().unwrap();
            let filled = outputs.into_iter().map(|mut row| {
                row.resize(longest, padding);
                row
            });
            let out = folder.path().join("out.safetensors");
            assert_eq!(generated(&out), filled.collect::<Vec<_>>(), "{family}: {options}");
            // Without targets, the encoder's taps are all there are.
            let traced = parameters::load(&out).unwrap();
            assert!(traced.contains_key("encoder.hidden.0") && !traced.contains_key("logits"));
        }
    }
}

#[test]
fn options_that_are_left_out_are_those_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let expected = json_of(&parity("marian-peaked").join("generated.json"));
    save_inputs(&folder.path().join("in.safetensors"), &rows(&expected["inputs"]), 130);
    copy(&parity("marian-peaked").join("model"), &folder.path().join("model"));
    let out = folder.path().join("out.safetensors");
    let trace = |options: &str| {
        let trace =
            ["trace", "model", "--inputs", "in.safetensors", "--out", "out.safetensors", "--generate"];
        run(folder.path(), &[&trace[..], &[options]].concat())
    };
    let settings = folder.path().join("model/generation_config.json");
    let mut own = json_of(&settings);
    trace("beams=4,length-penalty=0.6,no-repeat-ngram=2,max-new-tokens=9,early-stopping=true").good();
    let named = generated(&out);
    for (key, value) in [
        ("num_beams", serde_json::json!(4)),
        ("length_penalty", serde_json::json!(0.6)),
        ("no_repeat_ngram_size", serde_json::json!(2)),
        ("early_stopping", serde_json::json!(true)),
        ("max_length", serde_json::json!(10)),
        ("renormalize_logits", serde_json::json!(false)),
        ("a_key_of_others", serde_json::json!({})),
    ] {
        own[key] = value;
    }
    fs::write(&settings, own.to_string()).unwrap();
    trace("").good();
    assert_eq!(generated(&out), named);
    trace(" beams = 1 , max-new-tokens=2").good();
    assert!(generated(&out).iter().all(|row| row.len() == 3));
    // A key that is not followed is named, and the rest is done.
    own["repetition_penalty"] = serde_json::json!(1.3);
    fs::write(&settings, own.to_string()).unwrap();
    let ended = trace("beams=2");
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains("repetition_penalty"), "{}", ended.stderr);
    // Without the file, `config.json` says what there is to say.
    fs::remove_file(&settings).unwrap();
    trace("max-new-tokens=3").good();
    assert!(generated(&out).iter().all(|row| row.len() < 4 || row[3] == 0 || row[3] == 130));
    for (key, value) in [
        ("num_beams", serde_json::json!("4")),
        ("bad_words_ids", serde_json::json!([[131]])),
        ("eos_token_id", serde_json::json!([0, -1])),
    ] {
        fs::write(&settings, serde_json::json!({ key: value }).to_string()).unwrap();
        let said = trace("").bad(1);
        assert!(said.contains("generation_config.json") && said.contains(key), "{said}");
    }
}

#[test]
fn options_that_are_wrong_are_errors_of_usage() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    save_inputs(&folder.path().join("in.safetensors"), &[vec![2, 5, 0]], 1);
    for options in [
        "beams=0",
        "beams",
        "beams=2,beams=3",
        "beams=2,",
        "beam=2",
        "temperature=1",
        "forced-first=100000",
        "early-stopping=1",
        "max-new-tokens=0",
    ] {
        let trace = ["trace", "tiny", "--inputs", "in.safetensors", "--out", "out.safetensors", "--generate"];
        let said = run(folder.path(), &[&trace[..], &[options]].concat()).bad(2);
        assert!(said.contains("--generate"), "{options}: {said}");
        assert!(!folder.path().join("out.safetensors").exists());
    }
    let encoder = parity("bert").join("model").display().to_string();
    let trace =
        ["trace", &encoder, "--inputs", "in.safetensors", "--out", "out.safetensors", "--generate", ""];
    let said = run(folder.path(), &trace).bad(2);
    assert!(said.contains("writes texts"), "{said}");
}

#[test]
fn predictions_are_drawn_alike_in_any_batch() {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let predict = |more: &[&str]| {
        let common = ["predict", "tiny", "--target-language", "ta", "--max-new-tokens", "6", "--json"];
        run(folder.path(), &[&common[..], more, &["zorva", "rova", "orva", "vazo"]].concat())
    };
    let drawn = predict(&["--temperature", "3", "--top-p", "0.95", "--sampling-seed", "5"]).good();
    assert_eq!(
        predict(&["--temperature", "3", "--top-p", "0.95", "--sampling-seed", "5", "--batch", "1"]).good(),
        drawn
    );
    assert_ne!(predict(&["--temperature", "3", "--top-p", "0.95", "--sampling-seed", "6"]).good(), drawn);
    // The likeliest token alone is greedy decoding.
    let texts = |said: &str| -> Vec<String> {
        said.lines().map(|line| json(line)["prediction"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(texts(&predict(&["--top-k", "1"]).good()), texts(&predict(&[]).good()));
    for (flags, reason) in [
        (&["--temperature", "0"][..], "from 0.001"),
        (&["--top-p", "1.1"], "from 0 to 1"),
        (&["--top-k", "0"], "top-k"),
        (&["--early-stopping", "maybe"], "never"),
        (&["--length-penalty", "nan"], "a number"),
        (&["--top-k", "2", "--beam", "2"], "the beam has 2"),
        (&["--sampling-seed", "2"], "nothing is drawn"),
        (&["--early-stopping", "never"], "no beam"),
    ] {
        let said = predict(flags).bad(2);
        assert!(said.contains(reason), "{flags:?}: {said}");
    }
    let written = predict(&[
        "--beam",
        "3",
        "--early-stopping",
        "never",
        "--no-repeat-ngram",
        "1",
        "--length-penalty",
        "2",
    ]);
    for text in texts(&written.good()) {
        let mut characters: Vec<char> = text.chars().collect();
        characters.sort_unstable();
        assert!(characters.windows(2).all(|pair| pair[0] != pair[1]), "{text}");
    }
    let encoder = parity("bert").join("model").display().to_string();
    let said = run(folder.path(), &["predict", &encoder, "--no-repeat-ngram", "2", "text"]).bad(2);
    assert!(said.contains("`--no-repeat-ngram` is for a model that generates texts"), "{said}");
}
