//! What is held of every parity model of any architecture.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelFolder, Pass, Precision, TapSelection, Trace, write_weights};
use alambic_tensor::parameters::{self, Weights};

use crate::traces::{assert_agrees, folder};

/// A parity model and its inputs.
pub(crate) fn open(model: &str) -> (Config, Weights, Batch) {
    let opened = ModelFolder::open(&folder(model).join("model")).unwrap();
    let config = Config::open(&opened).unwrap();
    let weights = config.weights(&opened).unwrap();
    let inputs = parameters::load(&folder(model).join("inputs.safetensors")).unwrap();
    (config, weights, Batch::from_tensors(&inputs).unwrap())
}

/// All taps of a model.
pub(crate) fn trace(config: &Config, weights: &Weights, batch: &Batch) -> Trace {
    let network = architecture::build(config, weights).unwrap();
    network.forward(batch, Pass::Evaluate, TapSelection::All).unwrap()
}

/// Fails unless all taps are the expected ones, and those that the outline says.
pub(crate) fn assert_taps_agree(model: &str) {
    let (config, weights, batch) = open(model);
    let trace = trace(&config, &weights, &batch);
    assert_agrees(model, &trace);
    let outline = config.outline().taps();
    assert!(trace.taps().keys().all(|tap| outline.contains(tap)), "{model}");
    assert_eq!(outline.len(), trace.taps().len(), "{model}");
}

/// Fails unless a model that is written is read as the same.
pub(crate) fn assert_is_read_as_written(model: &str) {
    let (config, weights, batch) = open(model);
    let again = tempfile::tempdir().unwrap();
    let json = config.to_json().unwrap().to_string();
    std::fs::write(again.path().join("config.json"), json).unwrap();
    write_weights(again.path(), &weights, Precision::F32).unwrap();
    let read = ModelFolder::open(again.path()).unwrap();
    let own = Config::open(&read).unwrap();
    assert_eq!(own, config, "{model}");
    assert_agrees(model, &trace(&own, &own.weights(&read).unwrap(), &batch));
}
