//! Agreement of models that read images with transformers, on tiny random models whose inputs and expected taps lie in
//! `tests/parity`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::{self, Architecture};
use alambic_models::clip::Clip;
use alambic_models::lxmert::Lxmert;
use alambic_models::oscar::Oscar;
use alambic_models::vilt::Vilt;
use alambic_models::visual_bert::VisualBert;
use alambic_models::{Config, ModelFolder, Wanted, write_weights};
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::{self, Parameters, Weights};

const MODELS: [&str; 6] = ["clip", "lxmert", "vilt", "visual-bert", "oscar/answers", "oscar/pretraining"];

fn folder(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model)
}

fn open(model: &str) -> (Config, ModelFolder, Weights) {
    let opened = ModelFolder::open(&folder(model).join("model")).unwrap();
    let inputs = parameters::load(&folder(model).join("inputs.safetensors")).unwrap();
    (Config::open(&opened).unwrap(), opened, inputs)
}

/// The network over given weights.
fn network(config: &Config, weights: &Weights) -> Box<dyn Architecture> {
    match config {
        Config::Clip(config) => Box::new(Clip::new(config, weights).unwrap()),
        Config::Lxmert(config) => Box::new(Lxmert::new(config, weights).unwrap()),
        Config::Oscar(config) => Box::new(Oscar::new(config, weights).unwrap()),
        Config::Vilt(config) => Box::new(Vilt::new(config, weights).unwrap()),
        Config::VisualBert(config) => Box::new(VisualBert::new(config, weights).unwrap()),
        other => panic!("a {} reads no images", other.model_type()),
    }
}

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

#[test]
fn taps_agree_with_transformers() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let trace = architecture::open(&opened).unwrap().run(&inputs, Wanted::All).unwrap();
        let expected = parameters::load(&folder(model).join("expected.safetensors")).unwrap();
        for (name, expected) in &expected {
            let found = trace.get(name).unwrap_or_else(|| panic!("{model} has no tap {name}"));
            // CLIP's logits here go up to 945, where PyTorch in double precision is 8e-4 from itself in single.
            let largest = largest_difference(expected, &expected.zeros_like().unwrap());
            let difference = largest_difference(found, expected) / largest.max(1.0);
            assert!(difference < 1e-4, "{model}: {name} differs by {difference}");
        }
        let mut outline = config.outline().taps();
        let mut found: Vec<String> = trace.taps().keys().cloned().collect();
        outline.sort_unstable();
        found.sort_unstable();
        assert_eq!(outline, found, "{model}");
    }
}

#[test]
fn a_tap_alone_is_what_it_is_among_all() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let network = architecture::open(&opened).unwrap();
        let all = network.run(&inputs, Wanted::All).unwrap();
        for tap in config.outline().taps() {
            let alone = network.run(&inputs, Wanted::named([&tap])).unwrap();
            assert_eq!(alone.taps().keys().collect::<Vec<_>>(), [&tap], "{model}");
            let difference = largest_difference(alone.get(&tap).unwrap(), all.get(&tap).unwrap());
            assert!(difference < 1e-5, "{model}: {tap} differs by {difference}");
        }
    }
}

#[test]
fn configurations_and_weights_survive_being_written() {
    for model in MODELS {
        let (config, opened, inputs) = open(model);
        let weights = config.weights(&opened).unwrap();
        let shapes = config.shapes();
        assert!(weights.iter().all(|(name, tensor)| shapes[name] == tensor.dims()));
        assert_eq!(config.misfits(&opened.weight_shapes().unwrap()), Vec::<String>::new());
        assert_eq!(config.faults(), Vec::<String>::new());

        let written = tempfile::tempdir().unwrap();
        std::fs::write(written.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
        write_weights(written.path(), &weights, alambic_models::Precision::F32).unwrap();
        let again = ModelFolder::open(written.path()).unwrap();
        assert_eq!(Config::open(&again).unwrap(), config, "{model}");
        let logits = |folder: &ModelFolder| {
            let trace = architecture::open(folder).unwrap().run(&inputs, Wanted::named(["logits"])).unwrap();
            trace.get("logits").unwrap().clone()
        };
        assert!(largest_difference(&logits(&opened), &logits(&again)) < 1e-6, "{model}");
    }
}

#[test]
fn a_loss_on_the_outputs_reaches_every_parameter() {
    for model in MODELS {
        let (config, _, inputs) = open(model);
        let streams = alambic_tensor::Streams::new(3);
        let parameters = Parameters::from_weights(&config.initial_weights(&streams).unwrap()).unwrap();
        let network = network(&config, &parameters.tracked());
        let trace = network.run(&inputs, Wanted::named(["logits", "relation"])).unwrap();
        let loss = trace.taps().values().fold(None, |sum: Option<Tensor>, tap| {
            let loss = tap.sqr().unwrap().mean_all().unwrap();
            Some(sum.map_or_else(|| loss.clone(), |sum| (sum + &loss).unwrap()))
        });
        let gradients = Gradients::collect(loss.unwrap().backward().unwrap(), &parameters);
        // VisualBERT answers from a token of the text, and LXMERT from its first token.
        let unread = |name: &String| {
            model == "visual-bert" && name.contains("pooler")
                || model == "lxmert" && name.contains("x_layers.1.visn")
                || name.ends_with("visual_token_type_embeddings.weight")
        };
        let unreached: Vec<String> =
            gradients.unreached(&parameters).into_iter().filter(|name| !unread(name)).collect();
        assert_eq!(unreached, Vec::<String>::new(), "{model}");
        gradients.check(is_key_bias).unwrap();
    }
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let refused = |model: &str, change: &dyn Fn(&mut Weights)| {
        let (_, opened, mut inputs) = open(model);
        change(&mut inputs);
        architecture::open(&opened).unwrap().run(&inputs, Wanted::All).unwrap_err().to_string()
    };
    let narrow = |name: &'static str, dim: usize, count: usize| {
        move |inputs: &mut Weights| {
            let narrowed = inputs[name].narrow(dim, 0, count).unwrap().contiguous().unwrap();
            inputs.insert(name.into(), narrowed);
        }
    };
    let without = |name: &'static str| move |inputs: &mut Weights| drop(inputs.shift_remove(name));
    for (model, change, expected) in [
        ("vilt", &without("pixel_values") as &dyn Fn(&mut Weights), "there is no `pixel_values`"),
        ("vilt", &narrow("pixel_mask", 1, 8), "`pixel_mask` of shape [3, 8, 16] does not fit"),
        ("lxmert", &without("visual_pos"), "there are no boxes"),
        ("lxmert", &narrow("visual_pos", 1, 5), "boxes of shape [3, 5, 4] do not fit features of [3, 6, ..]"),
        ("lxmert", &narrow("visual_pos", 2, 3), "boxes have 3 numbers; the model reads 4"),
        ("lxmert", &narrow("visual_feats", 2, 9), "regions have 9 features; the model reads 10"),
        ("visual-bert", &narrow("visual_attention_mask", 1, 2), "masks of shape [3, 2] do not fit"),
        ("oscar/answers", &narrow("visual_feats", 2, 15), "regions have 15 features; the model reads 16"),
    ] {
        let message = refused(model, change);
        assert!(message.contains(expected), "{model}: {message}");
    }
}
