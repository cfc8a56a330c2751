//! A table of one's own in a recipe without a word about its splits.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use crate::common::{json, run};

/// A recipe over `table.tsv`, whose columns are `text` and `label`, without a word about its splits.
const OWN_TABLE: &str = r#"schema = 1
name = "own"
stages = ["train"]
[data.task.corpus.texts]
paths = "table.tsv"
label = "label"
[model.small.encoder]
layers = 1
width = 8
heads = 2
feed-forward = 8
max-length = 24
[train]
epochs = 1
batch.size = 32
[stage.train]
data.texts.data = ["task"]
loss.cross-entropy = {}
[evaluation]
data = ["task"]
timed-examples = 4
"#;

/// 400 texts of two classes in a table, with `split` beside each label.
fn own_table(folder: &Path, split: &str) {
    let row = |index: usize| format!("text {index}\t{}{split}\n", ["x", "y"][index % 2]);
    let heading = if split.is_empty() { "text\tlabel\n" } else { "text\tlabel\tsplit\n" };
    std::fs::write(folder.join("table.tsv"), heading.to_owned() + &(0..400).map(row).collect::<String>())
        .unwrap();
    std::fs::write(folder.join("own.toml"), OWN_TABLE).unwrap();
}

#[test]
fn a_table_without_a_test_split_lends_a_tenth_of_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    own_table(folder.path(), "");
    let said = run(folder.path(), &["check", "own.toml"]).good();
    assert!(said.contains("a tenth is held out for it: ") && said.contains(" of 400"), "{said}");
    assert!(said.contains("`data.task.split.test-fraction` changes that"), "{said}");
    let plan = |more: &[&str]| -> u64 {
        let planned = run(folder.path(), &[&["plan", "own.toml", "--json"], more].concat()).good();
        json(&planned)["corpora"]["task"]["test"].as_u64().unwrap()
    };
    assert!((25..60).contains(&plan(&[])));
    assert!((150..250).contains(&plan(&["--set", "data.task.split.test-fraction=0.5"])));
    // A value that means the test is for its user to name.
    own_table(folder.path(), "\ttest");
    let said = run(folder.path(), &["check", "own.toml"]).bad(2);
    assert!(said.contains("list it in `split.test-values`") && !said.contains("a tenth"), "{said}");
}

#[test]
fn the_copy_of_a_recipe_in_the_folder_of_its_run_runs_from_there() {
    let folder = tempfile::tempdir().unwrap();
    own_table(folder.path(), "");
    let first = run(folder.path(), &["run", "own.toml", "--out", "first", "--set", "seed=7"]);
    assert!(first.code == Some(0) && first.stderr.contains("a tenth is held out"), "{}", first.stderr);
    let second = run(&folder.path().join("first"), &["run", "recipe.toml", "--out", "../second"]);
    assert_eq!(second.code, Some(0), "{}", second.stderr);
    let weights =
        |run: &str| std::fs::read(folder.path().join(run).join("student/model.safetensors")).unwrap();
    assert_eq!(weights("first"), weights("second"));
    // Once it is changed it is a recipe like any other.
    let copy = folder.path().join("first/recipe.toml");
    std::fs::write(&copy, OWN_TABLE.replace("own", "other")).unwrap();
    let said = run(folder.path(), &["check", "first/recipe.toml"]).bad(2);
    assert!(said.contains("first/table.tsv"), "{said}");
}

#[test]
fn a_model_of_the_hub_that_is_not_at_hand_is_a_mistake_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("train.tsv"), "text\tlabel\na\tx\nb\ty\n").unwrap();
    let table = "data.task.corpus.texts={paths=\"train.tsv\", label=\"label\"}";
    let flags = ["--set", table, "--set", "data.task.split={test-fraction=0.5}"];
    let said = run(folder.path(), &[&["check", "builtin:text/task"][..], &flags].concat()).bad(2);
    assert!(said.contains("error[model::hub]") && said.contains("HF_HUB_OFFLINE"), "{said}");
    assert!(said.contains("hf:sentence-transformers/all-MiniLM-L6-v2"), "{said}");
}
