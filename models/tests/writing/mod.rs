//! What is asked of every model that writes, whatever it reads.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelFolder, Pass, Precision, TapSelection, write_weights};
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::{self, Parameters};
use tempfile::TempDir;

use crate::traces::{assert_agrees, folder};

/// The folder of a model by its name.
pub(crate) fn opened(model: &str) -> ModelFolder {
    ModelFolder::open(&folder(model).join("model")).unwrap()
}

/// The inputs that the model's expected taps are of.
pub(crate) fn inputs(model: &str) -> Batch {
    Batch::from_tensors(&parameters::load(&folder(model).join("inputs.safetensors")).unwrap()).unwrap()
}

/// A model written anew, and the folder that holds it as long as it lives.
pub(crate) fn written_again(config: &Config, read: &ModelFolder) -> (TempDir, ModelFolder) {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
    for (name, value) in config.extra_files() {
        std::fs::write(place.path().join(name), value.to_string()).unwrap();
    }
    write_weights(place.path(), &config.weights(read).unwrap(), Precision::F32).unwrap();
    let again = ModelFolder::open(place.path()).unwrap();
    (place, again)
}

/// Panics unless a model's taps, before and after it is written, are those of transformers, and those that it declares.
pub(crate) fn assert_taps_survive_writing(model: &str) {
    let read = opened(model);
    let config = Config::open(&read).unwrap();
    let (_place, again) = written_again(&config, &read);
    assert_eq!(Config::open(&again).unwrap(), config, "{model}");
    for read in [read, again] {
        assert!(config.unused_tensors(&read).unwrap().is_none(), "{model}");
        let network = architecture::open(&read).unwrap();
        let trace = network.forward(&inputs(model), Pass::Evaluate, TapSelection::All).unwrap();
        assert_agrees(model, &trace);
        let mut taps: Vec<&String> = trace.taps().keys().collect();
        let mut declared = config.outline().taps();
        taps.sort_unstable();
        declared.sort_unstable();
        assert_eq!(taps, declared.iter().collect::<Vec<_>>(), "{model}");
    }
}

/// Panics unless a loss on the logits has gradients for all of a model's parameters.
pub(crate) fn assert_loss_reaches_every_parameter(model: &str) {
    let read = opened(model);
    let config = Config::open(&read).unwrap();
    let mut weights = config.weights(&read).unwrap();
    let shapes = config.shapes();
    weights.retain(|name, _| shapes.contains_key(name));
    let parameters = Parameters::from_weights(&weights).unwrap();
    let network = architecture::build(&config, &parameters.tracked()).unwrap();
    let trace = network.forward(&inputs(model), Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let loss = trace.get("logits").unwrap().sqr().unwrap().mean_all().unwrap();
    let gradients = Gradients::of(&loss, &parameters).unwrap();
    assert!(gradients.unreached(&parameters).is_empty(), "{model}");
    gradients.check(is_key_bias).unwrap();
}
