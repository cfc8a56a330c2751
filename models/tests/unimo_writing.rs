//! UNIMO that writes behind images and texts: taps and what is written against PyTorch (`parity/unimo/make.py`), with a cache as without,
//! and what is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{Architecture, Batch};
use alambic_models::text_encoder::{Head, HeadSpec, TextInput};
use alambic_models::unimo::{Unimo, UnimoConfig};
use alambic_models::{
    Config, GenerationConfig, ModelFolder, Pass, Precision, TapSelection, Tokens, Translator, write_weights,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::parameters::{Weights, load};

const START: u32 = 1;
const END: u32 = 37;
const VOCABULARY: usize = 120;

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/unimo").join(model)
}

fn opened(model: &str) -> (UnimoConfig, Weights) {
    let folder = ModelFolder::open(&parity(model).join("model")).unwrap();
    let config = Config::open(&folder).unwrap();
    let weights = config.weights(&folder).unwrap();
    let Config::Unimo(config) = config else { panic!("{model} is another model") };
    (config, weights)
}

fn writer() -> (Unimo, Batch, Weights) {
    let (config, weights) = opened("writing");
    let inputs = load(&parity("writing").join("inputs.safetensors")).unwrap();
    let expected = load(&parity("writing").join("expected.safetensors")).unwrap();
    (Unimo::new(&config, &weights).unwrap(), Batch::from_tensors(&inputs).unwrap(), expected)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// What a row of the reference holds behind its first token, up to the end.
fn rows(expected: &Tensor) -> Vec<Vec<u32>> {
    let rows: Vec<Vec<f32>> = expected.to_dtype(DType::F32).unwrap().to_vec2().unwrap();
    rows.iter()
        .map(|row| row[1..].iter().map(|id| *id as u32).take_while(|id| *id != END).collect())
        .collect()
}

#[test]
fn taps_of_source_and_target_are_those_of_pytorch() {
    let (network, batch, expected) = writer();
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
    let mask = trace.mask("").unwrap().clone();
    let length = mask.len() / 3;
    let mut compared = 0;
    for (name, expected) in expected {
        let Some(found) = trace.get(&name) else {
            assert!(name.starts_with("written"), "{name}");
            continue;
        };
        compared += 1;
        let dims = found.dims().to_vec();
        assert_eq!(dims, expected.dims(), "{name}");
        // What stands at padding is read by nobody.
        let kept = |index: usize| match dims.as_slice() {
            [_, heads, queries, keys] => {
                mask[index / (heads * queries * keys) * length + index / keys % queries] != 0
            }
            [_, rows, width] if name != "logits" => {
                mask[index / (rows * width) * length + index / width % rows] != 0
            }
            _ => true,
        };
        let expected = values(&expected);
        let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
        for (index, (found, expected)) in values(found).iter().zip(&expected).enumerate() {
            let difference = (found - expected).abs() / largest;
            assert!(!kept(index) || difference < 1e-4, "{name} {index}: {found} {expected}");
        }
    }
    assert_eq!(compared, 6);
}

#[test]
fn what_is_written_with_a_cache_is_what_pytorch_writes_without() {
    let (network, batch, expected) = writer();
    let source = batch.text.as_ref().unwrap().tokens.clone();
    let image = batch.image.as_ref().unwrap();
    let of_images = network.translator_of_images(image).unwrap();
    let of_texts = network.as_translator().unwrap();
    let all: [(&dyn Translator, &str); 2] = [(&*of_images, "written"), (of_texts, "written_of_texts")];
    let mut ended = 0;
    for (translator, name) in all {
        assert_eq!((translator.start_token(), translator.end_token()), (START, END));
        let expected = rows(&expected[name]);
        let written = GenerationConfig::greedy(100).run(translator, &source).unwrap();
        for (expected, hypotheses) in expected.iter().zip(&written) {
            assert_eq!(&hypotheses[0].tokens, expected, "{name}");
            ended += usize::from(hypotheses[0].finished);
        }
        // A beam of several keeps rows of a cache that are copied: its score is that of its tokens by themselves.
        let beam = GenerationConfig { beam: 3, ..GenerationConfig::greedy(6) };
        for (row, hypotheses) in beam.run(translator, &source).unwrap().into_iter().enumerate() {
            assert_eq!(hypotheses.len(), 3);
            for hypothesis in hypotheses {
                let mut state = translator.start(&source, 8).unwrap();
                let (mut sum, mut last) = (0.0, START);
                let ends = hypothesis.finished.then_some(END);
                for &token in hypothesis.tokens.iter().chain(&ends) {
                    let logits = state.step(&[last; 3]).unwrap();
                    let own = &logits[row * VOCABULARY..(row + 1) * VOCABULARY];
                    let largest = own.iter().copied().fold(f32::MIN, f32::max);
                    let normal = own.iter().map(|logit| (logit - largest).exp()).sum::<f32>().ln() + largest;
                    (sum, last) = (sum + own[token as usize] - normal, token);
                }
                let found = hypothesis.log_probability;
                assert!((sum - found).abs() < 1e-3 * sum.abs().max(1.0), "{name}: {sum} {found}");
            }
        }
    }
    assert!((1..6).contains(&ended), "{ended}");
}

#[test]
fn later_words_leave_earlier_logits_as_they_are() {
    let (network, batch, _) = writer();
    let logits = |batch: &Batch| -> Vec<Vec<f32>> {
        let trace = network.forward(batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
        trace.get("logits").unwrap().get(0).unwrap().to_vec2().unwrap()
    };
    let before = logits(&batch);
    let target = batch.target.clone().unwrap();
    for place in 1..target.length {
        let mut ids = target.ids.to_vec();
        ids[place] = 50 + place as u32;
        let changed =
            Batch { target: Some(Tokens { ids: Arc::new(ids), ..target.clone() }), ..batch.clone() };
        let after = logits(&changed);
        assert_eq!(before[..place], after[..place], "{place}");
        assert_ne!(before[place], after[place], "{place}");
    }
}

#[test]
fn writer_is_stored_and_takes_what_a_pretrained_model_has() {
    let (config, weights) = opened("writing");
    let folder = tempfile::tempdir().unwrap();
    let json = config.to_json().to_string();
    std::fs::write(folder.path().join("config.json"), json).unwrap();
    write_weights(folder.path(), &weights, Precision::F32).unwrap();
    let again = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap();
    assert_eq!(again, Config::Unimo(config.clone()));
    assert!(again.writes_texts() && again.reads_images());
    assert_eq!((again.max_length(), again.decoder_start()), (10, Some(START)));
    // Of a pre-trained model it has all but what compares and predicts regions, and the other way round.
    let (pretrained, given) = opened("regions");
    let streams = Streams::new(1);
    let (own, taken) =
        Unimo::with_head(&pretrained, &given, &HeadSpec { writes: true, ..HeadSpec::none() }, &streams)
            .unwrap();
    assert!(own.writes && own.outline().classes == VOCABULARY && own.outline().pooled.is_none());
    assert!(taken.keys().all(|name| given.contains_key(name)));
    assert!(
        taken
            .keys()
            .all(|name| !name.contains("pooler") && !name.contains("regions.") && name != "logit_scale")
    );
    for (name, tensor) in &taken {
        assert_eq!(values(tensor), values(&given[name]), "{name}");
    }
    Unimo::new(&own, &taken).unwrap();
    let spec = HeadSpec { head: Head::MaskedLanguage, ..HeadSpec::none() };
    let (back, all) = Unimo::with_head(&own, &taken, &spec, &streams).unwrap();
    assert!(!back.writes && all.contains_key("logit_scale"));
    Unimo::new(&back, &all).unwrap();
}

#[test]
fn what_has_no_room_or_is_of_another_kind_is_refused() {
    let (network, batch, _) = writer();
    let image = batch.image.as_ref().unwrap();
    let of_images = network.translator_of_images(image).unwrap();
    let Err(error) = of_images.start(&Tokens::pad(&[[START, 5]; 2], 0), 4) else { panic!("it starts") };
    assert!(error.to_string().contains("2 texts and 3 images"), "{error}");
    let long = Tokens::pad(&[[START; 19]; 3], 0);
    let mut state = of_images.start(&long, 4).unwrap();
    state.step(&[START; 3]).unwrap();
    let error = state.step(&[START; 3]).unwrap_err().to_string();
    assert!(error.contains("longer than the 20 positions"), "{error}");
    let without = Batch { target: None, ..batch.clone() };
    let error = network.forward(&without, Pass::Evaluate, TapSelection::named(["logits"])).unwrap_err();
    assert!(error.to_string().contains("decoder_input_ids"), "{error}");
    let target = Some(Tokens::pad(&[[START; 19]; 3], 0));
    let error = network
        .forward(&Batch { target, ..batch }, Pass::Evaluate, TapSelection::named(["logits"]))
        .unwrap_err();
    assert!(error.to_string().contains("longer than the 20 positions"), "{error}");
    // A model of another head writes nothing.
    let (config, weights) = opened("patches");
    let other = Unimo::new(&config, &weights).unwrap();
    assert!(other.as_translator().is_none() && !Config::Unimo(config).writes_texts());
    let text = TextInput::new(Tokens::pad(&[[START; 3]; 3], 0));
    assert!(other.forward(&Batch::of_texts(text), Pass::Evaluate, TapSelection::All).is_ok());
}
