//! Recipes over the cells of sheets, and over images that are augmented.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::Path;
use std::process::Output;

use crate::common::{alambic, write_image};

const RECIPE: &str = r#"
schema = 1
name = "pictures"
stages = ["large", "distil"]

[data.pictures.corpus.image-sheet]
table = "cells.tsv"
sheets = { first = "a.png", other = "b.png" }
side = 8
border = 0
captions = ["name_en", "name_hi"]
group = "group"
[data.pictures.split]
test-fraction = 0.3
validation-fraction = 0.2

[model.large.clip]
layers = 1
width = 8
heads = 2
image = 16
patch = 8
dropout = 0.0

[model.small.clip]
layers = 1
width = 8
heads = 2
image = 16
patch = 8
dropout = 0.0

[teacher.large.checkpoint]
stage = "large"

[train]
steps = 3
batch.size = 4

[stage.large]
student = "large"
data.captions = { data = ["pictures"] }
loss.image-text-contrast = {}

[stage.distil]
student = "small"
teacher = "large"
data.captions = { data = ["pictures"] }
loss.affinity = {}

[evaluation]
data = ["pictures"]
teacher = "large"
timed-examples = 2
"#;

/// Writes the recipe with two sheets of eight by five cells, each of whose cells has another shade.
fn write(folder: &Path) {
    let mut table = "sheet_x\tsheet_y\tname_en\tname_hi\tgroup\n".to_owned();
    for cell in 0..40 {
        writeln!(table, "{}\t{}\tgrey number {cell}\tधूसर {cell}\t{}", cell % 8, cell / 8, cell / 2).unwrap();
    }
    for (name, shade) in [("a.png", 0), ("b.png", 5)] {
        write_image(&folder.join(name), (64, 40), |value| {
            let pixel = value / 3;
            let (column, row) = (pixel % 64 / 8, pixel / 64 / 8);
            (shade + (row * 8 + column) * 6 + pixel % 8) as u8
        });
    }
    std::fs::write(folder.join("cells.tsv"), table).unwrap();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
}

fn run(folder: &Path, command: &str, options: &[&str]) -> Output {
    let mut program = alambic(folder);
    program.arg(command).arg("recipe.toml");
    for option in options {
        program.arg("--set").arg(option);
    }
    if command == "run" {
        program.args(["--overwrite", "--out", "out"]);
    }
    program.output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The student that a run with these options gives.
fn student(folder: &Path, options: &[&str]) -> Vec<u8> {
    let output = run(folder, "run", options);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    crate::common::student(&folder.join("out"))
}

#[test]
fn pictures_of_sheets_are_trained_on_and_reported_by_language_and_style() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    student(folder.path(), &[]);
    let metrics = std::fs::read_to_string(folder.path().join("out/metrics.json")).unwrap();
    for slice in ["text to image, en", "text to image, hi", "image to text, first", "image to text, other"] {
        assert!(metrics.contains(slice), "{slice}: {metrics}");
    }
    // In one language there is no slice of it.
    student(folder.path(), &["evaluation.student-languages=hi", "stage.distil.data.captions.languages=hi"]);
    let metrics = std::fs::read_to_string(folder.path().join("out/metrics.json")).unwrap();
    assert!(metrics.contains("\"text to image\"") && !metrics.contains("text to image, hi"), "{metrics}");
    let output = run(folder.path(), "check", &["evaluation.student-languages=pl"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("no image of these corpora has a caption in `pl`"), "{}", said(&output));
}

#[test]
fn views_are_the_same_for_a_seed_and_are_seen_in_training_alone() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let augmented = [
        "data.pictures.augment.flip=0.5",
        "data.pictures.augment.random-resized-crop.scale=[0.3,1.0]",
        "data.pictures.augment.colour-jitter.hue=0.1",
    ];
    let plain = student(folder.path(), &[]);
    let first = student(folder.path(), &augmented);
    assert!(plain != first, "views change what is learnt");
    assert!(student(folder.path(), &augmented) == first, "a seed decides the views");
    assert!(student(folder.path(), &[&augmented[..], &["seed=2"]].concat()) != first);
    let teacher = [&augmented[..], &["data.pictures.augment.teacher-view=plain"]].concat();
    assert!(student(folder.path(), &teacher) != first, "the teacher sees images as they are");
}

#[test]
fn picture_with_a_word_of_sides_is_never_flipped() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let table = std::fs::read_to_string(folder.path().join("cells.tsv")).unwrap();
    std::fs::write(folder.path().join("cells.tsv"), table.replace("grey", "grey left")).unwrap();
    let plain = student(folder.path(), &[]);
    assert!(student(folder.path(), &["data.pictures.augment.flip=1.0"]) == plain);
}

#[test]
fn faults_of_sheets_are_told_with_their_places() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path());
    let table = std::fs::read_to_string(folder.path().join("cells.tsv")).unwrap();
    // One lies outside, one has no text, and one has no number.
    let broken = table
        .replace("1\t0\tgrey number 1\t", "8\t0\tgrey number 1\t")
        .replace("grey number 2\tधूसर 2", "\t")
        .replace("3\t0\tgrey number 3\t", "three\t0\tgrey number 3\t");
    std::fs::write(folder.path().join("cells.tsv"), broken).unwrap();
    let output = run(folder.path(), "check", &["data.pictures.corpus.image-sheet.exclude.group=none"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "the cell (8, 0) lies outside of",
        "the row has no text in `name_en`, `name_hi`",
        "`sheet_x` holds `three` where a whole number is expected",
        "no row has the value `none` in `group`",
        "error[data::sheet]",
        "cells.tsv:3",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
}

#[test]
fn augmentation_that_cannot_be_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = r#"
schema = 1
name = "scenes"
stages = ["train"]

[data.scenes.corpus.made-up-scenes]
images = 40
side = 16
captions = 1
[data.scenes.split]
test-fraction = 0.3
validation-fraction = 0.2
[data.scenes.augment]
random-resized-crop = { scale = [0.9, 0.2] }

[data.reviews.corpus.made-up-reviews]
size = 40
[data.reviews.augment]
colour-jitter = {}

[model.small.clip]
layers = 1
width = 8
heads = 2
image = 16
patch = 8

[train]
steps = 2

[stage.train]
student = "small"
data.captions = { data = ["scenes"], languages = ["hi"] }
loss.image-text-contrast = {}

[evaluation]
data = ["scenes"]
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let output = run(folder.path(), "check", &[]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for expected in [
        "tell of all that is in a scene, which a crop cuts off",
        "`scale` holds no lower and upper bound",
        "data `reviews` holds texts, and images alone are augmented",
        "no image of these corpora has a caption in `hi`",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Colours and flips are fine: what has a side in its text is not flipped.
    let fine =
        recipe.replace("random-resized-crop = { scale = [0.9, 0.2] }", "flip = 0.5\ncolour-jitter = {}");
    let fine = fine
        .replace(", languages = [\"hi\"]", "")
        .replace("[data.reviews.augment]\ncolour-jitter = {}\n", "");
    std::fs::write(folder.path().join("recipe.toml"), fine).unwrap();
    let output = run(folder.path(), "check", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn statements_about_two_scenes_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = r#"
schema = 1
name = "pairs"
stages = ["train"]

[data.scenes.corpus.made-up-scenes]
images = 80
side = 16
pairs = 4
styles = ["plain", "dark"]
kept-out = ["red circle"]
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.2

[model.small.fusion]
layers = 1
width = 16
heads = 2
image = 16

[train]
steps = 2

[stage.train]
student = "small"
data.questions = { data = ["scenes"] }
[stage.train.loss.binary-cross-entropy]

[evaluation]
data = ["scenes"]
timed-examples = 2
"#;
    std::fs::write(folder.path().join("recipe.toml"), recipe).unwrap();
    let output = run(folder.path(), "run", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let metrics = std::fs::read_to_string(folder.path().join("out/metrics.json")).unwrap();
    assert!(metrics.contains("kept out") && metrics.contains("seen"), "{metrics}");
}
