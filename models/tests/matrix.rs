//! Matrix embeddings: agreement with a loop over words in PyTorch (`tests/parity/matrix/make.py`), padding, gradients, heads.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use crate::held::{assert_is_read_as_written, assert_taps_agree, open, trace};
use crate::traces::folder;
use alambic_models::architecture::{self, Architecture, Batch};
use alambic_models::text_encoder::{Head, HeadSpec, TextInput};
use alambic_models::{Config, EncodedText, ModelFolder, Pass, TapSelection, Tokens, Trace};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::{self, Parameters, Weights};
use alambic_tensor::{Streams, ops};

const MODELS: [&str; 6] =
    ["matrix/none", "matrix/pairs", "matrix/published", "matrix/low-rank", "matrix/cosine", "matrix/vectors"];

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The numbers of a tap that are not padding, each times the cosine of its place, added up.
fn loss(trace: &Trace, tap: &str, mask: &[u8]) -> Tensor {
    let tensor = trace.get(tap).unwrap();
    let width = tensor.elem_count() / mask.len();
    let is_counted = |place: usize| tensor.rank() < 3 || mask[place / width.max(1)] != 0;
    let factors =
        (0..tensor.elem_count()).map(|place| if is_counted(place) { (place as f32).cos() } else { 0.0 });
    let factors = Tensor::from_iter(factors, &Device::Cpu).unwrap();
    (tensor.flatten_all().unwrap() * factors).unwrap().sum_all().unwrap()
}

#[test]
fn taps_agree_with_a_loop_over_words() {
    MODELS.into_iter().for_each(assert_taps_agree);
}

#[test]
fn gradients_agree_with_a_loop_over_words() {
    for model in MODELS {
        let (config, weights, batch) = open(model);
        let expected = parameters::load(&folder(model).join("gradients.safetensors")).unwrap();
        let tap = if config.outline().classes > 0 { "logits" } else { "pooled" };
        let parameters = Parameters::from_weights(&weights).unwrap();
        let network = architecture::build(&config, &parameters.tracked()).unwrap();
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named([tap])).unwrap();
        let mask = &batch.text.as_ref().unwrap().tokens.mask;
        let gradients = Gradients::of(&loss(&trace, tap, mask), &parameters).unwrap();
        assert_eq!(gradients.names().count(), expected.len(), "{model}");
        for (name, expected) in &expected {
            let (found, expected) = (values(&gradients.tensor(name).unwrap().unwrap()), values(expected));
            let largest = expected.iter().fold(1.0f32, |largest, value| largest.max(value.abs()));
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() <= 1e-4 * largest, "{model} {name}: {found} and {expected}");
            }
        }
    }
}

#[test]
fn written_folder_gives_the_same_model() {
    MODELS.into_iter().for_each(assert_is_read_as_written);
}

#[test]
fn broken_configurations_are_refused_with_the_key() {
    let (config, ..) = open("matrix/none");
    for (key, value, message) in [
        ("matrix_rank", serde_json::json!(3), "a rank of 3"),
        ("matrix_rank", serde_json::json!(0), "a rank of 0"),
        ("directions", serde_json::json!("sideways"), "sideways"),
        ("architectures", serde_json::json!(["CmowCbowHybridForDancing"]), "ForDancing"),
        ("vocab_size", serde_json::json!(0), "vocab_size is 0"),
        ("matrix_size", serde_json::json!(100_000), "matrix_size"),
        ("dropout", serde_json::json!(1.5), "dropout is 1.5"),
        ("vector_size", serde_json::Value::Null, "vector_size"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut json = config.to_json().unwrap();
        json[key] = value;
        std::fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
        let error = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap_err().to_string();
        assert!(error.contains(message) && error.contains("config.json"), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut json = config.to_json().unwrap();
    (json["matrix_size"], json["vector_size"]) = (0.into(), 0.into());
    std::fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
    let error = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap_err().to_string();
    assert!(error.contains("neither a matrix nor a vector"), "{error}");
}

/// The same texts with more padding behind and before.
fn padded_more(batch: &Batch) -> Batch {
    let text = batch.text.as_ref().unwrap();
    let widen = |own: &[u32]| -> Vec<u32> {
        own.chunks(text.tokens.length).flat_map(|row| [&[1, 2][..], row, &[3, 3, 3]].concat()).collect()
    };
    let mask = text.tokens.mask.chunks(text.tokens.length);
    let tokens = Tokens {
        ids: Arc::new(widen(&text.tokens.ids)),
        mask: Arc::new(mask.flat_map(|row| [&[0, 0][..], row, &[0, 0, 0]].concat()).collect()),
        batch: text.tokens.batch,
        length: text.tokens.length + 5,
    };
    let segments = text.segments.as_ref().map(|segments| Arc::new(widen(segments)));
    Batch::of_texts(TextInput { segments, ..TextInput::new(tokens) })
}

/// The numbers of all taps at tokens.
fn at_tokens(trace: &Trace, batch: &Batch) -> Vec<f32> {
    let mask = &batch.text.as_ref().unwrap().tokens.mask;
    let mut all = Vec::new();
    for tensor in trace.taps().values() {
        let own = values(tensor);
        if tensor.rank() == 3 {
            let rows = own.chunks(tensor.dim(2).unwrap()).zip(mask.iter());
            all.extend(rows.filter(|(_, kept)| **kept != 0).flat_map(|(row, _)| row.to_vec()));
        } else {
            all.extend(own);
        }
    }
    all
}

#[test]
fn padding_changes_neither_outputs_nor_dropout_nor_gradients() {
    for model in MODELS {
        let (config, weights, batch) = open(model);
        let more = padded_more(&batch);
        let run = |batch: &Batch, is_training: bool| {
            let parameters = Parameters::from_weights(&weights).unwrap();
            let network = architecture::build(&config, &parameters.tracked()).unwrap();
            let dropout = Dropout::new(&Streams::new(5));
            let pass = if is_training { Pass::Train(&dropout) } else { Pass::Evaluate };
            let chosen = if config.outline().classes > 0 { "logits" } else { "pooled" };
            let wanted = TapSelection::named([chosen, "hidden.0"]);
            let trace = network.forward(batch, pass, wanted).unwrap();
            let squares = trace.get(chosen).unwrap().sqr().unwrap().sum_all().unwrap();
            let gradients = Gradients::of(&squares, &parameters).unwrap();
            let names: Vec<String> = gradients.names().map(str::to_owned).collect();
            let gradients = names.iter().flat_map(|name| values(&gradients.tensor(name).unwrap().unwrap()));
            let gradients = gradients.collect::<Vec<_>>();
            [at_tokens(&trace, batch), gradients].concat()
        };
        for is_training in [false, true] {
            assert_eq!(run(&batch, is_training), run(&more, is_training), "{model}, training {is_training}");
        }
        let (one, other) = (trace(&config, &weights, &batch), trace(&config, &weights, &more));
        assert_eq!(at_tokens(&one, &batch), at_tokens(&other, &more), "{model}");
    }
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let (config, weights, batch) = open("matrix/none");
    let mask = batch.text.as_ref().unwrap().tokens.mask.clone();
    let value = |weights: &Weights| {
        let network = architecture::build(&config, weights).unwrap();
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(["hidden.1"])).unwrap();
        f64::from(loss(&trace, "hidden.1", &mask).to_scalar::<f32>().unwrap())
    };
    let parameters = Parameters::from_weights(&weights).unwrap();
    let network = architecture::build(&config, &parameters.tracked()).unwrap();
    let trace = network.forward(&batch, Pass::Evaluate, TapSelection::named(["hidden.1"])).unwrap();
    let gradients = Gradients::of(&loss(&trace, "hidden.1", &mask), &parameters).unwrap();
    let word = batch.text.as_ref().unwrap().tokens.ids[0] as usize;
    for name in weights.keys() {
        let gradient = values(&gradients.tensor(name).unwrap().unwrap());
        let width = weights[name].dim(1).unwrap();
        for place in word * width..(word + 1) * width {
            let moved = |by: f32| {
                let mut moved = values(&weights[name]);
                moved[place] += by;
                let mut weights = weights.clone();
                let tensor = Tensor::from_vec(moved, weights[name].shape(), &Device::Cpu).unwrap();
                weights.insert(name.to_owned(), tensor);
                value(&weights)
            };
            let difference = (moved(1e-2) - moved(-1e-2)) / 2e-2;
            let found = f64::from(gradient[place]);
            assert!(
                (found - difference).abs() < 0.01 * difference.abs().max(1.0),
                "{name}: {found} and {difference}"
            );
        }
    }
}

fn texts(rows: &[Vec<u32>]) -> Batch {
    let encoded: Vec<EncodedText> = rows
        .iter()
        .map(|ids| EncodedText { ids: ids.clone(), segments: Vec::new(), truncated: false, language: None })
        .collect();
    Batch::of_texts(TextInput::pad(&encoded.iter().collect::<Vec<_>>(), 0))
}

fn tap(network: &dyn Architecture, batch: &Batch, tap: &str) -> Tensor {
    let trace = network.forward(batch, Pass::Evaluate, TapSelection::named([tap])).unwrap();
    trace.get(tap).unwrap().clone()
}

#[test]
fn order_of_words_counts_for_matrices_and_not_for_vectors() {
    let (rows, turned) = (texts(&[vec![3, 9, 4, 1]]), texts(&[vec![1, 4, 9, 3]]));
    for (model, counts) in [("matrix/none", true), ("matrix/vectors", false)] {
        let (config, weights, _) = open(model);
        let network = architecture::build(&config, &weights).unwrap();
        let [one, other] = [&rows, &turned].map(|batch| values(&tap(&*network, batch, "pooled")));
        let differs = one.iter().zip(&other).any(|(one, other)| (one - other).abs() > 1e-4);
        assert_eq!(differs, counts, "{model}");
    }
}

#[test]
fn equal_texts_of_a_pair_have_a_cosine_of_one_and_empty_texts_are_defined() {
    let (config, weights, _) = open("matrix/cosine");
    let network = architecture::build(&config, &weights).unwrap();
    // [CLS] a b [SEP] a b [SEP], of which one token stands before a text.
    let tokens = Tokens::pad(&[vec![1, 5, 6, 2, 5, 6, 2]], 0);
    let segments = Some(Arc::new(vec![0, 0, 0, 0, 1, 1, 1]));
    let batch = Batch::of_texts(TextInput { segments, ..TextInput::new(tokens) });
    let cosine = values(&tap(&*network, &batch, "logits"));
    assert!((cosine[0] - 1.0).abs() < 1e-6, "{cosine:?}");
    let (config, weights, _) = open("matrix/none");
    let network = architecture::build(&config, &weights).unwrap();
    let empty = values(&tap(&*network, &texts(&[Vec::new()]), "pooled"));
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0];
    assert_eq!(empty, [&[0.0; 5][..], &identity, &identity].concat());
    let among = tap(&*network, &texts(&[vec![3, 4], Vec::new()]), "pooled").to_vec2::<f32>().unwrap();
    assert_eq!(among[1], empty);
    let (config, weights, _) = open("matrix/vectors");
    let network = architecture::build(&config, &weights).unwrap();
    assert!(values(&tap(&*network, &texts(&[Vec::new()]), "logits")).iter().all(|logit| logit.is_finite()));
}

#[test]
fn states_of_long_texts_are_finite_even_where_matrices_are_large() {
    let (config, mut weights, _) = open("matrix/none");
    for (name, tensor) in &mut weights {
        if name.contains("matrices") {
            *tensor = (tensor.clone() * 3.0).unwrap();
        }
    }
    let network = architecture::build(&config, &weights).unwrap();
    let long = texts(&[(0..512).map(|place| 1 + place * 7 % 39).collect()]);
    for name in ["hidden.1", "pooled"] {
        let states = values(&tap(&*network, &long, name));
        assert!(states.iter().all(|state| state.is_finite()), "{name}");
        let largest = states.iter().fold(0.0f32, |largest, state| largest.max(state.abs()));
        assert!(largest > 100.0 && largest <= ops::MAX_PRODUCT_ENTRY * 1.001, "{largest}");
    }
}

#[test]
fn new_head_keeps_tables_and_the_same_head_keeps_all() {
    let (config, weights, _) = open("matrix/none");
    let labels = ["bad", "good"].map(str::to_owned).to_vec();
    let head = HeadSpec { head: Head::Sequence, labels, pairs: Some(false), ..HeadSpec::none() };
    let (own, given) = config.with_head_weights(weights.clone(), &head, &Streams::new(1)).unwrap();
    assert_eq!(given.keys().collect::<Vec<_>>(), own.shapes().keys().collect::<Vec<_>>());
    for (name, tensor) in &weights {
        assert_eq!(values(&given[name]), values(tensor), "{name}");
    }
    let (_, again) = own.with_head_weights(given.clone(), &head, &Streams::new(2)).unwrap();
    assert!(given.iter().all(|(name, tensor)| values(tensor) == values(&again[name])));
    // Another width of what the head reads asks for another head.
    let pairs = HeadSpec { pairs: Some(true), ..head.clone() };
    let (paired, anew) = own.with_head_weights(given.clone(), &pairs, &Streams::new(2)).unwrap();
    assert_ne!(anew["classifier.0.weight"].dims(), given["classifier.0.weight"].dims());
    let tables: Vec<String> = weights.keys().cloned().collect();
    assert_eq!(paired.sparse_tables().len(), tables.len());
    assert!(paired.sparse_tables().iter().all(|name| tables.contains(name)));
    let (cosine, weights, _) = open("matrix/cosine");
    let error = cosine.with_head_weights(weights, &pairs, &Streams::new(1)).unwrap_err().to_string();
    assert!(error.contains("no classes"), "{error}");
}

#[test]
fn tokens_outside_the_vocabulary_are_refused() {
    let (config, weights, _) = open("matrix/none");
    let network = architecture::build(&config, &weights).unwrap();
    let error = network.forward(&texts(&[vec![40]]), Pass::Evaluate, TapSelection::All).unwrap_err();
    assert!(error.to_string().contains("40"), "{error}");
}
