//! Runs at the edges: a last batch of one example, a test part of one class, text that is code.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

mod common;

use std::fmt::Write as _;
use std::path::Path;

use common::run;
use serde_json::{Value, json};

/// A label that would be a line of Python, of YAML and of HTML.
const HOSTILE: &str = "yes\nimport os\r\n<img src=x>\u{1b}[2J\u{202e}";

/// Nine texts to train on, of two classes, and two parts of one.
fn write_tables(folder: &Path) {
    let table = |part: &str, count: usize, label: &dyn Fn(usize) -> &'static str| {
        (0..count).fold(String::new(), |mut table, row| {
            let text = format!("-- it's {part} {row}\nimport sys");
            let _ = writeln!(table, "{}", json!({ "text": text, "label": label(row) }));
            table
        })
    };
    let either = |row: usize| if row.is_multiple_of(2) { HOSTILE } else { "no" };
    std::fs::write(folder.join("train.jsonl"), table("train", 9, &either)).unwrap();
    std::fs::write(folder.join("dev.jsonl"), table("dev", 33, &either)).unwrap();
    std::fs::write(folder.join("test.jsonl"), table("test", 5, &|_| HOSTILE)).unwrap();
}

const RECIPE: &str = r#"
schema = 1
name = "edges"
stages = ["expert", "distil"]

[data.task.corpus.texts]
paths = "train.jsonl"
validation-paths = "dev.jsonl"
test-paths = "test.jsonl"
label = "label"
[data.task.split]
validation-values = ["validation"]
test-values = ["test"]
validation-fraction = 0.0

[student.expert.encoder]
layers = 1
width = 8
heads = 2
longest = 24
[student.small.encoder]
layers = 1
width = 8
heads = 2
longest = 24

[teacher.expert.checkpoint]
stage = "expert"

[train]
epochs = 2
batch.size = 8

[stage.expert]
student = "expert"
data.texts = { data = ["task"] }
loss.cross-entropy = {}

[stage.distil]
student = "small"
teacher = "expert"
data.texts = { data = ["task"] }
loss.kernel-alignment = {}
loss.relational-distance = {}
loss.relational-angle = {}
loss.similarity-preserving = {}
loss.contrastive = {}
loss.logits = {}

[evaluation]
data = ["task"]
teacher = "expert"
timed-examples = 2
"#;

#[test]
fn a_run_at_the_edges_ends_well_and_passes_nothing_on() {
    let folder = tempfile::tempdir().unwrap();
    write_tables(folder.path());
    std::fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
    let ended = run(folder.path(), &["run", "recipe.toml", "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    // Nine examples in batches of eight are one batch, so that two epochs are two steps.
    let steps = std::fs::read_to_string(folder.path().join("out/events.jsonl")).unwrap();
    let of_distil = |line: &&str| line.contains("\"event\":\"step\"") && line.contains("\"distil\"");
    assert_eq!(steps.lines().filter(of_distil).count(), 2, "{steps}");
    assert!(!ended.stderr.contains("learning rate"), "{}", ended.stderr);

    let metrics = std::fs::read_to_string(folder.path().join("out/metrics.json")).unwrap();
    let metrics: Value = serde_json::from_str(&metrics).unwrap();
    assert_eq!(metrics["models"]["teacher"]["metrics"]["accuracy-of-majority"], 1.0);
    let read = |path: &str| std::fs::read_to_string(folder.path().join("out").join(path)).unwrap();
    for file in ["report.md", "report.html", "student/README.md"] {
        let text = read(file);
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\r']), "{file} passes a hidden character on");
        let is_code = |line: &str| line.starts_with("import os") || line.starts_with("import sys");
        assert!(!text.lines().any(is_code), "{file} has a line of the data's");
        assert!(!text.contains("<img src=x>"), "{file} has markup of the data's");
    }
    assert!(!ended.stderr.contains(['\u{1b}', '\u{202e}', '\r']), "{}", ended.stderr);
    assert!(
        read("report.md").contains("of one class") || ended.stderr.contains("majority"),
        "{}",
        ended.stderr
    );
    assert!(
        read("student/README.md").contains("alambic predict student -- $'-- it\\'s"),
        "{}",
        read("student/README.md")
    );
}
