//! Pictures with descriptions to choose from, and a CLIP's vectors, from a recipe to a student that chooses.

use crate::common::{json, json_of, run, write_image};
use serde_json::Value;

#[test]
fn descriptions_are_chosen_from_a_recipe_to_a_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", "builtin:vision/smoke/clip-td", "--out", "run", "--json"];
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student", "baseline", "text-only"] {
        let own = &outcome["models"][model];
        let accuracy = own["metrics"]["accuracy"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&accuracy), "{model}: {own}");
        let examples = |style: &str| own["slices"][style]["examples"].as_u64().unwrap();
        assert_eq!(examples("plain") + examples("dark"), outcome["examples"].as_u64().unwrap());
    }
    let accuracy = |model: &str| outcome["models"][model]["metrics"]["accuracy"].as_f64().unwrap();
    assert!(accuracy("teacher") > 0.5 && accuracy("text-only") < 0.4, "{}", outcome["models"]);
    assert!(outcome["fidelity"]["kl-from-teacher"].is_f64() && outcome["ratios"]["speedup"].is_f64());
    let config = json_of(&folder.path().join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "ViltForImageAndTextRetrieval");
    // Projections of the loss are no part of the student.
    let weights = std::fs::read(folder.path().join("run/student/model.safetensors")).unwrap();
    let length = u64::from_le_bytes(weights[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&weights[8..8 + length]).unwrap();
    assert!(header.as_object().unwrap().keys().all(|name| !name.contains("targeted")));
    assert!(header["rank_output.weight"].is_object());

    write_image(&folder.path().join("one.png"), (16, 16), |_| 200);
    let line = "a red circle\ta blue square\t";
    let arguments = ["predict", "run/student", "--image", "one.png", "--json", line];
    let answer: Value = json(&run(folder.path(), &arguments).good());
    assert_eq!(answer["choices"].as_array().unwrap().len(), 2);
    let probabilities: Vec<f64> = serde_json::from_value(answer["probabilities"].clone()).unwrap();
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{answer}");
    assert_eq!(answer["prediction"], answer["choices"][answer["choice"].as_u64().unwrap() as usize]);
    let said = run(folder.path(), &["predict", "run/student", "--image", "one.png", "a red circle"]).bad(2);
    assert!(said.contains("fewer than two descriptions"), "{said}");
}

#[test]
fn pictures_without_labels_are_described_by_the_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let few = |extra: &[&'static str]| {
        let fixed = ["run", "builtin:vision/smoke/clip-td", "--set", "train.validate-every=10"];
        let sets = ["--set", "stage.clip.train.steps=10", "--set", "stage.choose.train.steps=10"];
        [&fixed[..], &sets, extra].concat()
    };
    for (name, sets) in [
        (
            "unlabelled",
            &["stage.choose.data.picture-choices.labelled=0.2", "stage.choose.loss.logits={}"][..],
        ),
        ("naive", &["stage.choose.loss.targeted={ parts = [\"image\", \"text\"], confidence = \"none\" }"]),
        (
            "random",
            &[
                "stage.choose.loss.targeted={ select = \"random\", distance = \"cosine\", confidence = \"teacher\" }",
            ],
        ),
    ] {
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", *set]).collect();
        let mut arguments = few(&["--json", "--out"]);
        arguments.push(name);
        arguments.extend(sets);
        let outcome: Value = json(&run(folder.path(), &arguments).done());
        assert!(outcome["models"]["student"]["metrics"]["accuracy"].is_f64(), "{name}");
    }
}
