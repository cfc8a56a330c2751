//! Models that look at images, from a recipe to what is made of them.

mod common;

use common::run;
use serde_json::Value;

/// Keys that bring `vision/smoke/dide` down to a few steps.
const SMALL: [&str; 8] = [
    "--set",
    "data.scenes.corpus.made-up-scenes.images=80",
    "--set",
    "train.steps=6",
    "--set",
    "evaluation.timed-examples=4",
    "--set",
    "train.batch.size=8",
];

#[test]
fn a_fusion_encoder_teaches_a_dual_encoder() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = "builtin:vision/smoke/dide";
    let arguments = [&["run", recipe, "--out", "dide", "--json"][..], &SMALL].concat();
    let ended = run(folder.path(), &arguments);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let outcome: Value = serde_json::from_str(&ended.stdout).unwrap();
    for model in ["teacher", "student", "baseline", "baseline-scratch"] {
        assert!(outcome["models"][model]["metrics"]["accuracy"].is_f64(), "{model}: {outcome}");
        assert!(outcome["models"][model]["slices"]["colour"]["accuracy"].is_f64(), "{model}: {outcome}");
    }
    assert!(outcome["fidelity"]["kl-from-teacher"].is_f64() && outcome["ratios"]["speedup"].is_f64());

    let student: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("dide/student/config.json")).unwrap())
            .unwrap();
    assert_eq!(student["model_type"], "dual-encoder");
    let page = std::fs::read_to_string(folder.path().join("dide/report.html")).unwrap();
    assert!(page.contains("what colour is the") || page.contains("is there a"), "questions are shown");

    // What is finished stays, and a second time gives the same bytes.
    let weights =
        |run: &str| std::fs::read(folder.path().join(run).join("student/model.safetensors")).unwrap();
    let again = [&["run", recipe, "--out", "again"][..], &SMALL].concat();
    assert_eq!(run(folder.path(), &again).code, Some(0));
    assert!(weights("dide") == weights("again"), "one seed gives one student");
}

#[test]
fn a_plan_counts_questions() {
    let folder = tempfile::tempdir().unwrap();
    let plan = run(folder.path(), &["plan", "builtin:vision/dide", "--json"]).good();
    let plan: Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["stages"][0]["examples"]["questions"].as_u64().unwrap() > 20_000, "{plan}");
    assert!(plan["evaluation-questions"].as_u64().unwrap() > 1_000 && plan["baseline"]["questions"].is_u64());
    assert_eq!(plan["stages"][1]["losses"][1]["name"], "cross-attention");
}
