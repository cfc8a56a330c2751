//! Inputs that `trace` and `loss` take and refuse; they overwrite only files of their own.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use crate::common::{ids, run, tiny_model};
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{self, Weights};

fn save(folder: &Path, name: &str, tensors: &[(&str, Tensor)]) {
    let tensors: Weights =
        tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
    parameters::save(&tensors, &[], &folder.join(name)).unwrap();
}

const TRACE: [&str; 6] = ["trace", "tiny", "--inputs", "in.safetensors", "--out", "out.safetensors"];

fn trace_to(out: &str) -> [&str; 6] {
    let mut arguments = TRACE;
    arguments[5] = out;
    arguments
}

/// A folder with a model, `tiny`, and inputs for it.
fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    tiny_model(folder.path());
    let inputs = [("input_ids", ids(&[&[2, 5, 0]])), ("decoder_input_ids", ids(&[&[4, 5]]))];
    save(folder.path(), "in.safetensors", &inputs);
    folder
}

#[test]
fn a_trace_writes_over_its_own_output_alone() {
    let prepared = prepared();
    let folder = prepared.path();
    let files =
        ["in.safetensors", "tiny/model.safetensors", "tiny/config.json", "notes.txt", "foreign.safetensors"];
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    save(folder, "foreign.safetensors", &[("x", ids(&[&[1]]))]);
    let before = files.map(|file| fs::read(folder.join(file)).unwrap());
    for out in files.into_iter().chain([
        "./in.safetensors",
        "tiny/../in.safetensors",
        "tiny/new.safetensors",
        "tiny",
    ]) {
        assert!(run(folder, &trace_to(out)).bad(2).contains(out), "{out}");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("in.safetensors", folder.join("link.safetensors")).unwrap();
        std::os::unix::fs::symlink("tiny", folder.join("linked")).unwrap();
        for out in ["link.safetensors", "linked/new.safetensors"] {
            assert!(run(folder, &trace_to(out)).bad(2).contains(out), "{out}");
        }
    }
    assert_eq!(files.map(|file| fs::read(folder.join(file)).unwrap()), before);
    assert!(!folder.join("tiny/new.safetensors").exists());

    run(folder, &TRACE).good();
    run(folder, &TRACE).good();
    // A trace holds its inputs, and may be traced again, but not onto itself.
    let again = ["trace", "tiny", "--inputs", "out.safetensors", "--out"];
    assert!(run(folder, &[&again[..], &["out.safetensors"]].concat()).bad(2).contains("what is read"));
    run(folder, &[&again[..], &["again.safetensors"]].concat()).good();
}

#[test]
fn gradients_are_written_over_gradients_alone() {
    let prepared = prepared();
    let folder = prepared.path();
    run(folder, &TRACE).good();
    run(folder, &trace_to("other.safetensors")).good();
    let loss = |gradients: &'static str| {
        let traces = ["--student", "out.safetensors", "--teacher", "other.safetensors"];
        run(folder, &[&["loss", "logits"][..], &traces, &["--gradients", gradients]].concat())
    };
    let before = fs::read(folder.join("out.safetensors")).unwrap();
    for out in ["out.safetensors", "other.safetensors", "in.safetensors", "tiny/model.safetensors"] {
        assert!(loss(out).bad(2).contains(out), "{out}");
    }
    assert_eq!(fs::read(folder.join("out.safetensors")).unwrap(), before);
    loss("gradients.safetensors").good();
    loss("gradients.safetensors").good();
}

#[test]
fn inputs_that_index_nothing_are_refused_with_their_file() {
    let prepared = prepared();
    let folder = prepared.path();
    let sound = || vec![("input_ids", ids(&[&[2, 5, 0]])), ("decoder_input_ids", ids(&[&[4, 5]]))];
    let float = |numbers: &[f32]| Tensor::from_slice(numbers, (1, numbers.len()), &Device::Cpu).unwrap();
    for (name, bad) in [
        ("input_ids", ids(&[&[2, 1 << 40, 0]])),
        ("input_ids", ids(&[&[2, (1 << 32) + 5, 0]])),
        ("input_ids", ids(&[&[2, -1, 0]])),
        ("input_ids", ids(&[&[2, 5000, 0]])),
        ("input_ids", float(&[2.0, 0.5, 0.0])),
        ("input_ids", float(&[2.0, f32::NAN, 0.0])),
        ("input_ids", ids(&[&[1; 1000]])),
        ("decoder_input_ids", ids(&[&[4, 1 << 33]])),
        ("attention_mask", ids(&[&[1, 256, 1]])),
        ("attention_mask", ids(&[&[1, -1, 1]])),
        ("attention_mask", ids(&[&[1, 1]])),
        ("anything", float(&[f32::INFINITY])),
    ] {
        let mut inputs = sound();
        inputs.retain(|(other, _)| *other != name);
        inputs.push((name, bad.clone()));
        save(folder, "in.safetensors", &inputs);
        let said = run(folder, &TRACE).bad(1);
        assert!(said.contains("in.safetensors"), "{name} {bad:?}: {said}");
        assert!(!folder.join("out.safetensors").exists());
    }
    // Masks of truth values and ids of fewer bits are what they say.
    let mask = Tensor::ones((1, 3), DType::U8, &Device::Cpu).unwrap();
    let ids = ids(&[&[2, 5, 0]]).to_dtype(DType::U32).unwrap();
    save(folder, "in.safetensors", &[("input_ids", ids), ("attention_mask", mask)]);
    run(folder, &TRACE).good();
}

#[test]
fn a_model_that_answers_with_no_numbers_is_named() {
    let prepared = prepared();
    let folder = prepared.path();
    let file = folder.join("tiny/model.safetensors");
    let mut weights = parameters::load(&file).unwrap();
    let name = "model.encoder.layers.0.fc1.weight";
    // Numbers all of them, whose products are none.
    weights[name] = (weights[name].ones_like().unwrap() * 3e38).unwrap();
    parameters::save(&weights, &[], &file).unwrap();
    let said = run(folder, &TRACE).bad(1);
    assert!(said.contains("tiny") && said.contains("NaN"), "{said}");
    assert!(!folder.join("out.safetensors").exists());
}

#[test]
fn traces_that_hold_no_numbers_are_refused_by_the_loss() {
    let prepared = prepared();
    let folder = prepared.path();
    run(folder, &TRACE).good();
    let mut trace = parameters::load(&folder.join("out.safetensors")).unwrap();
    trace["logits"] = (trace["logits"].zeros_like().unwrap() * f64::NAN).unwrap();
    parameters::save(&trace, &[], &folder.join("broken.safetensors")).unwrap();
    for (student, teacher) in
        [("broken.safetensors", "out.safetensors"), ("out.safetensors", "broken.safetensors")]
    {
        let said = run(folder, &["loss", "logits", "--student", student, "--teacher", teacher]).bad(1);
        assert!(said.contains("broken.safetensors") && said.contains("`logits`"), "{said}");
    }
    trace.shift_remove("logits");
    parameters::save(&trace, &[], &folder.join("broken.safetensors")).unwrap();
    let said =
        run(folder, &["loss", "logits", "--student", "broken.safetensors", "--teacher", "out.safetensors"])
            .bad(1);
    assert!(said.contains("broken.safetensors"), "{said}");
}
