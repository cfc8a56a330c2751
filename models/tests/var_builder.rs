//! Models made of a `VarBuilder` of candle, and builders made of model folders.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::Batch;
use alambic_models::detector::{
    ATTRIBUTE_HIDDEN_SIZE, CLASS_EMBEDDING_SIZE, DetectorConfig, RegionSelection,
};
use alambic_models::dual::DualConfig;
use alambic_models::{Config, ModelConfig, ModelFolder, Pass, TapSelection, var_builder};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::candle_nn::VarBuilder;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{self, Parameters, Weights};

const FOLDERS: [&str; 16] = [
    "bert/model",
    "xlm-roberta/model",
    "distilbert/model",
    "marian/model",
    "marian-tables/two/model",
    "marian-tables/three/model",
    "bart/model",
    "m2m_100/model",
    "t5-v1.0/model",
    "mt5/model",
    "clip/model",
    "lxmert/model",
    "vilt/model",
    "visual-bert/model",
    "oscar/answers/model",
    "unimo/regions/model",
];

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model)
}

fn opened(model: &str) -> (ModelFolder, Config) {
    let folder = ModelFolder::open(&folder(model)).unwrap();
    let config = Config::open(&folder).unwrap();
    (folder, config)
}

/// Fails unless both hold the same tensors in the same order.
fn assert_same(what: &str, found: &Weights, expected: &Weights) {
    let names = |weights: &Weights| weights.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}");
    for (name, expected) in expected {
        let numbers = |tensor: &Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(found[name].dims(), expected.dims(), "{what}: {name}");
        assert_eq!(numbers(&found[name]), numbers(expected), "{what}: {name}");
    }
}

#[test]
fn every_architecture_is_made_of_a_builder_of_its_folder() {
    for model in FOLDERS {
        let (folder, config) = opened(model);
        let builder = folder.var_builder().unwrap();
        assert_same(model, &config.weights_from(&builder).unwrap(), &config.weights(&folder).unwrap());
        let inputs = folder.path().parent().unwrap().join("inputs.safetensors");
        let batch = Batch::from_tensors(&parameters::load(&inputs).unwrap()).unwrap();
        let [found, expected] =
            [config.build_from(&builder).unwrap(), config.build(&config.weights(&folder).unwrap()).unwrap()]
                .map(|model| model.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap());
        assert!(!expected.taps().is_empty(), "{model}");
        assert_same(model, found.taps(), expected.taps());
    }
}

#[test]
fn architectures_of_our_own_layout_are_made_of_a_builder_of_their_weights() {
    let Config::Vilt(sizes) = opened("vilt/model").1 else { unreachable!("the folder is that of a ViLT") };
    let dual = DualConfig { text_layers: 2, image_layers: 1, sizes };
    let detector = DetectorConfig {
        image_size: 32,
        patch_size: 8,
        num_channels: 3,
        hidden_size: 16,
        num_hidden_layers: 1,
        layer_norm_eps: 1e-5,
        vocab_size: 10,
        tags: vec!["one".into(), "two".into()],
        stages: Vec::new(),
        slots: 1,
        attributes: Vec::new(),
        class_embedding_size: CLASS_EMBEDDING_SIZE,
        attribute_hidden_size: ATTRIBUTE_HIDDEN_SIZE,
        selection: RegionSelection::Agnostic,
    };
    let staged = DetectorConfig {
        stages: vec![1, 1],
        num_hidden_layers: 2,
        slots: 2,
        attributes: vec!["red".into(), "small".into(), "dark".into()],
        selection: RegionSelection::VinVl,
        ..detector.clone()
    };
    let configs: [&dyn ModelConfig; 3] = [&detector, &staged, &dual];
    for config in configs {
        let weights = config.initial_weights(&Streams::new(1)).unwrap();
        let found = config.weights_from(&var_builder(&weights)).unwrap();
        let names: Vec<String> = config.shapes().into_keys().collect();
        assert_eq!(found.keys().cloned().collect::<Vec<_>>(), names, "{}", config.model_type());
        config.build_from(&var_builder(&weights)).unwrap();
    }
}

#[test]
fn a_builder_that_candle_makes_of_a_published_file_gives_the_same_weights() {
    for model in FOLDERS {
        let (folder, config) = opened(model);
        let files = folder.weight_files().unwrap();
        // SAFETY: nothing writes to the files of the tests.
        let builder =
            unsafe { VarBuilder::from_mmaped_safetensors(&files, DType::F32, &Device::Cpu).unwrap() };
        assert_same(model, &config.weights_from(&builder).unwrap(), &config.weights(&folder).unwrap());
    }
}

#[test]
fn weights_below_a_prefix_are_found() {
    let (folder, config) = opened("bert/model");
    let weights = config.weights(&folder).unwrap();
    let placed = weights.iter().map(|(name, tensor)| (format!("student.text.{name}"), tensor.clone()));
    let builder = var_builder(&placed.collect());
    assert_same("prefix", &config.weights_from(&builder.pp("student").pp("text")).unwrap(), &weights);
    let error = config.weights_from(&builder).unwrap_err().to_string();
    assert!(error.contains("bert.embeddings.word_embeddings.weight"), "{error}");
}

#[test]
fn a_builder_with_unusable_tensors_is_refused_by_name() {
    let (folder, config) = opened("bert/model");
    let weights = config.weights(&folder).unwrap();
    let name = "bert.pooler.dense.bias";
    let refusal = |tensor: Option<Tensor>| {
        let mut weights = weights.clone();
        weights.shift_remove(name);
        weights.extend(tensor.map(|tensor| (name.to_owned(), tensor)));
        config.build_from(&var_builder(&weights)).unwrap_err().to_string()
    };
    let not_a_number = Tensor::full(f32::NAN, 48, &Device::Cpu).unwrap();
    let short = Tensor::zeros(47, DType::F32, &Device::Cpu).unwrap();
    for tensor in [None, Some(not_a_number), Some(short)] {
        let said = refusal(tensor);
        assert!(said.contains(name), "{said}");
    }
}

#[test]
fn variables_of_a_map_are_trained_by_either_library() {
    let (folder, config) = opened("bert/model");
    let own = Parameters::from_weights(&config.weights(&folder).unwrap()).unwrap();
    let map = own.var_map();
    let builder = VarBuilder::from_varmap(&map, DType::F32, &Device::Cpu);
    let model = config.build_from(&builder).unwrap();
    // The store out of the map has the order of the configuration, whatever that of the map is.
    let names: Vec<String> = config.shapes().into_keys().collect();
    let parameters = Parameters::from_var_map(&map, names.iter().map(String::as_str)).unwrap();
    assert_eq!(parameters.names().collect::<Vec<_>>(), names);
    let inputs = folder.path().parent().unwrap().join("inputs.safetensors");
    let batch = Batch::from_tensors(&parameters::load(&inputs).unwrap()).unwrap();
    let trace = model.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let loss = trace.get("logits").unwrap().sqr().unwrap().mean_all().unwrap();
    let gradients = Gradients::of(&loss, &parameters).unwrap();
    AdamW::new(AdamWOptions::default()).step(&parameters, &gradients, 0.1, 1.0).unwrap();
    let now = config.weights_from(&builder).unwrap();
    assert_same("after a step", &now, &own.detached());
    let before = config.weights(&folder).unwrap();
    let moved = (&now["classifier.bias"] - &before["classifier.bias"]).unwrap().abs().unwrap();
    assert!(moved.sum_all().unwrap().to_scalar::<f32>().unwrap() > 0.0);
    assert!(Parameters::from_var_map(&map, ["none"]).is_err());
}
