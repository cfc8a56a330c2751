//! Agreement of multiple choice with transformers: `multiple_choice/make.py` makes models and scores.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_inference::{EncoderPipeline, MultipleChoicePipeline, TextPair};
use alambic_models::text_encoder::Head;
use alambic_models::{Config, ModelFolder, Precision, write_weights};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/multiple_choice")
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

/// Compares the scores of a model with those of transformers.
fn assert_agrees(name: &str, path: &Path, expected: &Value) {
    let max_length = expected["max_length"].as_u64().unwrap() as usize;
    let pipeline = MultipleChoicePipeline::load(path).unwrap().with_max_length(max_length).unwrap();
    let cases = expected["models"][name]["cases"].as_array().unwrap();
    let choices =
        |case: &'_ Value| -> Vec<String> { serde_json::from_value(case["choices"].clone()).unwrap() };
    let owned: Vec<(&str, Vec<String>)> =
        cases.iter().map(|case| (case["prompt"].as_str().unwrap(), choices(case))).collect();
    let inputs: Vec<Vec<TextPair<'_>>> = owned
        .iter()
        .map(|(prompt, choices)| choices.iter().map(|choice| (*prompt, Some(choice.as_str()))).collect())
        .collect();
    for (answer, case) in pipeline.answer(&inputs).unwrap().iter().zip(cases) {
        let answer = answer.as_ref().unwrap();
        let scores: Vec<f32> = serde_json::from_value(case["scores"].clone()).unwrap();
        assert_eq!(answer.scores.len(), scores.len());
        for (own, other) in answer.scores.iter().zip(&scores) {
            assert!((own - other).abs() < 1e-4, "{name}: {own} and {other} of {case}");
        }
        assert_eq!(answer.choice as u64, case["choice"].as_u64().unwrap(), "{name}");
        assert!((answer.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }
}

#[test]
fn scores_of_every_family_are_those_of_transformers_before_and_after_it_is_written() {
    let expected = expected();
    let models = expected["models"].as_object().unwrap();
    assert_eq!(models.len(), 11);
    for (name, model) in models {
        let published = ModelFolder::open(&folder().join(name)).unwrap();
        let config = Config::open(&published).unwrap();
        let head = config.text_head().unwrap();
        assert_eq!(
            (head.head, head.labels.len(), head.pairs),
            (Head::MultipleChoice, 1, Some(true)),
            "{name}"
        );
        assert_agrees(name, published.path(), &expected);
        let again = tempfile::tempdir().unwrap();
        let json = config.to_json().unwrap();
        assert_eq!(json["architectures"][0], model["class"]);
        assert!(json.get("id2label").is_none(), "there are no classes");
        std::fs::write(again.path().join("config.json"), json.to_string()).unwrap();
        write_weights(again.path(), &config.weights(&published).unwrap(), Precision::F32).unwrap();
        for file in ["tokenizer.json", "tokenizer_config.json"] {
            std::fs::copy(published.path().join(file), again.path().join(file)).unwrap();
        }
        assert_eq!(Config::open(&ModelFolder::open(again.path()).unwrap()).unwrap(), config, "{name}");
        assert_agrees(name, again.path(), &expected);
    }
}

#[test]
fn logits_of_the_encoder_are_the_score_of_each_pair() {
    let path = folder().join("bert");
    let pairs = [("she wept", Some("she fell")), ("she wept", Some("x"))];
    let rows = EncoderPipeline::load(&path).unwrap().logits(&pairs).unwrap();
    let scores = MultipleChoicePipeline::load(&path).unwrap().scores(&[pairs]).unwrap();
    assert_eq!(scores[0], rows.concat().concat());
}

#[test]
fn summary_of_electra_that_is_not_supported_is_refused_with_its_key() {
    let copy = tempfile::tempdir().unwrap();
    for file in std::fs::read_dir(folder().join("electra")).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
    }
    let path = copy.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    for (key, value) in
        [("summary_type", "\"mean\""), ("summary_use_proj", "false"), ("summary_activation", "null")]
    {
        let mut changed: Value = serde_json::from_str(&config).unwrap();
        changed[key] = serde_json::from_str(value).unwrap();
        std::fs::write(&path, changed.to_string()).unwrap();
        let error = MultipleChoicePipeline::load(copy.path()).unwrap_err().to_string();
        assert!(error.contains(key) && error.contains(value), "{error}");
    }
}
