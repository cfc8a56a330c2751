//! Tokens and patches of CLIP in the space of its embeddings, against transformers (`parity/clip/parts.py`).

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::{self, Batch};
use alambic_models::{Config, ModelFolder, Pass, TapSelection, TapShape, Trace};
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::gradients::Gradients;
use alambic_tensor::parameters::{self, Parameters};

const PARTS: [&str; 2] = ["text.tokens", "image.patches"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/clip")
}

fn trace(names: &[&str]) -> Trace {
    let network = architecture::open(&ModelFolder::open(&folder().join("model")).unwrap()).unwrap();
    let inputs = parameters::load(&folder().join("inputs.safetensors")).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    network.forward(&batch, Pass::Evaluate, TapSelection::named(names.iter().copied())).unwrap()
}

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn tokens_and_patches_agree_with_transformers_but_for_padding() {
    let expected = parameters::load(&folder().join("parts.safetensors")).unwrap();
    let inputs = parameters::load(&folder().join("inputs.safetensors")).unwrap();
    let trace = trace(&PARTS);
    assert_eq!(trace.taps().keys().collect::<Vec<_>>(), PARTS);
    for name in PARTS {
        let (found, expected) = (trace.get(name).unwrap(), &expected[name]);
        assert_eq!(found.dims(), expected.dims(), "{name}");
        let width = expected.dims()[2];
        let mask = if name == "text.tokens" { numbers(&inputs["attention_mask"]) } else { vec![1.0; 48] };
        let (found, expected) = (numbers(found), numbers(expected));
        let largest = expected.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
        for (index, (found, expected)) in found.iter().zip(&expected).enumerate() {
            if mask[index / width] == 0.0 {
                assert_eq!(*found, 0.0, "{name}: padding");
            } else {
                assert!((found - expected).abs() <= 1e-4 * largest, "{name}: {found}, not {expected}");
            }
        }
    }
}

#[test]
fn embedding_of_a_text_is_its_last_token_at_length_one() {
    let trace = trace(&["text.tokens", "text.embedding"]);
    let tokens: Vec<Vec<Vec<f32>>> = trace.get("text.tokens").unwrap().to_vec3().unwrap();
    let embeddings: Vec<Vec<f32>> = trace.get("text.embedding").unwrap().to_vec2().unwrap();
    for (tokens, embedding) in tokens.iter().zip(&embeddings) {
        let is_it = |token: &Vec<f32>| {
            let norm = token.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-12);
            token.iter().zip(embedding).all(|(one, other)| (one / norm - other).abs() < 1e-5)
        };
        assert_eq!(tokens.iter().filter(|token| is_it(token)).count(), 1);
    }
}

#[test]
fn parts_are_declared_and_train_the_projections() {
    let opened = ModelFolder::open(&folder().join("model")).unwrap();
    let config = Config::open(&opened).unwrap();
    let outline = config.outline();
    for name in PARTS {
        assert!(outline.taps().contains(&name.to_owned()), "{name}");
        assert_eq!(outline.tap_shape(name), Some(TapShape::Tokens { width: 24 }));
    }
    assert_eq!((outline.tap_shape("text.patches"), outline.tap_shape("tokens")), (None, None));
    let parameters = Parameters::from_weights(&config.weights(&opened).unwrap()).unwrap();
    let network = architecture::build(&config, &parameters.tracked()).unwrap();
    let inputs = parameters::load(&folder().join("inputs.safetensors")).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(PARTS)).unwrap();
    let squares = PARTS.map(|name| trace.get(name).unwrap().sqr().unwrap().sum_all().unwrap());
    let gradients = Gradients::of(&(&squares[0] + &squares[1]).unwrap(), &parameters).unwrap();
    for name in ["text_projection.weight", "visual_projection.weight"] {
        assert!(
            numbers(&gradients.tensor(name).unwrap().unwrap()).iter().any(|value| *value != 0.0),
            "{name}"
        );
    }
}
