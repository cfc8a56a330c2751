//! ERNIE-ViLG: taps against PyTorch's layers (`parity/ernie-vilg/make.py`), decoding token by token, and what is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::ernie_vilg::{ErnieVilg, ErnieVilgConfig};
use alambic_models::{
    Config, GenerationConfig, Images, ModelFolder, Pass, Sampling, TapSelection, Tokens, Trace, Translator,
};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::{Weights, load};

const MODELS: [&str; 2] = ["sparse", "dense"];

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/ernie-vilg").join(model)
}

fn opened(model: &str) -> (ErnieVilgConfig, Weights) {
    let folder = ModelFolder::open(&parity(model).join("model")).unwrap();
    let config = Config::open(&folder).unwrap();
    let weights = config.weights(&folder).unwrap();
    let Config::ErnieVilg(config) = config else { panic!("{model} is another model") };
    (config, weights)
}

fn network(model: &str) -> ErnieVilg {
    let (config, weights) = opened(model);
    ErnieVilg::new(&config, &weights).unwrap()
}

fn inputs(model: &str, direction: &str) -> Batch {
    Batch::from_tensors(&load(&parity(model).join(format!("{direction}-inputs.safetensors"))).unwrap())
        .unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_near(what: &str, found: &[f32], expected: &[f32], most: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= most * expected.abs().max(1.0),
            "{what}: {found}, not {expected}"
        );
    }
}

fn traced(network: &ErnieVilg, batch: &Batch, wanted: TapSelection) -> Trace {
    network.forward(batch, Pass::Evaluate, wanted).unwrap()
}

#[test]
fn taps_are_those_of_pytorchs_layers() {
    for model in MODELS {
        let network = network(model);
        for direction in ["drawn", "told"] {
            let batch = inputs(model, direction);
            let expected = load(&parity(model).join(format!("{direction}-expected.safetensors"))).unwrap();
            let trace = traced(&network, &batch, TapSelection::All);
            for (tap, expected) in &expected {
                let found = trace.get(tap).unwrap_or_else(|| panic!("{model}: no {tap}"));
                assert_eq!(found.dims(), expected.dims(), "{model} {direction}: {tap}");
                let (found, expected) = (values(found), values(expected));
                assert_near(&format!("{model} {direction}: {tap}"), &found, &expected, 1e-4);
            }
            assert_eq!(trace.taps().len(), expected.len(), "{model} {direction}");
            // Without taps of attention it is computed in another way.
            let logits = traced(&network, &batch, TapSelection::named(["logits"]));
            let other = trace.get("logits").unwrap();
            assert_near(model, &values(logits.get("logits").unwrap()), &values(other), 1e-4);
        }
    }
}

/// The logits of each step that is forced on a target, `[step][row]`.
fn stepped(translator: &dyn Translator, source: &Tokens, target: &Tokens, steps: usize) -> Vec<Vec<f32>> {
    let mut state = translator.start(source, steps).unwrap();
    let token = |row: usize, step: usize| target.ids[row * target.length + step];
    (0..steps)
        .map(|step| state.step(&(0..target.batch).map(|row| token(row, step)).collect::<Vec<_>>()).unwrap())
        .collect()
}

#[test]
fn steps_over_caches_give_what_a_whole_pass_gives() {
    for model in MODELS {
        let network = network(model);
        for direction in ["drawn", "told"] {
            let batch = inputs(model, direction);
            let (source, target) = (&batch.text.as_ref().unwrap().tokens, batch.target.as_ref().unwrap());
            let trace = traced(&network, &batch, TapSelection::named(["logits"]));
            let logits: Vec<Vec<Vec<f32>>> = trace.get("logits").unwrap().to_vec3().unwrap();
            let codes: Vec<u32> =
                source.ids.iter().filter_map(|&token| network.config().code_of_token(token)).collect();
            let image = Image::Codes(Arc::new(codes));
            let of_images = network.translator_of_images(&image);
            let translator = if direction == "told" { of_images.as_deref() } else { network.as_translator() };
            let translator = translator.unwrap();
            let steps = logits[0].len();
            for (step, found) in stepped(translator, source, target, steps).iter().enumerate() {
                let width = found.len() / target.batch;
                for (row, found) in found.chunks(width).enumerate() {
                    assert_near(&format!("{model} {direction} {step}"), found, &logits[row][step], 1e-4);
                }
            }
        }
    }
}

#[test]
fn a_later_token_changes_nothing_before_it() {
    for model in MODELS {
        let network = network(model);
        let batch = inputs(model, "drawn");
        let before = traced(&network, &batch, TapSelection::named(["logits"]));
        let target = batch.target.as_ref().unwrap();
        let place = 9;
        let mut ids = target.ids.to_vec();
        for row in 0..target.batch {
            let token = &mut ids[row * target.length + place];
            let code = network.config().code_of_token(*token).unwrap();
            *token = network.config().token_of_code((code + 1) % 7);
        }
        let changed =
            Batch { target: Some(Tokens { ids: Arc::new(ids), ..target.clone() }), ..batch.clone() };
        let after = traced(&network, &changed, TapSelection::named(["logits"]));
        let of = |trace: &Trace| -> Vec<Vec<Vec<f32>>> { trace.get("logits").unwrap().to_vec3().unwrap() };
        let (before, after) = (of(&before), of(&after));
        for (one, other) in before.iter().zip(&after) {
            assert_eq!(one[..place], other[..place], "{model}");
            assert_ne!(one[place..], other[place..], "{model}");
        }
        // An image that is not whole yet has the logits of its tokens, too.
        let rows: Vec<&[u32]> = target.ids.chunks(target.length).map(|row| &row[..place]).collect();
        let begun = Batch { target: Some(Tokens::pad(&rows, 0)), ..batch.clone() };
        let begun = of(&traced(&network, &begun, TapSelection::named(["logits"])));
        for (one, other) in before.iter().zip(&begun) {
            assert_near(model, &one[..place].concat(), &other.concat(), 1e-5);
        }
    }
}

#[test]
fn what_is_drawn_of_a_text_does_not_depend_on_its_batch() {
    let network = network("sparse");
    let source = inputs("sparse", "drawn").text.unwrap().tokens;
    let sampling = Sampling { temperature: 1.0, top_k: None, top_p: 1.0, seed: 3 };
    let generation = GenerationConfig {
        sampling: Some(sampling),
        num_return_sequences: Some(3),
        ..GenerationConfig::greedy(network.config().image_tokens())
    };
    let together = generation.run(&network, &source).unwrap();
    let own: Vec<u32> = source.ids[source.length..]
        .iter()
        .zip(&source.mask[source.length..])
        .take(source.length)
        .filter(|(_, kept)| **kept != 0)
        .map(|(id, _)| *id)
        .collect();
    let alone = generation.run(&network, &Tokens::pad(&[own], 0)).unwrap();
    let tokens = |hypotheses: &[alambic_models::Hypothesis]| -> Vec<Vec<u32>> {
        hypotheses.iter().map(|own| own.tokens.clone()).collect()
    };
    assert_eq!(tokens(&together[1]), tokens(&alone[0]));
    assert_ne!(alone[0][0].tokens, alone[0][1].tokens);
    for hypothesis in together.iter().flatten() {
        assert_eq!(hypothesis.tokens.len(), network.config().image_tokens());
        assert!(hypothesis.tokens.iter().all(|&token| network.config().code_of_token(token).is_some()));
    }
}

#[test]
fn images_are_read_as_the_tokens_of_their_pixels() {
    let network = network("sparse");
    let config = &network.config().image_tokenizer;
    let side = config.image_size;
    let numbers: Vec<f32> = (0..2 * 3 * side * side).map(|place| (place % 37) as f32 / 18.0 - 1.0).collect();
    let pixels = Tensor::from_vec(numbers, (2, 3, side, side), &Device::Cpu).unwrap();
    let images = Images { pixels, mask: None };
    let whole = network.image_tokens(&Image::Pixels(images.clone())).unwrap();
    let patches = alambic_models::Patches::of(&images, config.factor()).unwrap();
    assert_eq!(network.image_tokens(&Image::Patches(patches)).unwrap().ids, whole.ids);
    let codes: Vec<u32> = whole.ids.iter().filter_map(|&own| network.config().code_of_token(own)).collect();
    assert_eq!(codes.len(), 2 * config.places());
    assert_eq!(network.image_tokens(&Image::Codes(Arc::new(codes.clone()))).unwrap().ids, whole.ids);
    // What a reconstructor draws is what a pass over text and whole image gives.
    let source = Tokens::pad(&[[7, 12, 1], [4, 2, 1]], 0);
    let batch = Batch {
        text: Some(alambic_models::text_encoder::TextInput::new(source.clone())),
        target: Some(whole),
        ..Batch::default()
    };
    let trace = traced(&network, &batch, TapSelection::named(["reconstruction"]));
    let drawn = network.draw(&source, &codes).unwrap();
    assert_eq!(values(&drawn), values(trace.get("reconstruction").unwrap()));
}

#[test]
fn what_does_not_fit_is_refused_by_name() {
    let (config, weights) = opened("sparse");
    let network = architecture::build(&Config::from(config.clone()), &weights).unwrap();
    let tokens = |rows: &[Vec<u32>]| Tokens::pad(rows, 0);
    let text = |rows: &[Vec<u32>]| Some(alambic_models::text_encoder::TextInput::new(tokens(rows)));
    let said = |batch: Batch, tap: &str| {
        network.forward(&batch, Pass::Evaluate, TapSelection::named([tap])).unwrap_err().to_string()
    };
    let words = vec![vec![7, 1]];
    let whole = config.image(&[0; 16]);
    let with =
        |target: Vec<u32>| Batch { text: text(&words), target: Some(tokens(&[target])), ..Batch::default() };
    for (batch, tap, expected) in [
        (
            with(config.image(&[0; 17])),
            "logits",
            "an image of 17 tokens is none of this model, whose images have 16",
        ),
        (
            with([config.image_start(), 5].to_vec()),
            "logits",
            "the token 5 stands in an image, and is no code",
        ),
        (with(vec![config.text_start(), 4]), "logits", "source and target are both texts"),
        (with(config.image(&[0; 15])), "reconstruction", "whole image"),
        (Batch { text: text(&words), ..Batch::default() }, "logits", "needs `decoder_input_ids`"),
        (
            Batch { text: text(&[vec![7; 10]]), ..Batch::default() },
            "hidden.1",
            "a text of 10 tokens is longer than the 9 positions",
        ),
        (
            Batch { text: text(&[vec![7, 1], whole.clone()]), ..Batch::default() },
            "hidden.1",
            "texts and images",
        ),
        (
            Batch { image: Some(Image::Codes(Arc::new(vec![7; 16]))), ..Batch::default() },
            "hidden.1",
            "no image token 7",
        ),
        (
            Batch { image: Some(Image::Codes(Arc::new(vec![0; 15]))), ..Batch::default() },
            "hidden.1",
            "15 tokens",
        ),
        (Batch { text: text(&[vec![99]]), ..Batch::default() }, "hidden.1", "99"),
    ] {
        let found = said(batch, tap);
        assert!(found.contains(expected), "{found} does not say: {expected}");
    }
    let other = ErnieVilgConfig {
        image_tokenizer: alambic_models::image_tokenizer::ImageTokenizerConfig {
            codebook_dim: 6,
            ..config.image_tokenizer.clone()
        },
        ..config
    };
    let error = ErnieVilg::new(&other, &weights).unwrap_err().to_string();
    assert!(error.contains("codebook.weight"), "{error}");
}
