//! Models that are trained by contrast and by writing together: translations with and without images, and retrieval.

use std::path::{Path, PathBuf};

use crate::common::{json_of, run};
use serde_json::Value;

const MODELS: &str = r#"
schema = 1
seed = 1

[data.scenes]
corpus.made-up-scenes = { images = 120, questions = 2, captions = 2, side = 16, fewest = 1, most = 2, languages = ["en", "hi"] }
split = { test-fraction = 0.2, validation-fraction = 0.1 }
[data.sentences]
corpus.made-up-translations = { size = 120 }
split = { test-fraction = 0.2, validation-fraction = 0.1 }

[model.large.pali]
image-encoder = { image = 16, patch = 8, layers = 2, width = 16, heads = 2, feed-forward = 16 }
language-model = { encoder-layers = 2, decoder-layers = 2, width = 16, heads = 2, feed-forward = 16, vocabulary = 200 }
[model.small.pali-layers]
teacher = "large"
image-layers = [2]
encoder-layers = [2]
decoder-layers = [1]

[train]
steps = 8
batch.size = 8
validate-every = 8
validation-examples = 8
checkpoint-every = 4

[evaluation]
max-new-tokens = 12
limit = 12
timed-examples = 2
"#;

const ENTRIES: &str = r#"
[[stage.NAME.data.generation]]
data = ["scenes"]
reads = ["image", "text"]
writes = "text"
hide = "colours"
directions = ["en-hi"]
max-new-tokens = 80
[[stage.NAME.data.generation]]
data = ["scenes", "sentences"]
reads = ["text"]
writes = "text"
languages = ["en", "hi"]
max-new-tokens = 80
evaluated = false
[[stage.NAME.data.contrast]]
data = ["scenes"]
left = "image"
right = "text"
[[stage.NAME.data.contrast]]
data = ["sentences", "scenes"]
left = "text"
right = "translation"
languages = ["en", "hi"]
evaluated = false
"#;

/// Every file of a name below a folder.
fn files(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, name));
        } else if path.file_name().is_some_and(|own| own == name) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The values of a term by step, as far as steps have it.
fn steps_of(folder: &Path, stage: &str, term: &str) -> (usize, usize) {
    let events = std::fs::read_to_string(folder.join("events.jsonl")).unwrap_or_default();
    let events = events.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let steps: Vec<Value> =
        events.filter(|event| event["event"] == "step" && event["stage"] == stage).collect();
    (steps.len(), steps.iter().filter(|step| step["terms"][term].is_number()).count())
}

#[test]
fn translations_with_hidden_colours_and_pairs_are_learnt_and_measured_together() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = format!(
        r#"name = "unix2"
stages = ["teacher", "student"]
[teacher.large.checkpoint]
stage = "teacher"
[stage.teacher]
student = "large"
loss.cross-entropy = {{}}
loss.info-nce = {{}}
{}
[stage.student]
student = "small"
teacher = "large"
loss.cross-entropy = {{}}
loss.info-nce = {{}}
loss.word-level = {{}}
loss.representation = {{ stream = "encoder" }}
{}"#,
        ENTRIES.replace("NAME", "teacher"),
        ENTRIES.replace("NAME", "student")
    );
    let evaluated = r#"
data = ["scenes"]
teacher = "large"
metrics = ["colour-accuracy", "chrf", "bleu", "recall-at-1"]"#;
    let text = format!("{recipe}\n{MODELS}").replace("[evaluation]", &format!("[evaluation]{evaluated}"));
    // Keys of the whole come before all tables.
    let (keys, tables) = text.split_once("schema = 1\nseed = 1\n").unwrap();
    std::fs::write(folder.path().join("recipe.toml"), format!("schema = 1\nseed = 1\n{keys}{tables}"))
        .unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out", "--no-baseline"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let out = folder.path().join("out");
    let metrics = json_of(&out.join("metrics.json"));
    for model in ["teacher", "student", "student without images", "student with other images"] {
        let own = &metrics["models"][model];
        for metric in ["colour-accuracy", "chrf", "bleu"] {
            assert!(own["slices"]["en-hi"][metric].is_number(), "{model} {metric}: {metrics}");
        }
        for slice in ["image-to-en", "en-to-image", "image-to-hi", "hi-to-image"] {
            assert!(own["slices"][slice]["recall-at-1"].is_number(), "{model} {slice}: {metrics}");
        }
    }
    // A batch is of one entry, and its losses are those of the entry; the mean of states is compared in all.
    for stage in ["teacher", "student"] {
        let (steps, pairs) = steps_of(&out, stage, "info-nce");
        let (_, written) = steps_of(&out, stage, "cross-entropy");
        assert!(
            steps == 8 && pairs > 0 && written > 0 && pairs + written == steps,
            "{stage}: {pairs} {written}"
        );
    }
    assert_eq!(steps_of(&out, "student", "representation"), (8, 8));
    // The scale is saved with the training, and is no part of the student; nothing is frozen.
    let trained = files(&out.join("checkpoints"), "projections.safetensors");
    assert_eq!(trained.len(), 2, "{trained:?}");
    let bytes = |path: &Path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    assert!(trained.iter().all(|path| bytes(path).contains("info-nce.logit_scale")));
    assert!(!bytes(&out.join("student/model.safetensors")).contains("info-nce"));
    assert!(!ended.stderr.contains("no loss reaches"), "{}", ended.stderr);
    // One run is as another.
    let again = run(folder.path(), &["run", "recipe.toml", "--out", "again", "--no-baseline"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let weights =
        |run: &str| std::fs::read(folder.path().join(run).join("student/model.safetensors")).unwrap();
    assert_eq!(weights("out"), weights("again"));
    let image = image_in(folder.path());
    let prompt = "Translate to hi: a [?] circle";
    let written = run(folder.path(), &["predict", "out/student", "--image", &image, prompt]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
}

#[test]
fn contrast_alone_is_measured_by_recall() {
    let folder = tempfile::tempdir().unwrap();
    let stage = r#"name = "contrast"
stages = ["learn"]
[stage.learn]
student = "large"
train.metric-for-best-model = "recall-at-1"
loss.info-nce = {}
[[stage.learn.data.contrast]]
data = ["sentences"]
left = "text"
right = "translation"
languages = ["en", "hi"]
"#;
    let text = MODELS
        .replace("schema = 1\nseed = 1\n", &format!("schema = 1\nseed = 1\n{stage}"))
        .replace("[evaluation]", "[evaluation]\ndata = [\"sentences\"]")
        .replace("max-new-tokens = 12\n", "");
    std::fs::write(folder.path().join("recipe.toml"), text).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    let student = &metrics["models"]["student"];
    assert!(student["metrics"]["recall-at-1"].is_number(), "{metrics}");
    let slices = student["slices"].as_object().unwrap();
    assert!(["en-to-hi", "hi-to-en"].iter().all(|slice| slices.contains_key(*slice)), "{metrics}");
}

#[test]
fn keys_of_pairs_and_texts_are_explained() {
    let folder = tempfile::tempdir().unwrap();
    for (key, expected) in [
        ("stage.*.data.contrast", "translation"),
        ("stage.*.data.generation.hide", "colours"),
        ("stage.*.data.generation.directions", "en-hi"),
        ("stage.*.loss.info-nce", "0.07"),
    ] {
        let said = run(folder.path(), &["explain", key]);
        assert!(
            said.code == Some(0) && said.stdout.contains(expected),
            "{key}: {}{}",
            said.stdout,
            said.stderr
        );
    }
    for (list, name) in
        [("losses", "info-nce"), ("metrics", "colour-accuracy"), ("recipes", "vision/unix2-vqa")]
    {
        assert!(run(folder.path(), &["list", list]).stdout.contains(name), "{name}");
    }
}

/// An image to write about.
fn image_in(folder: &Path) -> String {
    crate::common::write_image(
        &folder.join("one.png"),
        (16, 16),
        |byte| if byte % 3 == 0 { 250 } else { 20 },
    );
    "one.png".to_owned()
}
