//! Models that learn to write about images: answers and captions in several languages.

mod common;

use common::{json_of, run};

const RECIPE: &str = r#"
schema = 1
name = "about-images"
stages = ["teacher", "student"]
seed = 1

[data.scenes]
corpus.made-up-scenes = { images = 120, questions = 4, captions = 2, side = 16, most = 3, languages = ["en", "hi"] }
split = { test-fraction = 0.2, validation-fraction = 0.1 }

[model.large.pali]
image-encoder = { image = 16, patch = 8, layers = 2, width = 16, heads = 2, feed-forward = 16 }
language-model = { encoder-layers = 2, decoder-layers = 2, width = 16, heads = 2, feed-forward = 16, vocabulary = 200 }
[teacher.large.checkpoint]
stage = "teacher"
[model.small.pali-layers]
teacher = "large"
image-layers = [2]
encoder-layers = [2]
decoder-layers = [1]

[train]
steps = 6
batch.size = 16
validate-every = 6
validation-examples = 8
checkpoint-every = 3

[stage.teacher]
student = "large"
loss.cross-entropy = {}
[[stage.teacher.data.generation]]
data = ["scenes"]
writes = "answer"
languages = ["en", "hi"]
share = 3
[[stage.teacher.data.generation]]
data = ["scenes"]
writes = "caption"
languages = ["en", "hi"]
max-new-tokens = 60
evaluated = false

[stage.student]
student = "small"
teacher = "large"
loss.cross-entropy = {}
loss.word-level = {}
[[stage.student.data.generation]]
data = ["scenes"]
writes = "answer"
languages = ["en", "hi"]
evaluated = ANSWERS
[[stage.student.data.generation]]
data = ["scenes"]
writes = "caption"
languages = ["en", "hi"]
max-new-tokens = 60
evaluated = CAPTIONS

[evaluation]
data = ["scenes"]
teacher = "large"
metrics = METRICS
max-new-tokens = 12
average-without = ["en"]
timed-examples = 2
"#;

fn recipe(answers: bool, metrics: &str) -> String {
    RECIPE
        .replace("ANSWERS", &answers.to_string())
        .replace("CAPTIONS", &(!answers).to_string())
        .replace("METRICS", metrics)
}

#[test]
fn answers_are_written_in_each_language_and_measured_beside_the_question_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), recipe(true, r#"["text-exact-match"]"#)).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    let models = &metrics["models"];
    for model in ["teacher", "student", "question-only"] {
        let own = &models[model];
        assert!(own["metrics"]["text-exact-match"].is_number(), "{model}: {metrics}");
        assert!(own["slices"]["hi"]["text-exact-match"].is_number(), "{model}: {metrics}");
    }
    // The commonest answer to a question is right more often than never.
    assert!(models["question-only"]["metrics"]["text-exact-match"].as_f64() > Some(0.1), "{metrics}");
    let again = run(folder.path(), &["run", "recipe.toml", "--out", "again"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);
    let weights =
        |run: &str| std::fs::read(folder.path().join(run).join("student/model.safetensors")).unwrap();
    assert_eq!(weights("out"), weights("again"));
    let image = image_in(folder.path());
    let written = run(folder.path(), &["predict", "out/student", "--image", &image, "Answer in hi: क्या?"]);
    assert_eq!(written.code, Some(0), "{}", written.stderr);
}

#[test]
fn captions_are_measured_by_what_is_in_the_scene() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = r#"["caption-objects", "caption-truth", "chrf", "bleu-4", "cider-d"]"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe(false, metrics)).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out", "--no-baseline"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    let student = &metrics["models"]["student"];
    for name in ["caption-objects", "caption-truth", "chrf", "bleu-4", "cider-d"] {
        assert!(student["metrics"][name].is_number(), "{name}: {metrics}");
    }
}

/// An image to write about.
fn image_in(folder: &std::path::Path) -> String {
    common::write_image(&folder.join("one.png"), (16, 16), |byte| if byte % 3 == 0 { 250 } else { 20 });
    "one.png".to_owned()
}
