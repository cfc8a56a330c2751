//! A run that is killed and resumed ends with the bytes of a run that was left alone.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A small training on the embedded names, with a checkpoint every few steps.
const RECIPE: &str = r#"
schema = 1
name = "small"
seed = 5
threads = 2
stages = ["first", "second"]

[data.names.corpus.names-table]
path = "builtin:names"
[data.names.split]
test-values = ["test"]

[student.small.scratch]
width = 32
encoder-layers = 1
decoder-layers = 1
heads = 2
feed-forward = 48
dropout = 0.1

[stage.first.data.pairs]
data = ["names"]
directions = ["hi-en"]
[stage.first.loss.cross-entropy]

[stage.second.data.pairs]
data = ["names"]
directions = ["en-ta"]
[stage.second.loss.cross-entropy]
label-smoothing = 0.1

[train]
steps = 120
batch.size = 16
average = 0.9
validate-every = 40
validation-examples = 8
checkpoint-every = 5

[evaluation]
data = ["names"]
directions = ["hi-en"]
limit = 4
timed-words = 4
"#;

fn start(recipe: &Path, out: &Path, resume: bool) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_alambic"));
    command.arg("run").arg(recipe).arg("--out").arg(out);
    if resume {
        command.arg("--resume");
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn student(run: &Path) -> Vec<u8> {
    std::fs::read(run.join("student/model.safetensors")).unwrap()
}

/// Moments spread over the run by a generator of our own, so that a failure can be repeated.
fn moments(count: usize, longest: Duration) -> Vec<Duration> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    (0..count).map(|_| longest.mul_f64(next())).collect()
}

#[test]
fn killed_runs_end_with_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    std::fs::write(&recipe, RECIPE).unwrap();

    let undisturbed = folder.path().join("undisturbed");
    let began = std::time::Instant::now();
    assert!(start(&recipe, &undisturbed, false).wait().unwrap().success());
    let whole = began.elapsed();

    let killed = folder.path().join("killed");
    let mut kills = 0;
    for moment in moments(10, whole.mul_f64(0.6)) {
        let started = killed.join("recipe.resolved.toml").is_file();
        let mut run = start(&recipe, &killed, started);
        std::thread::sleep(moment);
        if run.try_wait().unwrap().is_some() {
            break;
        }
        // SIGKILL: no handler runs.
        run.kill().unwrap();
        run.wait().unwrap();
        kills += 1;
        if !killed.join("recipe.resolved.toml").is_file() {
            // Killed before it was a run; what it left does not keep the next from starting.
            let _ = std::fs::remove_dir_all(&killed);
        }
    }
    assert!(kills >= 3, "only {kills} kills hit the run");
    if !killed.join("metrics.json").is_file() {
        assert!(start(&recipe, &killed, true).wait().unwrap().success());
    }
    assert!(student(&undisturbed) == student(&killed), "the weights differ after {kills} kills");
}
