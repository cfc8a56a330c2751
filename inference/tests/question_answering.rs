//! Agreement of extractive question answering with transformers: `question_answering/make.py` makes models and answers.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_inference::{ExtractiveQuestionAnsweringPipeline, LoadedModel, SpanOptions};
use alambic_models::WindowSizes;
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{Pass, TapSelection};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/question_answering")
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder().join("expected.json")).unwrap()).unwrap()
}

fn options(expected: &Value, allows_no_answer: bool) -> SpanOptions {
    let size = |name: &str| expected["sizes"][name].as_u64().unwrap() as usize;
    let windows =
        WindowSizes { max_length: size("max_length"), stride: size("stride"), max_first_length: 16 };
    SpanOptions { windows, max_answer_length: size("max_answer_length"), allows_no_answer }
}

const MODELS: [&str; 3] = ["bert", "roberta", "distilbert"];

#[test]
fn windows_and_logits_are_those_of_transformers() {
    let expected = expected();
    let sizes = options(&expected, false).windows;
    for name in MODELS {
        let model = LoadedModel::load(&folder().join(name)).unwrap();
        for case in expected["models"][name].as_array().unwrap() {
            let [question, passage] = ["question", "passage"].map(|key| case[key].as_str().unwrap());
            let windows = model.tokenizer().encode_windows(question, passage, sizes).unwrap();
            let ids: Vec<Vec<u32>> = serde_json::from_value(case["windows"].clone()).unwrap();
            assert_eq!(windows.iter().map(|own| own.text.ids.clone()).collect::<Vec<_>>(), ids, "{name}");
            let starts: Vec<Vec<f32>> = serde_json::from_value(case["start_logits"].clone()).unwrap();
            for (window, starts) in windows.iter().zip(starts) {
                let input = TextInput::pad(&[&window.text], model.config().padding());
                let batch = Batch { text: Some(input), ..Batch::default() };
                let taps = TapSelection::named(["logits"]);
                let trace = model.network().forward(&batch, Pass::Evaluate, taps).unwrap();
                let logits = trace.get("logits").unwrap().to_vec3::<f32>().unwrap().remove(0);
                for (row, start) in logits.iter().zip(starts) {
                    assert!((row[0] - start).abs() < 1e-4, "{name}: {} and {start}", row[0]);
                }
            }
        }
    }
}

#[test]
fn answers_are_those_of_the_published_post_processing() {
    let expected = expected();
    for name in MODELS {
        let cases = expected["models"][name].as_array().unwrap();
        let text = |case: &Value, key: &str| case[key].as_str().unwrap().to_owned();
        let inputs: Vec<(String, String)> =
            cases.iter().map(|case| (text(case, "question"), text(case, "passage"))).collect();
        let inputs: Vec<(&str, &str)> =
            inputs.iter().map(|(question, passage)| (question.as_str(), passage.as_str())).collect();
        for (key, allows_no_answer) in [("answer", false), ("answer_or_none", true)] {
            let pipeline = ExtractiveQuestionAnsweringPipeline::load(
                &folder().join(name),
                options(&expected, allows_no_answer),
            )
            .unwrap();
            // All at once, and so in other batches and with padding.
            let answers = pipeline.answer(&inputs).unwrap();
            for (case, answer) in cases.iter().zip(answers) {
                assert_eq!(answer.text, text(case, key), "{name}, {key}: {}", case["question"]);
                assert!(answer.probability > 0.0 && answer.probability <= 1.0);
                if !allows_no_answer {
                    assert!((f64::from(answer.score) - case["score"].as_f64().unwrap()).abs() < 1e-4);
                }
                let passage = case["passage"].as_str().unwrap();
                assert!(passage[answer.start..].starts_with(&answer.text));
            }
        }
    }
}

#[test]
fn model_without_the_head_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(self::folder().join("bert")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    let path = folder.path().join("config.json");
    let text = std::fs::read_to_string(&path).unwrap().replace("BertForQuestionAnswering", "BertModel");
    std::fs::write(&path, text).unwrap();
    let refused = ExtractiveQuestionAnsweringPipeline::load(folder.path(), SpanOptions::default());
    assert!(refused.unwrap_err().to_string().contains("no question-answering head"));
}
