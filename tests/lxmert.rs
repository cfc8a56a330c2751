//! LXMERT: pre-training on texts and regions, statements about one image and about several, fewer layers.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;

use crate::common::{json, run};
use serde_json::Value;

/// Keys that bring `vision/smoke/lxmert` down to a few steps.
const FEW: [&str; 10] = [
    "--set",
    "data.boxes.corpus.made-up-boxes.images=120",
    "--set",
    "data.asked.corpus.made-up-boxes.images=40",
    "--set",
    "stage.pre-train.train.steps=4",
    "--set",
    "stage.fine-tune.train.steps=4",
    "--set",
    "stage.distil.train.steps=4",
];

fn config(path: &Path) -> Value {
    json(&std::fs::read_to_string(path.join("config.json")).unwrap())
}

#[test]
fn a_model_is_pretrained_fine_tuned_and_distilled_into_fewer_layers() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/vision/smoke/lxmert.toml");
    let arguments = [&["run", recipe, "--out", "run", "--json"][..], &FEW].concat();
    let outcome: Value = json(&run(folder.path(), &arguments).done());
    for model in ["teacher", "student"] {
        let found = &outcome["models"][model];
        assert!(found["metrics"]["accuracy"].is_f64(), "{outcome}");
        assert!(
            found["slices"]["colours"]["accuracy"].is_f64(),
            "a family is kept out of training: {outcome}"
        );
    }
    let own = config(&folder.path().join("run/student"));
    assert_eq!(own["architectures"][0], "LxmertForQuestionAnswering");
    let layers = ["l_layers", "r_layers", "x_layers"].map(|key| own[key].as_u64().unwrap());
    assert_eq!(
        (layers, &own["num_qa_labels"], &own["id2label"]["1"]),
        ([1, 1, 1], &2.into(), &"True".into())
    );
    let card = std::fs::read_to_string(folder.path().join("run/student/README.md")).unwrap();
    for expected in ["two-stream", "regions", "distillation-attention"] {
        assert!(card.contains(expected), "{expected}\n{card}");
    }
    // What is drawn at random is a function of the seed.
    let again = [&["run", recipe, "--out", "again"][..], &FEW].concat();
    assert_eq!(run(folder.path(), &again).code, Some(0));
    let weights = |run: &str| crate::common::student(&folder.path().join(run));
    assert!(weights("run") == weights("again"), "one seed gives one student");
}

/// Statements about boxes as NLVR publishes them: two images of each sentence, of which the second has a yellow square more.
fn write_nlvr(path: &Path) {
    let shape = |colour: &str, left: usize| {
        format!(
            "{{\"type\": \"square\", \"color\": \"{colour}\", \"size\": 20, \"x_loc\": {left}, \"y_loc\": 80}}"
        )
    };
    let mut lines = String::new();
    for sentence in 0..60 {
        let black = shape("Black", 5 + sentence % 50);
        for image in 0..2 {
            let first = if image == 1 { shape("Yellow", 78) } else { shape("#0099ff", 78) };
            let label = image == 1;
            writeln!(
                lines,
                "{{\"identifier\": \"{sentence}-{image}\", \"sentence\": \"There is a yellow square in one of {sentence} boxes.\", \
                 \"label\": \"{label}\", \"structured_rep\": [[{first}], [{black}], [{black}, {first}]]}}"
            )
            .unwrap();
        }
    }
    std::fs::write(path, lines).unwrap();
}

const STATEMENTS: &str = r#"
schema = 1
name = "statements"
stages = ["pre-train", "fine-tune"]
[data.told.corpus.nlvr]
paths = "told.jsonl"
[data.told.split]
test-fraction = 0.3
validation-fraction = 0.2
[data.apart.corpus.nlvr]
paths = "told.jsonl"
view = "boxes"
[data.apart.split]
test-fraction = 0.3
validation-fraction = 0.2
[model.lxmert.lxmert]
language-layers = 1
vision-layers = 1
cross-layers = 1
width = 32
heads = 2
dropout = 0.0
features = 192
objects = 4
attributes = 3
[train]
batch.size = 16
optimiser.adamw.learning-rate = 0.003
[stage.pre-train]
student = "lxmert"
data.region-texts = { data = ["told"] }
train.steps = 30
[stage.pre-train.loss.masked-words]
[stage.pre-train.loss.matching]
[stage.pre-train.loss.region-attributes]
[stage.fine-tune]
student = "lxmert"
data.questions = { data = ["apart"] }
train.steps = 150
[stage.fine-tune.loss.cross-entropy]
[evaluation]
data = ["apart"]
"#;

#[test]
fn statements_about_three_images_are_learnt_and_counted_by_sentence() {
    let folder = tempfile::tempdir().unwrap();
    write_nlvr(&folder.path().join("told.jsonl"));
    std::fs::write(folder.path().join("recipe.toml"), STATEMENTS).unwrap();
    let outcome: Value = json(&run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]).done());
    let metrics = &outcome["models"]["student"]["metrics"];
    let value = |name: &str| metrics[name].as_f64().unwrap_or_default();
    // The text alone says nothing: each sentence is true of one image.
    assert!(value("accuracy") > 0.9 && value("consistency") > 0.8, "{metrics}");
    assert!(value("consistency") <= value("accuracy"));
    let own = config(&folder.path().join("run/student"));
    assert_eq!(
        (&own["architectures"][0], &own["num_images"]),
        (&"LxmertForImagesAndTextClassification".into(), &3.into())
    );
    // A model of several images is not asked about one.
    let whole = ["check", "recipe.toml", "--set", "evaluation.data=['told']"];
    let said = run(folder.path(), &whole).bad(2);
    assert!(said.contains("reads texts about 3 images, and those of `told` are about 1"), "{said}");
    let broken =
        std::fs::read_to_string(folder.path().join("told.jsonl")).unwrap().replace("\"Black\"", "\"Pink\"");
    std::fs::write(folder.path().join("told.jsonl"), broken).unwrap();
    let said = run(folder.path(), &["check", "recipe.toml"]).bad(2);
    assert!(said.contains("`color` holds `Pink`"), "{said}");
}

const PAIRS: &str = r#"
schema = 1
name = "pairs"
stages = ["detect", "pre-train", "fine-tune"]
[data.scenes.corpus.made-up-scenes]
images = 60
questions = 2
captions = 1
side = 16
fewest = 1
most = 2
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.1
[data.pairs.corpus.made-up-scenes]
images = 80
pairs = 2
side = 16
fewest = 1
most = 2
seed = 2
[data.pairs.split]
test-fraction = 0.2
validation-fraction = 0.1
[model.detector.detector]
image = 16
width = 16
[teacher.detector.checkpoint]
stage = "detect"
[model.lxmert.lxmert]
detector = "detector"
language-layers = 1
vision-layers = 1
cross-layers = 1
width = 16
heads = 2
max-length = 24
[train]
steps = 4
batch.size = 8
optimiser.adamw.learning-rate = 0.001
[stage.detect]
student = "detector"
data.objects = { data = ["scenes"] }
[stage.detect.loss.detection]
[stage.pre-train]
student = "lxmert"
data.region-texts = { data = ["scenes"], mask.probability = 0.3 }
[stage.pre-train.loss.masked-words]
[stage.pre-train.loss.matching]
[stage.pre-train.loss.answers]
[stage.fine-tune]
student = "lxmert"
data.questions = { data = ["pairs"], max-length = 24 }
[stage.fine-tune.loss.cross-entropy]
[evaluation]
data = ["pairs"]
"#;

#[test]
fn statements_about_two_scenes_are_read_with_the_regions_of_each() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), PAIRS).unwrap();
    let outcome: Value = json(&run(folder.path(), &["run", "recipe.toml", "--out", "run", "--json"]).done());
    let student = &outcome["models"]["student"];
    assert!(student["metrics"]["accuracy"].is_f64(), "{outcome}");
    assert!(student["slices"]["both"]["accuracy"].is_f64(), "{outcome}");
    let own = config(&folder.path().join("run/student"));
    assert_eq!((&own["num_images"], &own["num_attr_labels"]), (&2.into(), &0.into()));
    let detector = config(&folder.path().join("run/student/detector"));
    assert_eq!(
        own["num_object_labels"].as_u64().unwrap() as usize,
        detector["id2label"].as_object().unwrap().len()
    );
}
