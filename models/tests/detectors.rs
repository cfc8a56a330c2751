//! Detectors: their taps against what PyTorch computes (`parity/detector/make.py`), and what they refuse.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{self, Batch};
use alambic_models::detector::{Detector, DetectorConfig, RegionSelection};
use alambic_models::{Config, ModelFolder, Pass, TapSelection};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::{Parameters, Weights, load};

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/detector").join(model)
}

fn opened(model: &str) -> (DetectorConfig, Weights, Batch) {
    let folder = ModelFolder::open(&parity(model).join("model")).unwrap();
    let config = Config::open(&folder).unwrap();
    let weights = config.weights(&folder).unwrap();
    let Config::Detector(config) = config else { panic!("{model} is another model") };
    let inputs = load(&parity(model).join("inputs.safetensors")).unwrap();
    (config, weights, Batch::from_tensors(&inputs).unwrap())
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn taps_are_those_of_pytorchs_layers() {
    for model in ["plain", "staged"] {
        let (config, weights, batch) = opened(model);
        let network = architecture::build(&Config::from(config.clone()), &weights).unwrap();
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
        let expected = load(&parity(model).join("expected.safetensors")).unwrap();
        assert_eq!(trace.taps().len(), expected.len());
        for (tap, expected) in &expected {
            let found = trace.get(tap).unwrap();
            assert_eq!(found.dims(), expected.dims(), "{model}: {tap}");
            let expected = values(expected);
            let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
            for (found, expected) in values(found).iter().zip(&expected) {
                assert!(
                    (found - expected).abs() <= 1e-4 * largest,
                    "{model}: {tap}: {found}, not {expected}"
                );
            }
            let width = config.outline().tap_shape(tap).unwrap().vectors(1);
            assert!(width > 0, "{model}: {tap}");
        }
        assert_eq!(trace.taps().len(), config.outline().taps().len());
    }
}

#[test]
fn attributes_are_of_the_classes_that_are_told_and_have_gradients() {
    let (config, weights, batch) = opened("staged");
    let tracked = Parameters::from_weights(&weights).unwrap().tracked();
    let network = architecture::build(&Config::from(config), &tracked).unwrap();
    let attributes = |class: u32| {
        let batch = Batch { classes: Some(Arc::new(vec![class; 24])), ..batch.clone() };
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
        trace.get("attributes").unwrap().clone()
    };
    assert_ne!(values(&attributes(0)), values(&attributes(1)));
    let gradients = backward(&attributes(2).sqr().unwrap().mean_all().unwrap()).unwrap();
    for name in ["attributes.class_embedding.weight", "attributes.dense.weight", "slots.weight"] {
        assert!(gradients.get(&tracked[name]).is_some(), "{name}");
    }
    for name in ["layer.0.first.convolution.weight", "halving.0.convolution.weight"] {
        assert!(gradients.get(&tracked[name]).is_some(), "{name}");
    }
    let few = Batch { classes: Some(Arc::new(vec![0; 3])), ..batch };
    let refused = network.forward(&few, Pass::Evaluate, TapSelection::All).unwrap_err().to_string();
    assert!(refused.contains("3 classes") && refused.contains("24 places"), "{refused}");
}

#[test]
fn configuration_of_a_plain_detector_has_no_keys_that_it_does_not_need() {
    let (config, ..) = opened("plain");
    let json = config.to_json().unwrap();
    for key in ["stages", "slots", "attributes", "selection", "class_embedding_size", "attribute_hidden_size"]
    {
        assert!(json.get(key).is_none(), "{key}");
    }
    assert_eq!((config.stride(), config.grid([4, 5])), (4, [4, 5]));
    let (config, ..) = opened("staged");
    assert_eq!(config.selection, RegionSelection::VinVl);
    assert_eq!((config.stride(), config.grid([4, 5])), (8, [2, 3]));
    let json = config.to_json().unwrap();
    assert_eq!((json["slots"].as_u64(), json["selection"].as_str()), (Some(2), Some("vinvl")));
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let json = std::fs::read_to_string(parity("staged").join("model/config.json")).unwrap();
    let json: String = json.split_whitespace().collect::<Vec<_>>().join(" ");
    std::fs::copy(parity("staged").join("model/model.safetensors"), folder.path().join("model.safetensors"))
        .unwrap();
    for (from, to, expected) in [
        ("[ 2, 1 ]", "[ 2, 2 ]", "`stages` have 4 blocks, and num_hidden_layers is 3"),
        ("[ 2, 1 ]", "[ 3, 0 ]", "`stages` is [3, 0]"),
        ("[ 2, 1 ]", "[ 18446744073709551615, 4 ]", "`stages` have 18446744073709551615 blocks"),
        ("\"slots\": 2", "\"slots\": 0", "slots is 0"),
        ("\"slots\": 2", "\"slots\": 65", "`slots` is 65"),
        ("\"image_size\": 16", "\"image_size\": 20", "which does not divide image_size, 20"),
        ("\"red\"", "\"blue\"", "`attributes` has `blue` twice"),
        ("\"vinvl\"", "\"best\"", "best"),
    ] {
        let changed = json.replace(from, to);
        assert_ne!(changed, json, "{from}");
        std::fs::write(folder.path().join("config.json"), changed).unwrap();
        let error = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn initial_weights_have_the_shapes_that_are_declared() {
    for model in ["plain", "staged"] {
        let (config, ..) = opened(model);
        let weights = Detector::initial_weights(&config, &Streams::new(3)).unwrap();
        let shapes = config.shapes();
        assert!(weights.keys().eq(shapes.keys()));
        assert!(weights.iter().all(|(name, tensor)| tensor.dims() == shapes[name]));
    }
}
