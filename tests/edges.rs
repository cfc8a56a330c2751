//! Runs at the edges: a last batch of one example, a test split of one class, text that is code.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write as _;
use std::path::Path;

use crate::common::{copy, json, run};
use alambic_files::text::{first_hidden, string_literal};
use serde_json::{Value, json};

/// A label that would be a line of Python, of YAML and of HTML, a cell and mathematics of Markdown, a command of a shell,
/// and that hides some of itself.
const HOSTILE: &str = "yes\nimport os\r\n<img src=x>\u{1b}[2J\u{202e}`a\\|b` | \"'</script>{{7*7}}$(touch x)\u{200b}\u{e0041}&lt;";

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

[model.expert.encoder]
layers = 1
width = 8
heads = 2
max-length = 24
[model.small.encoder]
layers = 1
width = 8
heads = 2
max-length = 24

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

/// What may be the name of a file or a folder, though not of a recipe.
const NAME: &str = "edges | `x\\|y` <b>'\"$(touch x)\u{202e}\u{e0041}\u{1b}[2J\n</script>{{7*7}}";

/// Whether a text has a character that hides; line ends are none.
fn hides(text: &str) -> bool {
    text.lines().any(|line| first_hidden(line).is_some())
}

/// The page must be text alone, whatever names and labels hold.
fn check_page(file: &str, text: &str) {
    assert!(!hides(text), "{file} passes a hidden character on: {text}");
    let is_code =
        |line: &str| ["import os", "import sys", "[2J", "</script"].iter().any(|own| line.starts_with(own));
    assert!(!text.lines().any(is_code), "{file} has a line of the data's: {text}");
    if text.starts_with("<!DOCTYPE") {
        for markup in ["<img src=x>", "<b>", "</script>"] {
            assert!(!text.contains(markup), "{file} has markup of the data's: {text}");
        }
        return;
    }
    // All rows of a table have as many cells as its head, and nothing outside of code is markup.
    let mut columns = None;
    let mut in_code = false;
    for line in text.lines() {
        in_code ^= line.starts_with("```");
        if in_code {
            continue;
        }
        let plain = line.replace("\\\\", "").replace("\\|", "").replace("\\<", "").replace("\\$", "");
        assert!(!plain.contains("<b>") && !plain.contains("<img") && !plain.contains("$("), "{file}: {line}");
        let cells = plain.starts_with('|').then(|| plain.matches('|').count());
        assert!(columns.is_none() || cells.is_none() || columns == cells, "{file}: {line}");
        columns = cells;
    }
}

#[test]
fn a_run_at_the_edges_ends_well_and_passes_nothing_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    write_tables(folder);
    let data = "tr`a|in` <b>$(id) it's.jsonl";
    std::fs::rename(folder.join("train.jsonl"), folder.join(data)).unwrap();
    let recipe = RECIPE
        .replace(
            "schema = 1",
            &format!("schema = 1\ndescription = {}", string_literal(&format!("- {HOSTILE}"))),
        )
        .replace("\"train.jsonl\"", &string_literal(data));
    let file = format!("{}.toml", NAME.replace('/', ""));
    std::fs::write(folder.join(&file), recipe).unwrap();
    let ended = run(folder, &["run", &file, "--out", "out"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let out = folder.join("out");

    // Nine examples in batches of eight are one batch, so that two epochs are two steps.
    let steps = std::fs::read_to_string(out.join("events.jsonl")).unwrap();
    let of_distil = |line: &&str| line.contains("\"event\":\"step\"") && line.contains("\"distil\"");
    assert_eq!(steps.lines().filter(of_distil).count(), 2, "{steps}");
    assert!(!ended.stderr.contains("learning rate"), "{}", ended.stderr);

    let read = |path: &str| std::fs::read_to_string(out.join(path)).unwrap();
    let metrics: Value = json(&read("metrics.json"));
    assert_eq!(metrics["models"]["teacher"]["metrics"]["accuracy-of-majority"], 1.0);
    for file in ["report.md", "report.html", "student/README.md"] {
        check_page(file, &read(file));
    }
    for file in ["metrics.json", "recipe.resolved.toml", "events.jsonl", "inputs.json", "environment.json"] {
        assert!(!hides(&read(file)), "{file}: {}", read(file));
    }
    assert!(!hides(&ended.stderr) && !hides(&ended.stdout), "{}{}", ended.stdout, ended.stderr);
    assert!(
        read("report.md").contains("has one class alone") || ended.stderr.contains("majority"),
        "{}",
        ended.stderr
    );
    let card = read("student/README.md");
    assert!(card.contains("alambic predict student -- $'-- it\\'s"), "{card}");
    assert!(
        card.contains("alambic run $'edges | `x\\\\|y` <b>\\'\"$(touch x)\\u202e\\U000e0041\\u001b"),
        "{card}"
    );

    // The resolved recipe is the same recipe.
    let again = run(folder, &["check", "--quick", "out/recipe.resolved.toml"]);
    assert_eq!(again.code, Some(0), "{}", again.stderr);

    let other = NAME.replace('/', "");
    copy(&out, &folder.join(&other));
    let compared = run(folder, &["compare", "out", &other, "--out", "page"]);
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
    assert!(!hides(&compared.stdout) && !hides(&compared.stderr), "{}{}", compared.stdout, compared.stderr);
    for file in ["compare.md", "compare.html"] {
        check_page(file, &std::fs::read_to_string(folder.join("page").join(file)).unwrap());
    }
}
