//! Captions and images that match, by a fusion encoder and by the towers that learn from it, from a recipe to their use.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::common::{json, json_of, regions, run, write_image};
use alambic_data::{RegionLayout, RegionVocabulary};
use serde_json::Value;

const RECIPE: &str = "builtin:vision/smoke/oscar-retrieval";

#[test]
fn fusion_encoder_learns_to_match_and_two_towers_learn_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let plan = run(at, &["plan", RECIPE]).good();
    assert!(plan.contains("images with captions"), "{plan}");
    let outcome: Value = json(&run(at, &["run", RECIPE, "--out", "run", "--json"]).done());
    let models = &outcome["models"];
    let figure = |model: &str, name: &str| models[model]["metrics"][name].as_f64().unwrap();
    // The teacher is the fusion encoder; by chance ten of twenty images, and fewer captions, are among the first ten.
    for model in ["teacher", "student", "baseline"] {
        assert!((0.0..=1.0).contains(&figure(model, "recall-at-1")), "{model}: {models}");
    }
    assert!(figure("teacher", "recall-at-1") > 0.1, "{models}");
    assert!(figure("student", "recall-at-10") > 0.5, "{models}");
    for slice in ["text to image", "image to text"] {
        assert!(models["student"]["slices"][slice]["recall-at-1"].is_f64(), "{models}");
    }
    assert!(outcome["fidelity"]["agreement"].is_f64(), "{outcome}");
    // A query of the fusion encoder reads each of the images, and the towers have read them before.
    let median = |model: &str| models[model]["latency-ms"]["p50"].as_f64().unwrap();
    assert!(median("teacher") > median("student"), "{models}");

    // What has learnt to match says so of one image, and of a table of pairs.
    let matcher = "run/stages/match";
    let matcher = if at.join(matcher).is_dir() { matcher.to_owned() } else { found(at, "matched") };
    let config = json_of(&at.join(&matcher).join("config.json"));
    assert_eq!(config["architectures"][0], "OscarForSequenceClassification");
    assert_eq!(config["id2label"], serde_json::json!({"0": "mismatched", "1": "matched"}));
    write_image(&at.join("scene.png"), (32, 32), |value| (value % 251) as u8);
    let said = run(at, &["predict", &matcher, "--image", "scene.png", "there is a red circle."]).good();
    assert!(said.contains("matched"), "{said}");
}

/// The folder of a model whose classes have this name.
fn found(folder: &std::path::Path, label: &str) -> String {
    let mut waiting = vec![folder.join("run")];
    while let Some(next) = waiting.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else if path.ends_with("config.json")
                && std::fs::read_to_string(&path).unwrap().contains(&format!("\"{label}\""))
            {
                return path.parent().unwrap().strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            }
        }
    }
    unreachable!("no model has the class {label}")
}

#[test]
fn fusion_encoder_is_evaluated_by_all_pairs() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let recipe = r#"
schema = 1
name = "matching"
stages = ["detect", "match"]
[data.scenes.corpus.made-up-scenes]
images = 120
questions = 0
captions = 1
side = 16
fewest = 1
most = 2
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.1
[model.detector.detector]
image = 16
width = 8
layers = 1
[teacher.detector.checkpoint]
stage = "detect"
[model.oscar.oscar]
detector = "detector"
regions = 4
layers = 1
width = 16
heads = 2
max-length = 40
[train]
steps = 4
batch.size = 8
optimiser.adamw = { learning-rate = 1e-3 }
[stage.detect]
student = "detector"
data.objects = { data = ["scenes"] }
loss.detection = {}
[stage.match]
student = "oscar"
data.matching = { data = ["scenes"], max-length = 40 }
loss.cross-entropy = {}
[evaluation]
data = ["scenes"]
limit = 6
timed-examples = 2
"#;
    std::fs::write(at.join("matching.toml"), recipe).unwrap();
    let planned = run(at, &["plan", "matching.toml"]).good();
    // Six captions and six images, as far as no two captions are the same.
    assert!(planned.contains("pairs of images and captions"), "{planned}");
    let evaluate = |name: &str, relevance: &str| -> Value {
        let set = format!("evaluation.caption-relevance='{relevance}'");
        json(&run(at, &["run", "matching.toml", "--out", name, "--json", "--set", &set]).done())
    };
    let (own, all) = (evaluate("own", "own"), evaluate("true", "true"));
    let recall = |outcome: &Value| outcome["models"]["student"]["metrics"]["recall-at-5"].as_f64().unwrap();
    // What is true is right of more.
    assert!(recall(&own) <= recall(&all), "{own} {all}");
    let card = std::fs::read_to_string(at.join("own/student/README.md")).unwrap();
    assert!(card.contains("alambic predict"), "{card}");
}

#[test]
fn retrieval_of_oscar_is_fine_tuned_on_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::create_dir(at.join("regions")).unwrap();
    let vocabulary = RegionVocabulary { objects: &[], attributes: &[] };
    let row = |number: usize| {
        regions(number).to_row(RegionLayout::VinVl, &format!("10{number:02}"), (64, 48), vocabulary) + "\n"
    };
    let rows: String = (0..40).map(row).collect();
    std::fs::write(at.join("regions/features.tsv"), &rows).unwrap();
    std::fs::write(at.join("regions/predictions.tsv"), &rows).unwrap();
    let index: serde_json::Map<String, Value> =
        (0..40).map(|number| (format!("10{number:02}"), number.into())).collect();
    std::fs::write(at.join("regions/imageid2idx.json"), Value::from(index).to_string()).unwrap();
    let captions = |numbers: std::ops::Range<usize>| {
        let caption = |number: usize| {
            let text =
                if number.is_multiple_of(2) { "a red box stands left" } else { "a blue box stands right" };
            (format!("10{number:02}"), serde_json::json!([text]))
        };
        Value::from(numbers.map(caption).collect::<serde_json::Map<String, Value>>()).to_string()
    };
    std::fs::write(at.join("train.json"), captions(0..24)).unwrap();
    std::fs::write(at.join("validation.json"), captions(24..32)).unwrap();
    std::fs::write(at.join("test.json"), captions(32..40)).unwrap();
    let recipe = r#"
schema = 1
name = "published"
stages = ["match"]
[data.published.corpus.oscar-retrieval]
folder = "regions"
captions = "train.json"
validation-captions = "validation.json"
test-captions = "test.json"
[data.published.split]
validation-values = ["validation"]
test-values = ["test"]
[model.oscar.oscar]
features = 10
regions = 4
layers = 1
width = 16
heads = 2
dropout = 0.0
max-length = 24
[train]
steps = 300
batch.size = 12
optimiser.adamw = { learning-rate = 5e-3 }
[stage.match]
data.matching = { data = ["published"], max-length = 24 }
loss.cross-entropy = {}
[evaluation]
data = ["published"]
timed-examples = 2
"#;
    std::fs::write(at.join("published.toml"), recipe).unwrap();
    let outcome: Value = json(&run(at, &["run", "published.toml", "--out", "run", "--json"]).done());
    let metrics = &outcome["models"]["student"]["metrics"];
    // All images of a caption have the same regions, so what has learnt the two kinds finds them first.
    assert_eq!(metrics["recall-at-1"], 1.0, "{outcome}");
    let slices = outcome["models"]["student"]["slices"].as_object().unwrap();
    assert!(slices.contains_key("text to image") && slices.contains_key("image to text"), "{slices:?}");

    // Rows that are those of other images are refused, and nothing is trained.
    let crossed = std::fs::read_to_string(at.join("regions/imageid2idx.json")).unwrap();
    let crossed = crossed.replace("\"1000\":0", "\"1000\":1").replace("\"1001\":1", "\"1001\":0");
    std::fs::write(at.join("regions/imageid2idx.json"), crossed).unwrap();
    let refused = run(at, &["check", "published.toml"]).bad(2);
    assert!(refused.contains("imageid2idx.json") && refused.contains("features.tsv:1"), "{refused}");
}
