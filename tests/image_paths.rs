//! Recipes over images in files, by whatever path they are reached.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fmt::Write;
use std::path::{Path, PathBuf};

use crate::common::{alambic, write_image};

const RECIPE: &str = r#"
schema = 1
name = "pictures"
stages = ["train"]

[data.pictures.corpus.image-captions]
images = "images"
paths = "paths.tsv"
[data.pictures.split]
test-fraction = 0.3
validation-fraction = 0.3

[model.small.clip]
layers = 1
width = 8
heads = 2
feed-forward = 8
embedding = 8
image = 16
patch = 8
dropout = 0.0

[train]
steps = 2
batch.size = 4

[stage.train]
student = "small"
data.captions = { data = ["pictures"] }
loss.image-text-contrast = {}

[evaluation]
data = ["pictures"]
timed-examples = 2
"#;

/// Writes the recipe with its images.
fn write(folder: &Path) {
    std::fs::create_dir_all(folder.join("images")).unwrap();
    let mut table = "image\tcaption\n".to_owned();
    for index in 0..40_u8 {
        write_image(&folder.join(format!("images/{index}.png")), (8, 8), |_| index * 6);
        writeln!(table, "{index}.png\tgrey number {index}").unwrap();
    }
    std::fs::write(folder.join("paths.tsv"), table).unwrap();
    std::fs::write(folder.join("recipe.toml"), RECIPE).unwrap();
}

/// The student that a run gives, and its report.
fn student(within: &Path, recipe: &Path, out: &Path) -> (Vec<u8>, String) {
    let output = alambic(within).arg("run").arg(recipe).arg("--out").arg(out).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    (crate::common::student(out), report)
}

#[test]
fn student_is_the_same_by_whatever_path_its_images_are_reached() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("own");
    write(&root);
    let outs = tempfile::tempdir().unwrap();
    let out = |name: &str| outs.path().join(name);
    let (expected, _) = student(&root, Path::new("recipe.toml"), &out("within"));
    let mut ways: Vec<PathBuf> =
        vec![root.join("recipe.toml"), folder.path().join("own/./images/../recipe.toml")];
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&root, folder.path().join("link")).unwrap();
        ways.push(folder.path().join("link/recipe.toml"));
    }
    for (number, way) in ways.iter().enumerate() {
        let (bytes, report) = student(folder.path(), way, &out(&number.to_string()));
        assert!(bytes == expected, "{}", way.display());
        assert!(
            report.contains("./") && !report.contains(&*root.join("images").to_string_lossy()),
            "{report}"
        );
    }
}

#[cfg(unix)]
#[test]
fn recipe_and_images_at_a_path_of_any_bytes_are_read() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join(OsStr::from_bytes(b"own-\xff"));
    write(&root);
    let recipe = root.join("recipe.toml");
    let output = alambic(folder.path()).arg("check").arg(&recipe).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let out = folder.path().join(OsStr::from_bytes(b"out-\xfe"));
    student(folder.path(), &recipe, &out);
    let image = root.join(OsStr::from_bytes(b"images/\xfd.png"));
    std::fs::copy(root.join("images/7.png"), &image).unwrap();
    let output = alambic(folder.path())
        .arg("predict")
        .arg(out.join("student"))
        .arg("--image")
        .arg(&image)
        .arg("grey number 7")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
