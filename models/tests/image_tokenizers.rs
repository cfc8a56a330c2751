//! Image tokenizers: their taps against what PyTorch computes (`parity/image-tokenizer/make.py`), and what they refuse.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::{self, Batch};
use alambic_models::image_tokenizer::{
    CODES, CodeUsage, Codebook, Coding, ImageTokenizer, ImageTokenizerConfig, Quantizer,
};
use alambic_models::{Config, ModelFolder, Pass, TapSelection};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::gradients::backward;
use alambic_tensor::parameters::{Parameters, Weights, load};

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/image-tokenizer").join(model)
}

fn opened(model: &str) -> (ImageTokenizerConfig, Weights, Weights) {
    let folder = ModelFolder::open(&parity(model).join("model")).unwrap();
    let config = Config::open(&folder).unwrap();
    let weights = config.weights(&folder).unwrap();
    let Config::ImageTokenizer(config) = config else { panic!("{model} is another model") };
    (config, weights, load(&parity(model).join("inputs.safetensors")).unwrap())
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn taps_are_those_of_pytorchs_layers() {
    for model in ["vq", "dvae", "plain"] {
        let (config, weights, inputs) = opened(model);
        let network = architecture::build(&Config::from(config.clone()), &weights).unwrap();
        let batch = Batch::from_tensors(&inputs).unwrap();
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
        }
        assert_eq!(trace.taps().keys().collect::<Vec<_>>().len(), config.outline().taps().len());
    }
}

#[test]
fn gradients_go_past_the_codes_straight_to_the_encoder() {
    let (config, weights, inputs) = opened("plain");
    let mut parameters = Parameters::from_weights(&weights).unwrap();
    parameters.freeze(|name| name == "codebook.cluster_size");
    let tracked = parameters.tracked();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let Some(architecture::Image::Pixels(images)) = &batch.image else { panic!("no pixels") };
    let network = ImageTokenizer::new(&config, &tracked).unwrap();
    let trace = network.trace(images, Coding::Codes, TapSelection::All).unwrap();
    let loss = trace.get("reconstruction").unwrap().sqr().unwrap().mean_all().unwrap();
    let gradients = backward(&loss).unwrap();
    assert!(gradients.get(&tracked["encoder.0.0.weight"]).is_some());
    assert!(gradients.get(&tracked[CODES]).is_none(), "the reconstruction moves no code");
    let apart = (trace.get("latents").unwrap().detach() - trace.get("quantized").unwrap()).unwrap();
    let gradients = backward(&apart.sqr().unwrap().mean_all().unwrap()).unwrap();
    assert!(
        gradients.get(&tracked[CODES]).is_some() && gradients.get(&tracked["encoder.0.0.weight"]).is_none()
    );
}

#[test]
fn relaxed_samples_of_a_low_temperature_are_the_codes() {
    let (config, weights, inputs) = opened("dvae");
    let network = ImageTokenizer::new(&config, &weights).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let Some(architecture::Image::Pixels(images)) = &batch.image else { panic!("no pixels") };
    let shape = (3, config.places(), config.num_tokens);
    let noise = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let trace =
        |coding| values(network.trace(images, coding, TapSelection::All).unwrap().get("quantized").unwrap());
    let (hard, soft) = (trace(Coding::Codes), trace(Coding::Relaxed { temperature: 1e-4, noise: &noise }));
    assert!(hard.iter().zip(&soft).all(|(hard, soft)| (hard - soft).abs() < 1e-3));
    let warm = trace(Coding::Relaxed { temperature: 5.0, noise: &noise });
    assert!(hard.iter().zip(&warm).any(|(hard, warm)| (hard - warm).abs() > 0.1));
    // A softmax of logits is nothing for vectors, and outputs that are logits are none for the decoder.
    assert!(network.trace(images, Coding::Outputs, TapSelection::All).is_err());
}

#[test]
fn codes_follow_the_means_of_what_takes_them() {
    let (config, _, _) = opened("vq");
    let config = ImageTokenizerConfig { num_tokens: 2, codebook_dim: 2, ..config };
    let table = |rows: [[f32; 2]; 2]| Tensor::new(&rows, &Device::Cpu).unwrap();
    let weights = Weights::from([
        (CODES.to_owned(), table([[1.0, 0.0], [0.0, 4.0]])),
        ("codebook.cluster_size".to_owned(), Tensor::new(&[2.0f32, 4.0], &Device::Cpu).unwrap()),
        ("codebook.embed_avg".to_owned(), table([[2.0, 0.0], [0.0, 16.0]])),
    ]);
    let mut codebook = Codebook::of(&config, &weights).unwrap().unwrap();
    // Code 0 is taken by (3, 1) and (5, 1), code 1 by nothing.
    codebook.update(&[3.0, 1.0, 5.0, 1.0], &[0, 0]);
    let found = codebook.weights().unwrap();
    let close = |name: &str, expected: &[f32]| {
        let found = values(&found[name]);
        assert!(
            found.iter().zip(expected).all(|(one, other)| (one - other).abs() < 1e-4),
            "{name}: {found:?}"
        );
    };
    // n = 0.99 · 2 + 0.01 · 2 and 0.99 · 4; m = 0.99 · (2, 0) + 0.01 · (8, 2) and 0.99 · (0, 16).
    close("codebook.cluster_size", &[2.0, 3.96]);
    close("codebook.embed_avg", &[2.06, 0.02, 0.0, 15.84]);
    close(CODES, &[1.03, 0.01, 0.0, 4.0]);
    assert!(codebook.has_begun());
    let usage = CodeUsage::of(4, [0, 0, 1, 1, 9]);
    assert_eq!((usage.used(), usage.share()), (2, 0.5));
    assert!((usage.perplexity().unwrap() - 2.0).abs() < 1e-12);
    assert_eq!(CodeUsage::of(4, []).perplexity(), None);
}

#[test]
fn what_does_not_fit_is_refused() {
    let (config, weights, inputs) = opened("vq");
    let wide = ImageTokenizerConfig { codebook_dim: 6, ..config.clone() };
    let error = ImageTokenizer::new(&wide, &weights).unwrap_err().to_string();
    assert!(
        error.contains("codebook.weight") && error.contains("[11, 5]") && error.contains("[11, 6]"),
        "{error}"
    );
    let network = ImageTokenizer::new(&config, &weights).unwrap();
    let small =
        inputs["pixel_values"].narrow(2, 0, 8).unwrap().narrow(3, 0, 8).unwrap().contiguous().unwrap();
    let batch = Batch::from_tensors(&Weights::from([("pixel_values".to_owned(), small)])).unwrap();
    let Some(architecture::Image::Pixels(images)) = &batch.image else { panic!("no pixels") };
    let error = network.latents(images).unwrap_err().to_string();
    assert!(error.contains("8 by 8") && error.contains("12 by 12"), "{error}");
    let vectors = Tensor::zeros((1, 9, 4), DType::F32, &Device::Cpu).unwrap();
    let error = network.decode(&vectors).unwrap_err().to_string();
    assert!(error.contains("vectors of 4 numbers") && error.contains("9 of 5"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let config_json = std::fs::read_to_string(parity("vq").join("model/config.json")).unwrap();
    let weights = parity("vq").join("model/model.safetensors");
    std::fs::copy(weights, folder.path().join("model.safetensors")).unwrap();
    for (from, to, expected) in [
        ("\"image_size\": 12", "\"image_size\": 10", "image_size"),
        ("\"num_channels\": 3", "\"num_channels\": 1", "num_channels"),
        ("\"num_layers\": 2", "\"num_layers\": 0", "num_layers"),
        ("\"num_layers\": 2", "\"num_layers\": 60", "num_layers"),
        ("\"num_resnet_blocks\": 2", "\"num_resnet_blocks\": 2000000000", "num_resnet_blocks"),
        ("\"num_tokens\": 11", "\"num_tokens\": 0", "num_tokens"),
        ("\"quantizer\": \"vq\"", "\"quantizer\": \"dvae\"", "codebook_learning"),
        ("\"quantizer\": \"vq\"", "\"quantizer\": \"lfq\"", "lfq"),
    ] {
        std::fs::write(folder.path().join("config.json"), config_json.replace(from, to)).unwrap();
        let error = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn initial_weights_have_the_shapes_that_are_declared() {
    for quantizer in [Quantizer::Vq, Quantizer::Dvae] {
        let (config, ..) = opened(if quantizer == Quantizer::Vq { "vq" } else { "dvae" });
        let weights = ImageTokenizer::initial_weights(&config, &Streams::new(3)).unwrap();
        let shapes = config.shapes();
        assert!(weights.keys().eq(shapes.keys()));
        assert!(weights.iter().all(|(name, tensor)| tensor.dims() == shapes[name]));
        let codebook = Codebook::of(&config, &weights).unwrap();
        assert_eq!(codebook.is_some(), quantizer == Quantizer::Vq);
        assert!(codebook.is_none_or(|own| !own.has_begun()));
    }
}
