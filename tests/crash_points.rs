//! A run that ends at any operation on its files, by a kill or a full disk, goes on or starts anew to the same bytes.
//!
//! A library that is preloaded into the binary counts its operations and ends it at one of them. CI tries some points of a
//! small recipe; `ALAMBIC_CRASH_POINTS=100 cargo test --release --test integration -- crash_points::` that many of each kind over
//! each recipe, spread evenly; `all` every one.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail wherever it is, and says what it tried"
)]
#![cfg(all(target_os = "linux", target_env = "gnu"))]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{Ended, alambic, copy, student};

/// Points of each kind that CI tries.
const FEW: usize = 6;

/// Shipped recipes, with what makes them quick.
const RECIPES: [(&str, &[&str]); 3] = [
    (
        "builtin:text/smoke/logits",
        &[
            "data.task.corpus.made-up-reviews.size=300",
            "stage.fine-tune.train.steps=8",
            "stage.distil.train.steps=8",
            "train.checkpoint-every=3",
            "train.validate-every=4",
            "cache.mode=required",
        ],
    ),
    (
        "builtin:vision/smoke/dide",
        &["train.checkpoint-every=3", "train.steps=6", "train.validate-every=4", "evaluation.limit=10"],
    ),
    (
        "builtin:parallel/smoke/paraphrase",
        &[
            "data.pairs.corpus.made-up-translations.size=1500",
            "train.steps=60",
            "train.checkpoint-every=30",
            "train.validate-every=30",
        ],
    ),
];

/// Where a run goes, beside nothing else.
struct Place {
    folder: tempfile::TempDir,
    shim: PathBuf,
    recipe: &'static str,
    set: &'static [&'static str],
}

impl Place {
    fn new(recipe: &'static str, set: &'static [&'static str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shim = folder.path().join("shim.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash_points/shim.c");
        let built =
            Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&shim).arg(source).status();
        assert!(built.unwrap().success());
        Self { folder, shim, recipe, set }
    }

    /// The folder whose operations are counted, made anew.
    fn root(&self, name: &str) -> PathBuf {
        let root = self.folder.path().join(name);
        let _ = std::fs::remove_dir_all(&root);
        std::fs::create_dir(&root).unwrap();
        root
    }

    fn command(&self, root: &Path, more: &[&str]) -> Command {
        let mut command = alambic(self.folder.path());
        command.args(["run", self.recipe, "--out"]).arg(root.join("run")).args(["--threads", "1"]).args(more);
        for set in self.set {
            command.args(["--set", set]);
        }
        command
    }

    fn run(&self, root: &Path, more: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = self.command(root, more);
        if !environment.is_empty() {
            command.env("LD_PRELOAD", &self.shim).env("CRASH_ROOT", root);
            command.envs(environment.iter().copied());
        }
        let output = command.output().unwrap();
        Ended {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a user does after a crash: go on, and where there is nothing to go on with, start.
    fn recover(&self, root: &Path, at: &str) {
        let resumed = self.run(root, &["--resume"], &[]);
        if resumed.code == Some(0) {
            return;
        }
        assert!(resumed.stderr.contains("holds no run to resume"), "{at}: stuck: {}", resumed.stderr);
        let started = self.run(root, &[], &[]);
        assert_eq!(started.code, Some(0), "{at}: stuck: {}", started.stderr);
    }
}

/// What must come out the same: the student, and the number of events but for those that tell of a resumption.
fn outcome(root: &Path) -> (Vec<u8>, usize) {
    let run = root.join("run");
    let events = std::fs::read_to_string(run.join("events.jsonl")).unwrap();
    let is_resume = |line: &&str| line.contains("-resume\"");
    (student(&run), events.lines().filter(|line| !is_resume(line)).count())
}

/// How many points of each kind are tried.
fn points() -> usize {
    match std::env::var("ALAMBIC_CRASH_POINTS") {
        Err(_) => FEW,
        Ok(all) if all == "all" => usize::MAX,
        Ok(number) => number.parse().unwrap(),
    }
}

/// Tries points of a run that begins in a folder as `prepare` leaves it, with these flags.
fn sweep(place: &Place, more: &[&str], prepare: impl Fn(&Path)) {
    let root = place.root("undisturbed");
    prepare(&root);
    let count = place.folder.path().join("count");
    let ended = place.run(&root, more, &[("CRASH_COUNT", count.to_str().unwrap())]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let operations: usize = std::fs::read_to_string(&count).unwrap().trim().parse().unwrap();
    let expected = outcome(&root);
    let points = points().min(operations);
    for kind in ["kill", "full"] {
        for point in 0..points {
            let at = 1 + point * operations / points;
            let root = place.root("crashed");
            prepare(&root);
            let number = at.to_string();
            let ended = place.run(&root, more, &[("CRASH_AT", &number), ("CRASH_KIND", kind)]);
            let named = format!("{} {more:?}, {kind} at operation {at} of {operations}", place.recipe);
            assert!(!ended.stderr.contains("should not have happened"), "{named}: {}", ended.stderr);
            if kind == "full" && ended.code != Some(0) {
                // What failed is named.
                assert!(ended.stderr.contains("No space left"), "{named}: {}", ended.stderr);
                assert!(ended.stderr.contains("crashed"), "{named}: no path: {}", ended.stderr);
            }
            place.recover(&root, &named);
            assert!(outcome(&root) == expected, "{named}: other bytes");
        }
    }
    println!("{}: {} of {operations} operations by kill and by full disk", place.recipe, points);
}

#[test]
fn a_run_that_ends_at_any_operation_comes_to_the_same_bytes() {
    let tried = if std::env::var_os("ALAMBIC_CRASH_POINTS").is_some() { RECIPES.len() } else { 1 };
    for (recipe, set) in RECIPES.into_iter().take(tried) {
        sweep(&Place::new(recipe, set), &[], |_| {});
    }
}

#[test]
fn overwriting_that_ends_at_any_operation_leaves_a_run_or_none() {
    let (recipe, set) = RECIPES[0];
    let place = Place::new(recipe, set);
    let finished = place.root("finished");
    assert_eq!(place.run(&finished, &[], &[]).code, Some(0));
    sweep(&place, &["--overwrite"], |root| {
        copy(&finished.join("run"), &root.join("run"));
    });
}
