//! Runs by several ranks: weights are those of one process with as many batches a step. The tests start ranks with the launchers
//! that this machine has; where it has none, they say so and show nothing, and the arithmetic is left to the tests of the crates.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{Launcher, REVIEWS, alambic, checkpoints, json, json_of, launched, launchers, student};
use serde_json::Value;

/// A teacher of other texts' masked words, whose outputs are cached, and a student with dropout, clipping and an average.
const RECIPE: &str = r#"
schema = 1
name = "shared"
seed = 5
threads = 1
stages = ["teacher", "student"]

[model.large.encoder]
layers = 2
width = 48
heads = 2
feed-forward = 64
[model.small.encoder]
layers = 1
width = 32
heads = 2
feed-forward = 48

[teacher.trained.checkpoint]
stage = "teacher"

[stage.teacher]
student = "large"
data.texts = { data = ["reviews"] }
loss.cross-entropy = {}

[stage.student]
student = "small"
teacher = "trained"
data.texts = { data = ["reviews"] }
loss.logits = {}
loss.cross-entropy = {}

[train]
steps = 60
batch.size = 8
ema-decay = 0.9
max-grad-norm = 0.5
validate-every = 20
validation-examples = 100
checkpoint-every = 5
"#;

/// A run by so many ranks.
fn run_of(launcher: Launcher, ranks: usize, recipe: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = launched(launcher, recipe.parent().unwrap());
    command.args(["-n", &ranks.to_string(), env!("CARGO_BIN_EXE_alambic"), "run"]);
    command.arg(recipe).arg("--out").arg(out).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn place() -> (tempfile::TempDir, std::path::PathBuf) {
    place_of(60)
}

/// A folder with the recipe, whose stages take so many steps.
fn place_of(steps: usize) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("shared.toml");
    // More texts than are evaluated together.
    let reviews = REVIEWS.replace("size = 200", "size = 1200").replace("limit = 4", "limit = 100");
    let text = [RECIPE, &reviews].concat().replace("\nsteps = 60\n", &format!("\nsteps = {steps}\n"));
    std::fs::write(&recipe, text).unwrap();
    (folder, recipe)
}

/// The student of one process with so many batches a step, which is trained once.
fn alone(recipe: &Path, batches: usize) -> Vec<u8> {
    let out = recipe.with_file_name(format!("alone-{batches}"));
    if out.is_dir() {
        return student(&out);
    }
    let set = format!("train.gradient-accumulation={batches}");
    let mut command = alambic(recipe.parent().unwrap());
    command.arg("run").arg(recipe).arg("--out").arg(&out).args(["--set", &set]);
    let ended = command.stdout(Stdio::null()).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    student(&out)
}

/// What validations and the evaluation came to, in which ranks share the work.
fn measured(run: &Path) -> (Vec<Value>, Vec<Value>) {
    let logged = events(run);
    let mut validated: Vec<Value> =
        logged.lines().map(json).filter(|event| event["event"] == "evaluation").collect();
    for event in &mut validated {
        event["time"] = Value::Null;
    }
    let outcome = json_of(&run.join("metrics.json"));
    let models = outcome["models"].as_object().unwrap();
    let models =
        models.iter().map(|(name, model)| serde_json::json!([name, model["metrics"], model["intervals"]]));
    (validated, models.collect())
}

fn events(run: &Path) -> String {
    std::fs::read_to_string(run.join("events.jsonl")).unwrap_or_default()
}

/// Waits until a run has taken so many steps more.
fn wait_for_steps(run: &mut Child, out: &Path, more: usize) {
    let steps = || events(out).matches("\"event\":\"step\"").count();
    let before = steps();
    let begin = Instant::now();
    while steps() < before + more && run.try_wait().unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_mins(2), "no step is taken");
        sleep(Duration::from_millis(2));
    }
}

/// The processes of the binary that work on a folder, by their numbers.
fn processes(out: &Path) -> Vec<String> {
    let found =
        Command::new("pgrep").args(["-f", &format!("alambic run .*{}", out.display())]).output().unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    let is_rank = |process: &&str| {
        std::fs::read_link(format!("/proc/{process}/exe"))
            .is_ok_and(|exe| exe == Path::new(env!("CARGO_BIN_EXE_alambic")))
    };
    found.lines().filter(is_rank).map(str::to_owned).collect()
}

fn signal(process: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

#[test]
fn ranks_write_the_weights_of_one_process() {
    let (folder, recipe) = place();
    for launcher in launchers() {
        for (ranks, batches) in [(2, 1), (3, 1), (2, 2)] {
            let out = folder.path().join(format!("{}-{ranks}-{batches}", launcher.0));
            let set = format!("train.gradient-accumulation={batches}");
            let status = run_of(launcher, ranks, &recipe, &out, &["--set", &set]).status().unwrap();
            assert!(status.success(), "{launcher:?}, {ranks} ranks");
            let expected = alone(&recipe, ranks * batches);
            assert!(student(&out) == expected, "{launcher:?}: {ranks} ranks, {batches} batches each");
            let one = recipe.with_file_name(format!("alone-{}", ranks * batches));
            assert_eq!(measured(&out), measured(&one), "{launcher:?}: {ranks} ranks, {batches} batches each");
        }
    }
}

#[test]
fn killed_ranks_and_resumed_runs_end_with_the_same_bytes() {
    // Enough for ten kills of a fast machine.
    let (folder, recipe) = place_of(400);
    for launcher in launchers() {
        let expected = alone(&recipe, 2);
        let out = folder.path().join(launcher.0);
        for kill in 0..10 {
            let more: &[&str] = if kill == 0 { &[] } else { &["--resume"] };
            let mut run = run_of(launcher, 2, &recipe, &out, more).spawn().unwrap();
            wait_for_steps(&mut run, &out, 3 + kill % 5);
            sleep(Duration::from_millis(7 * kill as u64));
            let ranks = processes(&out);
            assert_eq!(ranks.len(), 2, "{launcher:?}: the run ended before it was killed often enough");
            let begin = Instant::now();
            signal(&ranks[kill % 2], "-KILL");
            assert!(!run.wait().unwrap().success());
            assert!(begin.elapsed() < Duration::from_secs(10), "{launcher:?}: {:?}", begin.elapsed());
        }
        assert!(run_of(launcher, 2, &recipe, &out, &["--resume"]).status().unwrap().success());
        assert!(student(&out) == expected, "{launcher:?}: the weights differ");
    }
}

#[test]
fn run_goes_on_with_another_number_of_ranks_where_batches_divide() {
    let (folder, recipe) = place_of(200);
    for launcher in launchers() {
        let expected = alone(&recipe, 4);
        let out = folder.path().join(launcher.0);
        let mut run = run_of(launcher, 4, &recipe, &out, &[]).spawn().unwrap();
        wait_for_steps(&mut run, &out, 12);
        signal(&processes(&out)[0], "-KILL");
        run.wait().unwrap();
        let refused =
            run_of(launcher, 3, &recipe, &out, &["--resume"]).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(
            said.contains("takes 4 batches a step") && said.contains("divides 4"),
            "{launcher:?}: {said}"
        );
        let mut run = run_of(launcher, 2, &recipe, &out, &["--resume"]).spawn().unwrap();
        wait_for_steps(&mut run, &out, 12);
        signal(&processes(&out)[0], "-KILL");
        run.wait().unwrap();
        let last =
            alambic(folder.path()).arg("run").arg(&recipe).arg("--out").arg(&out).arg("--resume").output();
        assert!(last.unwrap().status.success());
        assert!(student(&out) == expected, "{launcher:?}: the weights differ");
    }
}

#[test]
fn signal_to_one_rank_stops_all_with_a_checkpoint() {
    let (folder, recipe) = place();
    for launcher in launchers() {
        let out = folder.path().join(launcher.0);
        let mut run = run_of(launcher, 2, &recipe, &out, &["--set", "train.checkpoint-every=1000"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        wait_for_steps(&mut run, &out, 4);
        signal(&processes(&out)[1], "-TERM");
        let ended = run.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains("go on with `--resume"), "{launcher:?}: {said}");
        assert_eq!(checkpoints(&out, "teacher"), 1, "{launcher:?}");
    }
}

#[test]
fn ranks_that_share_no_folder_or_no_recipe_are_refused() {
    let (folder, recipe) = place();
    for launcher in launchers() {
        let other = folder.path().join("other.toml");
        std::fs::write(&other, [RECIPE, REVIEWS].concat().replace("seed = 5\nthreads", "seed = 6\nthreads"))
            .unwrap();
        let both = |recipes: [&Path; 2], outs: [&str; 2]| {
            let mut command = launched(launcher, folder.path());
            for (rank, (recipe, out)) in recipes.into_iter().zip(outs).enumerate() {
                let out = folder.path().join(format!("{}-{out}", launcher.0));
                command.args(if rank == 0 { &["-n", "1"][..] } else { &[":", "-n", "1"] });
                command.args([env!("CARGO_BIN_EXE_alambic"), "run"]).arg(recipe).arg("--out").arg(out);
            }
            let ended = command.output().unwrap();
            assert!(!ended.status.success(), "{launcher:?}");
            String::from_utf8_lossy(&ended.stderr).into_owned()
        };
        let said = both([&recipe, &other], ["one", "one"]);
        assert!(said.contains("another recipe than rank"), "{launcher:?}: {said}");
        std::fs::create_dir(folder.path().join(format!("{}-aside", launcher.0))).unwrap();
        let said = both([&recipe, &recipe], ["shared", "aside"]);
        assert!(said.contains("rank 1 does not find in") && said.contains("--out"), "{launcher:?}: {said}");
    }
}

#[test]
fn library_that_cannot_be_opened_is_an_error_and_not_two_runs() {
    let (folder, recipe) = place();
    for launcher in launchers() {
        let out = folder.path().join(launcher.0);
        let mut command = run_of(launcher, 2, &recipe, &out, &[]);
        let ended = command.env("ALAMBIC_MPI", "/nowhere/libmpi.so").stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && said.contains("/nowhere/libmpi.so"), "{launcher:?}: {said}");
        assert!(!out.exists(), "{launcher:?}: nothing is written");
    }
}
