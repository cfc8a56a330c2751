//! Models that learn to write about images: answers and captions in several languages.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::common::{json_of, run};

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
        // Nobody asked for it, and without it a right answer in another language could not be told from a wrong one.
        let wrong = own["metrics"]["wrong-language"].as_f64().unwrap();
        let right = own["metrics"]["text-exact-match"].as_f64().unwrap();
        assert!((0.0..=1.0 - right).contains(&wrong), "{model}: {metrics}");
        assert!(own["slices"]["hi"]["wrong-language"].is_number(), "{model}: {metrics}");
    }
    // It answers in the language in which it is asked.
    assert_eq!(models["question-only"]["metrics"]["wrong-language"].as_f64(), Some(0.0), "{metrics}");
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

/// The recipe whose student has labels in English alone.
fn without_labels() -> String {
    let (before, student) = RECIPE.split_once("[stage.student]").unwrap();
    let student = student
        .replace("loss.word-level = {}\n", "loss.word-level = {}\nloss.sequence = {}\n")
        .replace("languages = [\"en\", \"hi\"]\n", "languages = [\"en\", \"hi\"]\nlabelled-languages = [\"en\"]\n")
        .replace("loss.word-level", "loss.hidden = { stream = \"encoder.image\" }\nloss.cross-attention = { parts = [\"decoder-to-image\"] }\nloss.word-level");
    format!("{before}[stage.student]{student}")
        .replace("ANSWERS", "true")
        .replace("CAPTIONS", "false")
        .replace("METRICS", r#"["text-exact-match"]"#)
}

#[test]
fn teacher_writes_where_there_are_no_labels() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), without_labels()).unwrap();
    let plan = run(folder.path(), &["plan", "recipe.toml", "--json"]).done();
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    assert!(plan["stages"][1]["teacher-outputs"].as_u64() > Some(50), "{plan}");
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out", "--no-baseline"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // One record an entry, of which each request is one of Hindi.
    for entry in ["written-1", "written-2"] {
        let path = folder.path().join(format!("out/teacher-outputs/student.{entry}.train.jsonl"));
        let record = std::fs::read_to_string(path).unwrap();
        let requests: Vec<&str> = record.lines().filter(|line| line.contains("\"prompt\"")).collect();
        assert!(!requests.is_empty() && requests.iter().all(|line| line.contains(" in hi:")), "{record}");
    }
    assert!(!folder.path().join("out/teacher-outputs/teacher.written-1.train.jsonl").exists());
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    assert!(metrics["models"]["student"]["slices"]["hi"]["text-exact-match"].is_number(), "{metrics}");
    let report = std::fs::read_to_string(folder.path().join("out/report.html")).unwrap();
    assert!(report.contains("Attention to the image, word by word"));
    // A share of the images without labels: fewer examples have one.
    let share = without_labels().replace("labelled-languages = [\"en\"]", "labelled = 0.5");
    let share = share.replace("validation-examples = 8", "validation-examples = 60");
    std::fs::write(folder.path().join("recipe.toml"), share).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "share", "--no-baseline"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let path = folder.path().join("share/teacher-outputs/student.written-1.train.jsonl");
    let record = std::fs::read_to_string(path).unwrap();
    for language in [" in hi:", " in en:"] {
        assert!(record.contains(language), "{record}");
    }
}

/// A language model that learns from texts, and a PaLI that takes it over.
const REUSED: &str = r#"
schema = 1
name = "reused"
stages = ["language", "learn"]

[data.sentences]
corpus.made-up-translations = { size = 120, languages = ["en", "hi"] }
split = { test-fraction = 0.1, validation-fraction = 0.1 }
[data.scenes]
corpus.made-up-scenes = { images = 60, questions = 2, captions = 1, side = 16, most = 3, languages = ["en", "hi"] }
split = { test-fraction = 0.2, validation-fraction = 0.2 }

[model.language.encoder-decoder]
family = "t5"
encoder-layers = 1
decoder-layers = 1
width = 16
heads = 2
feed-forward = 16
vocabulary = 200
[teacher.language.checkpoint]
stage = "language"
[model.small.pali]
image-encoder = { image = 16, patch = 8, layers = 1, width = 16, heads = 2, feed-forward = 16 }
language-model = "language"

[train]
steps = 6
batch.size = 16
validate-every = 3
validation-examples = 8

[stage.language]
student = "language"
loss.cross-entropy = {}
[[stage.language.data.generation]]
data = ["sentences"]
reads = ["text"]
writes = "spans"

# Images and texts together.
[stage.learn]
student = "small"
loss.cross-entropy = {}
[[stage.learn.data.generation]]
data = ["scenes"]
writes = "answer"
languages = ["en", "hi"]
[[stage.learn.data.generation]]
data = ["sentences"]
reads = ["text"]
writes = "spans"
evaluated = false

[evaluation]
data = ["scenes"]
metrics = ["text-exact-match"]
timed-examples = 2
"#;

#[test]
fn spans_left_out_of_texts_train_a_language_model_that_is_reused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("recipe.toml"), REUSED).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let tokenizer = std::fs::read_to_string(folder.path().join("out/student/tokenizer.json")).unwrap();
    assert!(
        tokenizer.contains("<extra_id_3>") && !tokenizer.contains("<extra_id_4>"),
        "texts of 64 tokens need four"
    );
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    assert!(metrics["models"]["student"]["metrics"]["text-exact-match"].is_number(), "{metrics}");
    // The language model by itself is evaluated by the spans that it writes.
    let alone = REUSED
        .replace(r#"stages = ["language", "learn"]"#, r#"stages = ["language"]"#)
        .replace("[evaluation]\ndata = [\"scenes\"]", "[evaluation]\ndata = [\"sentences\"]")
        .replace(r#"["text-exact-match"]"#, r#"["chrf", "text-exact-match"]"#);
    std::fs::write(folder.path().join("alone.toml"), alone).unwrap();
    let ended = run(folder.path(), &["run", "alone.toml", "--out", "alone"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let metrics = json_of(&folder.path().join("alone/metrics.json"));
    assert!(metrics["models"]["student"]["metrics"]["chrf"].is_number(), "{metrics}");
    let report = std::fs::read_to_string(folder.path().join("alone/report.md")).unwrap();
    assert!(report.contains("extra"), "{report}");
}

/// Names in the cells of two sheets.
const SHEET: &str = r#"
schema = 1
name = "sheet"
stages = ["learn"]

[data.signs]
corpus.image-sheet = { table = "cells.tsv", sheets = { first = "a.png", other = "b.png" }, side = 8, border = 0, captions = ["name_en", "name_hi"], unseen-style = { style = "other", fraction = 0.2 } }
split = { test-values = ["unseen-style"], validation-fraction = 0.2 }

[model.small.pali]
image-encoder = { image = 16, patch = 8, layers = 1, width = 16, heads = 2, feed-forward = 16 }
language-model = { encoder-layers = 1, decoder-layers = 1, width = 16, heads = 2, feed-forward = 16, vocabulary = 200 }

[train]
steps = 4
batch.size = 8
validation-examples = 4

[stage.learn]
student = "small"
loss.cross-entropy = {}
[[stage.learn.data.generation]]
data = ["signs"]
writes = "caption"
languages = ["en", "hi"]
max-new-tokens = 60

[evaluation]
data = ["signs"]
metrics = ["text-exact-match", "chrf"]
timed-examples = 2
"#;

#[test]
fn names_of_pictures_in_sheets_are_written_of_an_unseen_style() {
    use std::fmt::Write;
    let folder = tempfile::tempdir().unwrap();
    let mut table = "sheet_x\tsheet_y\tname_en\tname_hi\n".to_owned();
    for cell in 0..64 {
        writeln!(table, "{}\t{}\tsign {cell}\tचिह्न {cell}", cell % 8, cell / 8).unwrap();
    }
    std::fs::write(folder.path().join("cells.tsv"), table).unwrap();
    for (name, shade) in [("a.png", 0), ("b.png", 5)] {
        crate::common::write_image(&folder.path().join(name), (64, 64), |value| {
            let pixel = value / 3;
            (shade + (pixel / 64 / 8 * 8 + pixel % 64 / 8) * 3 + pixel % 8) as u8
        });
    }
    std::fs::write(folder.path().join("recipe.toml"), SHEET).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let metrics = json_of(&folder.path().join("out/metrics.json"));
    assert!(metrics["models"]["student"]["slices"]["hi"]["chrf"].is_number(), "{metrics}");
    // Captions without a language cannot be asked for in one.
    let table = std::fs::read_to_string(folder.path().join("cells.tsv")).unwrap();
    std::fs::write(
        folder.path().join("cells.tsv"),
        table.replace("name_en", "name").replace("name_hi", "title"),
    )
    .unwrap();
    let other = SHEET.replace("[\"name_en\", \"name_hi\"]", "[\"name\", \"title\"]");
    std::fs::write(folder.path().join("recipe.toml"), other).unwrap();
    let said = run(folder.path(), &["check", "recipe.toml"]).bad(2);
    assert!(said.contains("corpus `signs` has nothing in `en`"), "{said}");
    assert!(said.contains("its texts have no language"), "{said}");
}

/// An image to write about.
fn image_in(folder: &std::path::Path) -> String {
    crate::common::write_image(
        &folder.join("one.png"),
        (16, 16),
        |byte| if byte % 3 == 0 { 250 } else { 20 },
    );
    "one.png".to_owned()
}
