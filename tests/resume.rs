//! A run that is killed and resumed ends with the bytes of a run that was left alone.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use crate::common::{DISTILLATION, REVIEWS, SCHEDULED_LOSSES, alambic, checkpoints, interrupt, student};
use alambic_tensor::precision::MatmulPrecision;

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

[model.small.encoder-decoder]
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
directions = ["hi-en"]
[stage.second.loss.cross-entropy]
label-smoothing = 0.1

[train]
steps = 200
batch.size = 16
ema-decay = 0.9
validate-every = 50
validation-examples = 8
checkpoint-every = 5

[evaluation]
data = ["names"]
directions = ["hi-en"]
limit = 4
timed-examples = 4
"#;

/// A student that reads learns masked tokens, which each epoch masks anew, and then a task.
const MASKED: &str = r#"
schema = 1
name = "masked"
seed = 5
threads = 2
stages = ["first", "second"]

[model.small.encoder]
layers = 1
width = 32
heads = 2
feed-forward = 48

[stage.first]
data.texts = { data = ["reviews"], mask = {} }
loss.cross-entropy = {}

[stage.second]
data.texts = { data = ["reviews"] }
loss.cross-entropy = {}

[train]
steps = 200
batch.size = 16
validate-every = 50
validation-examples = 8
checkpoint-every = 5
"#;

/// A student that makes images again of the codes that it learns.
const TOKENIZER: &str = r#"
schema = 1
name = "tokenizer"
seed = 5
threads = 2
stages = ["first", "second"]

[data.scenes.corpus.made-up-scenes]
images = 60
questions = 0
side = 8
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.2

[model.small.image-tokenizer]
codes = 24
image = 8
width = 16
blocks = 1

[stage.first]
data.images = { data = ["scenes"] }
loss = { image-reconstruction = {}, commitment = {} }

[stage.second]
data.images = { data = ["scenes"] }
loss = { image-reconstruction = { difference = "squared" }, commitment = {} }

[train]
steps = 200
batch.size = 8
ema-decay = 0.9
validate-every = 50
checkpoint-every = 5

[evaluation]
data = ["scenes"]
timed-examples = 4
"#;

/// An image tokenizer, and a model that draws by it.
const DRAWING: &str = r#"
schema = 1
name = "drawn"
seed = 5
threads = 2
stages = ["first", "second"]

[data.scenes.corpus.made-up-scenes]
images = 60
questions = 0
captions = 1
side = 8
[data.scenes.split]
test-fraction = 0.2
validation-fraction = 0.2

[model.codes.image-tokenizer]
codes = 24
image = 8
width = 16
blocks = 1

[teacher.codes.checkpoint]
stage = "first"

[model.small.ernie-vilg]
image-tokenizer = "codes"
reconstructor = "random"
layers = 2
width = 16
heads = 2

[stage.first]
student = "codes"
data.images = { data = ["scenes"] }
loss = { image-reconstruction = {}, commitment = {} }

[stage.second]
student = "small"
data.generation = [
  { data = ["scenes"], reads = ["text"], writes = "image-tokens" },
  { data = ["scenes"], reads = ["image-tokens"], writes = "caption", evaluated = false },
]
loss = { cross-entropy = {}, image-reconstruction = {} }

[train]
steps = 200
batch.size = 8
validate-every = 20
checkpoint-every = 5

[evaluation]
data = ["scenes"]
timed-examples = 4
"#;

fn start(recipe: &Path, out: &Path, resume: bool) -> Child {
    start_with(recipe, out, if resume { &["--resume"] } else { &[] })
}

fn start_with(recipe: &Path, out: &Path, more: &[&str]) -> Child {
    let mut command = alambic(recipe.parent().unwrap());
    command.arg("run").arg(recipe).arg("--out").arg(out).args(more);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Numbers in [0, 1) by a generator of our own, so that a failure can be repeated.
fn numbers() -> impl FnMut() -> f64 {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Lines in the log of events.
fn events(run: &Path) -> usize {
    std::fs::read_to_string(run.join("events.jsonl")).map_or(0, |text| text.lines().count())
}

#[test]
fn killed_runs_end_with_the_same_bytes() {
    kill_and_compare(RECIPE);
}

#[test]
fn killed_runs_of_masked_texts_end_with_the_same_bytes() {
    kill_and_compare(&[MASKED, REVIEWS].concat());
}

#[test]
fn killed_runs_of_image_tokenizers_end_with_the_same_bytes() {
    // Codes are running means, which no optimiser keeps, or samples that are drawn at each step.
    kill_and_compare(TOKENIZER);
    let relaxed = TOKENIZER.replace("codes = 24", "codes = 24\nquantizer = \"dvae\"");
    kill_and_compare(&relaxed.replace("commitment", "uniform-prior"));
}

#[test]
fn killed_runs_of_models_that_draw_end_with_the_same_bytes() {
    kill_and_compare(DRAWING);
}

#[test]
fn killed_runs_of_pruned_students_end_with_the_same_bytes() {
    let pruned = MASKED
        .replace(
            "loss.cross-entropy = {}\n\n[stage.second]",
            "loss.cross-entropy = {}\nsparse.magnitude.rounds = 3\n\n[stage.second]\nmasked-by = \"first\"",
        )
        .replace("data = [\"reviews\"], mask = {} }", "data = [\"reviews\"] }");
    kill_and_compare(&[&pruned, REVIEWS].concat());
}

#[test]
fn killed_runs_in_lower_precision_end_with_the_same_bytes() {
    let lower =
        |precision: &str| RECIPE.replace("[train]\n", &format!("[train]\nprecision = \"{precision}\"\n"));
    let in_bf16 = kill_and_compare(&lower("bf16"));
    // Where the processor multiplies bfloat16, another precision leads elsewhere.
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    std::fs::write(&recipe, lower("bf16x3")).unwrap();
    let run = folder.path().join("run");
    assert!(start(&recipe, &run, false).wait().unwrap().success());
    assert_eq!(student(&run) != in_bf16, MatmulPrecision::Bf16.is_supported());
}

#[test]
fn killed_runs_of_scheduled_losses_end_with_the_same_bytes() {
    let scheduled = kill_and_compare(&[DISTILLATION, SCHEDULED_LOSSES, REVIEWS].concat());
    // Constants lead elsewhere.
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    let constants = "\nloss = { hidden = {}, logits = {} }\n";
    std::fs::write(&recipe, [DISTILLATION, constants, REVIEWS].concat()).unwrap();
    let run = folder.path().join("run");
    assert!(start(&recipe, &run, false).wait().unwrap().success());
    assert!(student(&run) != scheduled, "the schedules are not heeded");
}

/// The student of a run that is killed time and again, after making sure that it is that of an undisturbed one.
fn kill_and_compare(text: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    std::fs::write(&recipe, text).unwrap();

    let undisturbed = folder.path().join("undisturbed");
    assert!(start(&recipe, &undisturbed, false).wait().unwrap().success());

    let killed = folder.path().join("killed");
    let mut number = numbers();
    let mut kills = 0;
    while kills < 10 {
        let mut run = start(&recipe, &killed, kills > 0);
        // After a random number of steps, and then at a random moment within one or two.
        let (before, steps) = (events(&killed), 1 + (number() * 30.0) as usize);
        while events(&killed) < before + steps && run.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_micros((number() * 20_000.0) as u64));
        if run.try_wait().unwrap().is_some() {
            break;
        }
        // SIGKILL: no handler runs.
        run.kill().unwrap();
        run.wait().unwrap();
        kills += 1;
    }
    assert_eq!(kills, 10, "the run ended before it was killed often enough");
    assert!(start(&recipe, &killed, true).wait().unwrap().success());
    assert!(student(&undisturbed) == student(&killed), "the weights differ");
    student(&killed)
}

#[test]
fn ctrl_c_writes_a_checkpoint_and_a_second_one_does_not_wait_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let recipe = folder.path().join("small.toml");
    std::fs::write(&recipe, RECIPE).unwrap();
    // Steps of some thousand batches each, so that a signal comes in the middle of one.
    let long = ["--set", "train.gradient-accumulation=3000", "--set", "train.checkpoint-every=1000"];
    for (signals, written) in [(1, 1), (2, 0)] {
        let out = folder.path().join(signals.to_string());
        let mut run = start_with(&recipe, &out, &long);
        while !std::fs::read_to_string(out.join("events.jsonl")).unwrap_or_default().contains("\"step\":1,") {
            assert!(run.try_wait().unwrap().is_none());
            std::thread::sleep(Duration::from_millis(1));
        }
        for _ in 0..signals {
            interrupt(&run);
            std::thread::sleep(Duration::from_millis(100));
        }
        assert_eq!(run.wait().unwrap().code(), Some(130));
        assert_eq!(checkpoints(&out, "first"), written);
    }
}
