//! Captions that Oscar writes of regions and tags, and statements about two images: recipes, `trace`, `predict`, `export`.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use crate::common::{json, json_of, regions, run, run_with, write_image};
use alambic_data::{RegionLayout, RegionVocabulary};
use alambic_tensor::parameters;
use serde_json::Value;

#[test]
fn captions_are_learnt_written_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let recipe = "builtin:vision/smoke/oscar-captions";
    let plan = run(at, &["plan", recipe]).good();
    assert!(plan.contains("texts to be written"), "{plan}");
    let outcome: Value = json(&run(at, &["run", recipe, "--out", "run", "--json"]).done());
    let models = &outcome["models"];
    let figure = |model: &str, name: &str| models[model]["metrics"][name].as_f64().unwrap();
    for model in ["teacher", "student", "baseline", "nearest-caption"] {
        for name in ["caption-truth", "caption-objects", "bleu-4", "chrf"] {
            assert!(figure(model, name) >= 0.0, "{model} {name}: {models}");
        }
    }
    // Captions begin alike; what has not learnt to write them has nothing in common with them.
    assert!(figure("teacher", "chrf") > 0.3, "{models}");
    let student = json_of(&at.join("run/student/config.json"));
    assert_eq!(student["architectures"][0], "OscarForImageCaptioning");
    assert_eq!((&student["num_hidden_layers"], &student["max_seq_a_length"]), (&1.into(), &24.into()));
    let card = std::fs::read_to_string(at.join("run/student/README.md")).unwrap();
    assert!(card.contains("alambic predict student --image IMAGE.png\n"), "{card}");
    let page = std::fs::read_to_string(at.join("run/report.html")).unwrap();
    assert!(page.contains("nearest-caption"));

    write_image(&at.join("scene.png"), (32, 32), |value| (value % 251) as u8);
    let written = run(at, &["predict", "run/student", "--image", "scene.png", "--json"]).good();
    let written: Value = json(&written);
    assert!(written["prediction"].is_string() && written["log-probability"].is_f64(), "{written}");
    // A beam finds nothing that is less likely by its own measure than what it begins with.
    let beam = ["predict", "run/student", "--image", "scene.png", "--json", "--beam", "4"];
    assert!(json(&run(at, &beam).good())["prediction"].is_string());
    let refused = run(at, &["predict", "run/student", "--image", "scene.png", "what is it?"]).bad(2);
    assert!(refused.contains("reads no prompt"), "{refused}");
    let refused = run_with(at, &["predict", "run/student"], "a text\n").bad(2);
    assert!(refused.contains("--image"), "{refused}");

    let export = run(at, &["export", "run", "--format", "hf,onnx", "--to", "exported"]).done();
    assert!(at.join("exported/onnx/model.onnx").is_file(), "{export}");
}

#[test]
fn what_transformers_parts_write_is_written_by_trace() {
    let folder = tempfile::tempdir().unwrap();
    let parity = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/tests/parity/oscar-captions");
    let [inputs, model] = [parity.join("inputs.safetensors"), parity.join("model")];
    let (inputs, model) = (inputs.to_str().unwrap(), model.to_str().unwrap());
    let trace = ["trace", model, "--inputs", inputs, "--out", "out.safetensors", "--generate"];
    run(folder.path(), &[&trace[..], &["max-new-tokens=8"]].concat()).good();
    let found = parameters::load(&folder.path().join("out.safetensors")).unwrap();
    let expected = parameters::load(&parity.join("expected.safetensors")).unwrap();
    let rows = |tensor: &alambic_tensor::candle::Tensor| -> Vec<Vec<i64>> { tensor.to_vec2().unwrap() };
    // An end is followed by padding in one and by nothing in the other.
    for (row, expected) in rows(&found["generated"]).iter().zip(rows(&expected["written"])) {
        assert_eq!(row[..], expected[..row.len()], "{row:?}");
    }
    let taps = run(folder.path(), &["list", "taps", model]).good();
    assert!(taps.contains("text.hidden.1") && taps.contains("logits"), "{taps}");
}

/// The first folder of a model in or below a folder.
fn model_folder(folder: &Path) -> Option<PathBuf> {
    if folder.join("config.json").is_file() && folder.join("model.safetensors").is_file() {
        return Some(folder.to_owned());
    }
    let mut below: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
    below.sort();
    below.iter().find_map(|path| model_folder(path))
}

/// Files of captions in the published layout, for images of these numbers.
fn published(folder: &Path, name: &str, numbers: std::ops::Range<usize>) {
    let vocabulary = RegionVocabulary { objects: &[], attributes: &[] };
    let row = |number: usize| {
        regions(number).to_row(RegionLayout::VinVl, &number.to_string(), (64, 48), vocabulary)
    };
    let rows: String = numbers.clone().map(|number| row(number) + "\n").collect();
    std::fs::write(folder.join(format!("{name}.feature.tsv")), &rows).unwrap();
    let label = |number: usize| {
        let tag = &regions(number).tags[0];
        format!("{number}\t[{{\"class\": \"{tag}\", \"rect\": [0, 0, 32, 48]}}]\n")
    };
    let labels: String = numbers.clone().map(label).collect();
    std::fs::write(folder.join(format!("{name}.label.tsv")), labels).unwrap();
    let caption = |number: usize| {
        let text =
            if number.is_multiple_of(2) { "a red box stands left." } else { "two blue boxes stand right." };
        serde_json::json!({ "image_id": number.to_string(), "caption": text })
    };
    let captions: Vec<Value> = numbers.map(caption).collect();
    std::fs::write(folder.join(format!("{name}_caption.json")), Value::from(captions).to_string()).unwrap();
    let yaml =
        format!("feature: {name}.feature.tsv\nlabel: {name}.label.tsv\ncaption: {name}_caption.json\n");
    std::fs::write(folder.join(format!("{name}.yaml")), yaml).unwrap();
}

#[test]
fn published_files_are_learnt_and_a_captioner_without_labels_learns_from_its_teacher() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    published(at, "train", 0..24);
    published(at, "validation", 24..32);
    published(at, "test", 32..40);
    let recipe = r#"
schema = 1
name = "published"
stages = ["captions", "student"]
[data.published.corpus.oscar-captions]
paths = "train.yaml"
validation-paths = "validation.yaml"
test-paths = "test.yaml"
[data.published.split]
validation-values = ["validation"]
test-values = ["test"]
[model.oscar.oscar]
features = 10
regions = 4
layers = 2
width = 16
heads = 2
dropout = 0.0
max-length = 24
max-caption-length = 14
freeze-word-embeddings = true
[teacher.oscar.checkpoint]
stage = "captions"
[model.small.oscar-layers]
teacher = "oscar"
layers = [2]
[train]
batch.size = 12
optimiser.adamw = { learning-rate = 1e-2 }
[stage.captions]
student = "oscar"
loss.caption-words = { drop-worst = 0.2, drop-worst-after = 250 }
train.steps = 300
[[stage.captions.data.generation]]
data = ["published"]
reads = ["regions"]
writes = "caption"
max-new-tokens = 13
mask = { max-masked = 4 }
[stage.student]
student = "small"
teacher = "oscar"
loss.sequence = {}
loss.word-level = {}
train.steps = 200
[[stage.student.data.generation]]
data = ["published"]
reads = ["regions"]
writes = "caption"
labelled = 0.0
max-new-tokens = 13
[baseline]
loss.caption-words = {}
[[baseline.data.generation]]
data = ["published"]
reads = ["regions"]
writes = "caption"
max-new-tokens = 13
[evaluation]
data = ["published"]
teacher = "oscar"
metrics = ["bleu-4", "chrf", "cider-d", "meteor", "rouge-l"]
max-new-tokens = 13
timed-examples = 2
"#;
    std::fs::write(at.join("published.toml"), recipe).unwrap();
    let outcome: Value = json(&run(at, &["run", "published.toml", "--out", "run", "--json"]).done());
    let models = &outcome["models"];
    // All images of a caption have the same regions, so what has learnt the two kinds writes them whole.
    for model in ["teacher", "student"] {
        assert!(models[model]["metrics"]["chrf"].as_f64().unwrap() > 0.99, "{model}: {models}");
    }
    // No caption of the training images is known to the last stage.
    assert!(models["nearest-caption"].is_null(), "{models}");
    // What is frozen is as it was: the student has the table of its teacher.
    let table = |folder: &Path| {
        let weights = parameters::load(&folder.join("model.safetensors")).unwrap();
        let table: Vec<Vec<f32>> = weights["bert.embeddings.word_embeddings.weight"].to_vec2().unwrap();
        table
    };
    let teacher = model_folder(&at.join("run/checkpoints/captions")).unwrap();
    assert_eq!(table(&teacher), table(&at.join("run/student")));
    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!(config["freeze_embedding"], true);
}

#[test]
fn statements_about_two_images_are_read_with_each() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let recipe = "builtin:vision/smoke/oscar-pairs";
    let outcome: Value = json(&run(at, &["run", recipe, "--out", "run", "--json"]).done());
    let accuracy = |model: &str| outcome["models"][model]["metrics"]["accuracy"].as_f64().unwrap();
    for model in ["teacher", "student", "baseline"] {
        assert!((0.0..=1.0).contains(&accuracy(model)), "{outcome}");
    }
    let config = json_of(&at.join("run/student/config.json"));
    assert_eq!(config["architectures"][0], "OscarForMultipleImages");
    assert_eq!((&config["num_choice"], &config["classifier"]), (&2.into(), &"mlp".into()));
    let weights = parameters::load(&at.join("run/student/model.safetensors")).unwrap();
    assert_eq!(weights["classifier.0.weight"].dims(), [96, 64]);
    assert!(weights.contains_key("classifier.3.bias") && !weights.contains_key("classifier.weight"));
    run(at, &["export", "run", "--format", "onnx", "--to", "exported"]).done();
    write_image(&at.join("scene.png"), (32, 32), |value| (value % 251) as u8);
    let refused = run(at, &["predict", "run/student", "--image", "scene.png", "both are red."]).bad(1);
    assert!(refused.contains("2 images"), "{refused}");
}
