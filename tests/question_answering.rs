//! Extractive question answering from a recipe to a student that answers questions out of passages.

use crate::common::{json, json_of, run};
use serde_json::Value;

#[test]
fn questions_are_answered_out_of_passages_from_a_recipe_to_a_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "builtin:text/smoke/question-answering", "--out", "run", "--json"];
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student", "baseline"] {
        let metrics = &outcome["models"][model]["metrics"];
        let [exact, f1] = ["exact-match", "token-f1"].map(|name| metrics[name].as_f64().unwrap());
        assert!(exact <= f1 && f1 <= 1.0, "{metrics}");
        // A quarter of the questions has no answer: whoever never answers has as much.
        assert!(exact > 0.5, "{model}: {metrics}");
    }
    assert!(outcome["fidelity"]["agreement"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let config = json_of(&folder.path().join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "BertForQuestionAnswering");
    let report = std::fs::read_to_string(folder.path().join("run/report.md")).unwrap();
    assert!(report.contains("no answer"), "questions without an answer are shown as such");
    let samples = report.split("\n## Samples\n").nth(1).unwrap().split("\n## ").next().unwrap();
    assert!(samples.matches(" %)").count() >= 24, "each output has its probability: {samples}");

    let passage = "Anna lives in Old Delhi. Ravi sells brass bells. Mina works as a pilot.";
    let line = format!("Where does Anna live?\t{passage}");
    let answer: Value = json(&run(folder.path(), &["predict", "run/student", "--json", &line]).good());
    assert_eq!((answer["prediction"].as_str(), answer["start"].as_u64()), (Some("Old Delhi"), Some(14)));
    let line = "What is the job of Omar?\tAnna lives in Old Delhi. Ravi sells lamps.".to_owned();
    let answer: Value =
        json(&run(folder.path(), &["predict", "run/student", "--json", "--no-answer", &line]).good());
    assert!(answer["prediction"] == "" && answer["start"].is_null(), "{answer}");
    let said = run(folder.path(), &["predict", "run/student", "Where?"]).bad(2);
    assert!(said.contains("a question, a tab, and the passage"), "{said}");
    let said = run(folder.path(), &["predict", "run/student", "--target-language", "hi", &line]).bad(2);
    assert!(said.contains("this one answers questions out of passages"), "{said}");
    run(folder.path(), &["export", "run/student", "--to", "out", "--format", "onnx"]).good();
    assert!(folder.path().join("out/onnx/model.onnx").is_file());
}

#[test]
fn run_over_passages_that_is_resumed_ends_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let few =
        ["--set", "train.steps=12", "--set", "train.validate-every=6", "--set", "train.checkpoint-every=4"];
    let arguments = |out: &'static str| {
        [&["run", "builtin:text/smoke/question-answering", "--out", out][..], &few].concat()
    };
    run(folder.path(), &arguments("whole")).done();
    run(folder.path(), &arguments("cut")).done();
    // As if the process had ended within the last stage.
    std::fs::remove_file(folder.path().join("cut/metrics.json")).unwrap();
    std::fs::remove_dir_all(folder.path().join("cut/checkpoints/distil")).unwrap();
    run(folder.path(), &["run", "--resume", "--out", "cut"]).done();
    let weights =
        |out: &str| std::fs::read(folder.path().join(out).join("student/model.safetensors")).unwrap();
    assert!(weights("whole") == weights("cut"));
}
