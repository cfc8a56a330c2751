//! Shared parts of the tests of the binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

mod launchers;
mod models;
mod recipes;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use alambic_data::{DetectedRegions, Raster};
use alambic_tensor::candle::{Device, Tensor};
use serde_json::Value;

pub(crate) use launchers::{Launcher, launched, launchers};
pub(crate) use models::{cached_encoder, tiny_encoder, tiny_model};
pub(crate) use recipes::{DISTILLATION, REVIEWS, SCHEDULED_LOSSES, broken, sound};

/// The binary in a folder, with nothing of the environment that changes what it prints, and without a network.
pub(crate) fn alambic(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alambic"));
    command.current_dir(folder).env("NO_COLOR", "1").env_remove("RAYON_NUM_THREADS").env_remove("COLUMNS");
    command.env("HF_HUB_OFFLINE", "1").env("HF_HOME", folder.join("hub-cache")).env_remove("HF_HUB_CACHE");
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("alambic-tests"));
    command
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The results of a command that went well and had nothing to say besides.
    pub(crate) fn good(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// The results of a command that went well, whatever it said besides.
    pub(crate) fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// What was said by a command that ended with this code and without results.
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(code), ""), "{}", self.stderr);
        assert!(!self.stderr.contains("should not have happened"), "{}", self.stderr);
        self.stderr
    }
}

/// Runs the binary to its end.
pub(crate) fn run(folder: &Path, arguments: &[&str]) -> Ended {
    run_with(folder, arguments, "")
}

/// Runs the binary to its end, with lines on its standard input.
pub(crate) fn run_with(folder: &Path, arguments: &[&str], input: impl AsRef<[u8]>) -> Ended {
    let mut command = alambic(folder);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A command that does not read its input closes it, which is no failure.
    let _ = child.stdin.take().unwrap().write_all(input.as_ref());
    let output = child.wait_with_output().unwrap();
    Ended {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A value out of the JSON that a command prints.
pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A value out of a file of JSON.
pub(crate) fn json_of(path: &Path) -> Value {
    json(&std::fs::read_to_string(path).unwrap())
}

/// The weights of the student that a run left.
pub(crate) fn student(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("student/model.safetensors")).unwrap()
}

/// Checkpoints of a stage that lie in a run's folder.
pub(crate) fn checkpoints(run: &Path, stage: &str) -> usize {
    std::fs::read_dir(run.join("checkpoints").join(stage)).map_or(0, Iterator::count)
}

/// What Ctrl-C sends.
pub(crate) fn interrupt(run: &Child) {
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().unwrap().success());
}

/// Copies a folder to a path where nothing is.
pub(crate) fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// Writes an image as PNG, whose bytes of colour follow from their number.
pub(crate) fn write_image(path: &Path, (width, height): (usize, usize), colour: impl FnMut(usize) -> u8) {
    let rgb: Vec<u8> = (0..width * height * 3).map(colour).collect();
    std::fs::write(path, Raster { width, height, rgb: rgb.into() }.to_png().unwrap()).unwrap();
}

/// Rows of token ids, (rows, tokens).
pub(crate) fn ids(rows: &[&[i64]]) -> Tensor {
    Tensor::from_vec(rows.concat(), (rows.len(), rows[0].len()), &Device::Cpu).unwrap()
}

/// A recipe of `recipes/text/smoke` with so few steps that it shows no more than that it runs.
pub(crate) fn smoke(folder: &Path, method: &str, stages: &[&str]) -> Value {
    smoke_with(folder, method, stages, &[])
}

/// Such a recipe with more keys set.
pub(crate) fn smoke_with(folder: &Path, method: &str, stages: &[&str], more: &[&str]) -> Value {
    let recipe = format!("builtin:text/smoke/{method}");
    let mut arguments = vec!["run".to_owned(), recipe, "--out".to_owned(), method.to_owned()];
    arguments.push("--json".to_owned());
    let small = ["data.task.corpus.made-up-reviews.size=200", "evaluation.timed-examples=4"];
    let steps = stages.iter().map(|stage| format!("stage.{stage}.train.steps=4"));
    let more = more.iter().map(|flag| (*flag).to_owned());
    for flag in small.map(str::to_owned).into_iter().chain(steps).chain(more) {
        arguments.extend(["--set".to_owned(), flag]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let ended = run(folder, &arguments);
    assert_eq!(ended.code, Some(0), "{method}: {}", ended.stderr);
    json(&ended.stdout)
}

/// The file of a run's augmented texts.
pub(crate) fn augmented(run: &Path) -> PathBuf {
    let mut entries =
        std::fs::read_dir(run.join("teacher-outputs")).unwrap().map(|entry| entry.unwrap().path());
    let is_augmented = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("augmented-");
    entries.find(is_augmented).unwrap()
}

/// Regions of an image: a red one on the left, or a blue one on the right, as its number is even or odd.
pub(crate) fn regions(number: usize) -> DetectedRegions {
    let is_even = number.is_multiple_of(2);
    let (tag, bounds) =
        if is_even { ("red box", [0.0, 0.0, 0.5, 1.0]) } else { ("blue box", [0.5, 0.0, 1.0, 1.0]) };
    let features = if is_even { [1.0, 0.0, 0.5, 0.0] } else { [0.0, 1.0, 0.0, 0.5] };
    DetectedRegions {
        width: 4,
        features: Arc::new(features.to_vec()),
        bounds: vec![bounds],
        tags: vec![tag.to_owned()],
        confidences: vec![0.9],
        ..DetectedRegions::default()
    }
}
