//! `alambic run` from start to end, stopped and gone on with.

mod common;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{alambic, broken, run};

/// The sound recipe at a path that holds in any folder.
fn sound() -> String {
    broken().join("sound.toml").display().to_string()
}

#[test]
fn a_run_leaves_a_report_and_a_student() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = sound();
    let ended = run(folder.path(), &["run", &recipe]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "runs/sound\n"), "{}", ended.stderr);
    let out = folder.path().join("runs/sound");
    for file in ["recipe.resolved.toml", "events.jsonl", "metrics.json", "report.html", "student/model.safetensors"] {
        assert!(out.join(file).is_file(), "{file}");
    }
    let said = run(folder.path(), &["run", &recipe]).bad(2);
    assert!(said.contains("--resume") && said.contains("--overwrite"), "{said}");
    let said = run(folder.path(), &["run", &recipe, "--resume", "--set", "train.clip=2"]).bad(2);
    assert!(said.contains("clip"), "{said}");
    let text = run(folder.path(), &["predict", "runs/sound/student", "--target-language", "ta", "ज़ोर्वा"]).good();
    assert!(text.starts_with("ज़ोर्वा\t"), "{text}");
    let text = run(folder.path(), &["compare", "runs/sound"]).good();
    assert!(text.contains("baseline"), "{text}");
    let ended = run(folder.path(), &["run", &recipe, "--overwrite", "--set", "train.steps=2"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_recipe_that_is_wrong_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = broken().join("heads/recipe.toml").display().to_string();
    run(folder.path(), &["run", &recipe]).bad(2);
    assert!(!folder.path().join("runs").exists());
    run(folder.path(), &["run", "--resume", "--out", "nowhere"]).bad(2);
    run(folder.path(), &["run", &sound(), "--resume"]).bad(2);
    run(folder.path(), &["run", &sound(), "--resume", "--overwrite"]).bad(2);
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["run", &sound(), "--out", "out", "--set", "train.steps=100000", "--set", "train.checkpoint-every=1000000"];
    let mut command = alambic(folder.path());
    let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let events = folder.path().join("out/events.jsonl");
    let trains = || std::fs::read_to_string(&events).is_ok_and(|text| text.contains("\"step\""));
    for _ in 0..600 {
        if trains() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(trains(), "{:?}", child.try_wait());
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("--resume"), "{said}");
    assert!(checkpoint(&folder.path().join("out")), "no checkpoint");
    let said = run(folder.path(), &["run", "--resume", "--out", "out", "--set", "train.steps=5"]).bad(2);
    assert!(said.contains("steps"), "{said}");
}

/// Whether a run holds a checkpoint of its first stage.
#[cfg(unix)]
fn checkpoint(run: &Path) -> bool {
    std::fs::read_dir(run.join("checkpoints/translator")).is_ok_and(|mut entries| entries.next().is_some())
}
