//! Agreement of tags of pieces, and of means with padding, with transformers: `pieces_and_padding/make.py` makes models and values.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_inference::{EncoderPipeline, LanguageInput, TextPair, ask_by_language};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pieces_and_padding")
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

fn texts(value: &Value) -> Vec<String> {
    serde_json::from_value(value.clone()).unwrap()
}

#[test]
fn tags_of_pieces_are_those_of_transformers() {
    let expected = expected();
    let max_length = expected["max_length"].as_u64().unwrap() as usize;
    let models = expected["models"].as_object().unwrap();
    assert_eq!(models.len(), 6);
    for (name, model) in models {
        let pipeline =
            EncoderPipeline::load(&folder().join(name)).unwrap().with_max_length(max_length).unwrap();
        let sentences = model["sentences"].as_array().unwrap();
        let lines: Vec<String> = sentences.iter().map(|own| texts(&own["words"]).join(" ")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let found = pipeline.piece_logits(&lines).unwrap();
        assert!(found.iter().any(|pieces| pieces.len() == max_length - 2), "one sentence is cut");
        for (pieces, sentence) in found.iter().zip(sentences) {
            let own: Vec<(usize, String)> =
                pieces.iter().map(|(word, row)| (*word, pipeline.label(row))).collect();
            let other: Vec<(usize, String)> = serde_json::from_value(sentence["pieces"].clone()).unwrap();
            assert_eq!(own, other, "{name}: {}", sentence["words"]);
        }
    }
}

#[test]
fn means_over_padding_are_those_of_transformers() {
    let expected = expected();
    let positions = expected["positions"].as_u64().unwrap() as usize;
    let owned = texts(&expected["hindi"]);
    let pairs: Vec<TextPair<'_>> = owned.iter().map(|text| (text.as_str(), None)).collect();
    for (name, model) in expected["models"].as_object().unwrap() {
        let pipeline =
            EncoderPipeline::load(&folder().join(name)).unwrap().with_max_length(positions).unwrap();
        if name == "modernbert" {
            let said = pipeline.mean_hidden_state_with_padding(&pairs, 2, positions).unwrap_err().to_string();
            assert!(said.contains("windows of attention, and a modernbert is none"), "{said}");
            continue;
        }
        let found = pipeline.mean_hidden_state_with_padding(&pairs, 2, positions).unwrap();
        let without = pipeline.mean_hidden_state(&pairs, 2).unwrap();
        let others: Vec<Vec<f32>> = serde_json::from_value(model["means"].clone()).unwrap();
        assert_eq!(found.len(), others.len());
        let largest = others.iter().flatten().fold(0.0_f32, |largest, value| largest.max(value.abs()));
        for (own, other) in found.iter().flatten().zip(others.iter().flatten()) {
            assert!((own - other).abs() <= 1e-4 * largest.max(1.0), "{name}: {own} and {other}");
        }
        let differ = found
            .iter()
            .flatten()
            .zip(without.iter().flatten())
            .any(|(own, other)| (own - other).abs() > 0.01);
        assert!(differ, "{name}: padding counts");
        let beyond = pipeline.mean_hidden_state_with_padding(&pairs, 2, 1000).unwrap_err().to_string();
        assert!(beyond.contains("positions, and texts cannot be padded to 1000 tokens"), "{beyond}");
    }
}

#[test]
fn languages_are_told_as_transformers_is_told_them() {
    let expected = expected();
    let owned = texts(&expected["hindi"]);
    let pairs: Vec<TextPair<'_>> = owned.iter().map(|text| (text.as_str(), None)).collect();
    let pipeline = EncoderPipeline::load(&folder().join("xlm")).unwrap();
    let told = expected["models"]["xlm"]["told"].as_object().unwrap();
    let mut all = vec![pipeline.mean_hidden_state(&pairs, 2).unwrap()];
    for (code, means) in told {
        let found = pipeline.in_language(code).unwrap().mean_hidden_state(&pairs, 2).unwrap();
        let others: Vec<Vec<f32>> = serde_json::from_value(means.clone()).unwrap();
        for (own, other) in found.iter().flatten().zip(others.iter().flatten()) {
            assert!((own - other).abs() <= 1e-4 * other.abs().max(1.0), "{code}: {own} and {other}");
        }
        assert!(all.iter().all(|other| *other != found), "{code} is no other language");
        all.push(found);
    }
    // Texts of several languages, each told its own, in their order.
    let codes = ["hi", "en", "hi", "ar", "en", "hi"];
    let examples: Vec<(&str, TextPair<'_>)> = codes.into_iter().zip(pairs.iter().copied()).collect();
    let mixed = ask_by_language(
        &pipeline,
        &examples,
        |(code, _)| Some(code),
        |pipeline, some| {
            let pairs: Vec<TextPair<'_>> = some.iter().map(|(_, pair)| *pair).collect();
            pipeline.mean_hidden_state(&pairs, 2)
        },
    )
    .unwrap();
    for (place, code) in codes.iter().enumerate() {
        let other: Vec<f32> = serde_json::from_value(told[*code][place].clone()).unwrap();
        assert!(
            mixed[place]
                .iter()
                .zip(&other)
                .all(|(own, other)| (own - other).abs() <= 1e-4 * other.abs().max(1.0))
        );
    }
    let said = pipeline.in_language("ta").unwrap_err().to_string();
    assert!(said.contains("no embedding of the language `ta`; it has ar, en, hi"), "{said}");
    let said =
        EncoderPipeline::load(&folder().join("bert")).unwrap().in_language("hi").unwrap_err().to_string();
    assert!(said.contains("no embedding of languages"), "{said}");
}
