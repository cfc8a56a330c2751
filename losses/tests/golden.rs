//! Values and gradients of the layer-wise terms against what PyTorch computed in double precision
//! (`golden/make.py`), of those of UNIMO's pre-training likewise (`golden/unimo.py`), and of those of LXMERT's against transformers (`golden/lxmert.py`): for each tensor the largest absolute difference over the largest absolute value is at most 1e-5.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;

use alambic_losses::recorded::{evaluate, parse};
use alambic_settings::{AddedKinds, Kind};
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{Weights, load};
use serde_json::Value;

const TOLERANCE: f64 = 1e-5;

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest absolute difference over the largest absolute value expected.
fn relative_difference(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    let differences = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs());
    // What has no gradient has none of either.
    differences.fold(0.0, f64::max) / if largest > 0.0 { largest } else { 1.0 }
}

/// The cases of a folder.
fn cases(folder: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(folder.join("cases.json")).unwrap()).unwrap()
}

#[test]
fn values_and_gradients_agree_with_pytorch() {
    agree(&golden(""));
}

#[test]
fn values_and_gradients_of_pretraining_agree_with_transformers() {
    agree(&golden("lxmert"));
}

#[test]
fn values_and_gradients_of_unimo_agree_with_pytorch() {
    agree(&golden("unimo"));
}

/// Compares all cases of a folder with what is expected.
fn agree(folder: &Path) {
    let cases = cases(folder);
    let expected = load(&folder.join("expected.safetensors")).unwrap();
    let mut compared = 0;
    for case in cases.as_array().unwrap() {
        let text = |key: &str| case[key].as_str().unwrap();
        let options: Vec<String> =
            case["options"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect();
        let loss = parse(text("loss"), &options, &AddedKinds::default()).unwrap().unwrap();
        let [student, teacher] = ["student", "teacher"]
            .map(|side| load(&folder.join(format!("{}.safetensors", text(side)))).unwrap());
        let found = evaluate(&loss, &student, &teacher).unwrap();
        let name = text("name");
        for (key, expected) in &expected {
            let Some(tap) = key.strip_prefix(&format!("{name}/")) else { continue };
            let (found, expected) = match tap {
                "value" => (vec![found.value], values(expected)),
                tap => (values(&found.gradients[tap]), values(expected)),
            };
            let difference = relative_difference(&found, &expected);
            assert!(difference <= TOLERANCE, "{name}: {tap} differs by {difference:e}");
            compared += 1;
        }
        assert!(found.gradients.keys().all(|tap| expected.contains_key(&format!("{name}/{tap}"))), "{name}");
    }
    assert_eq!(compared, expected.len());
}

#[test]
fn every_term_but_those_of_sequences_is_among_the_cases() {
    let cases = ["", "lxmert", "unimo"].map(|folder| cases(&golden(folder)));
    let all = cases.iter().flat_map(|cases| cases.as_array().unwrap());
    let known: Vec<&str> = all.map(|case| case["loss"].as_str().unwrap()).collect();
    // The distances of `label-prior` are given to it after it is bound, which its own tests do, and `caption-words` has values of PyTorch
    // in its own; those of image tokenizers are counted by hand beside them.
    let elsewhere = [
        "squared-error",
        "sequence",
        "word-level",
        "encoder-match",
        "label-prior",
        "caption-words",
        "image-reconstruction",
        "commitment",
        "codebook",
        "uniform-prior",
    ];
    for (name, _) in alambic_losses::Loss::list() {
        assert!(known.contains(&name) || elsewhere.contains(&name), "`{name}` has no golden value");
    }
}

#[test]
fn squared_error_is_that_of_the_numbers() {
    let tensor =
        |values: &[f32], shape: &[usize]| Tensor::from_vec(values.to_vec(), shape, &Device::Cpu).unwrap();
    let student: Weights = [
        ("logits".to_owned(), tensor(&[1.0, 2.0, 4.0], &[3, 1])),
        ("labels".to_owned(), tensor(&[1.5, 2.0, 2.0], &[3])),
    ]
    .into();
    let loss = parse("squared-error", &[], &AddedKinds::default()).unwrap().unwrap();
    let found = evaluate(&loss, &student, &Weights::new()).unwrap();
    assert!((found.value - 4.25 / 3.0).abs() < 1e-6);
    assert!(relative_difference(&values(&found.gradients["logits"]), &[-1.0 / 3.0, 0.0, 4.0 / 3.0]) < 1e-6);
}

#[test]
fn incompatible_models_are_refused() {
    let student = load(&golden("student.safetensors")).unwrap();
    let teacher = load(&golden("teacher.safetensors")).unwrap();
    let said = |name: &str, options: &[&str], student: &Weights| {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        evaluate(&parse(name, &options, &AddedKinds::default()).unwrap().unwrap(), student, &teacher)
            .unwrap_err()
            .to_string()
    };
    let without = |tensor: &str| {
        let mut fewer = student.clone();
        fewer.shift_remove(tensor).unwrap();
        fewer
    };
    for (name, options, expected) in [
        ("hidden", &["projection=\"none\""][..], "width 6 and 12"),
        ("hidden", &["map=[[3, 4]]"], "layer 3 with layer 4"),
        ("hidden", &["stream=\"speech\""], "no stream `speech`"),
        ("cross-attention", &["heads=3", "map=[[0, 0]]"], "layer 0"),
        ("cross-attention", &["heads=3", "parts=[]"], "`parts` is empty"),
        ("attention", &["map=[[0, 1]]"], "layer 0"),
        ("relations", &["heads=5"], "does not divide into 5"),
        ("patient", &[], "width 6 and 12"),
        ("relational-distance", &["features=\"embedding\""], "no tap `embedding`"),
        ("squared-error", &[], "3 logits"),
        ("logits", &["temperature={ linear = { start = 8, end = 1 } }"], "`temperature` is 8 → 1 (linear)"),
    ] {
        let said = said(name, options, &student);
        assert!(said.contains(expected), "{name}: {said}");
    }
    assert!(said("hidden", &[], &without("hidden.projection.weight")).contains("[12, 6]"));
    assert!(said("decoupled", &[], &without("labels")).contains("labels"));
    let mut other = student.clone();
    let mask = Tensor::ones(&[4, 5], DType::I64, &Device::Cpu).unwrap();
    other.insert("attention_mask".into(), mask);
    assert!(said("hidden", &[], &other).contains("read different tokens"));
    assert!(
        parse("hidden", &["wieght=1".to_owned()], &AddedKinds::default())
            .unwrap_err()
            .to_string()
            .contains("weight")
    );
    assert!(parse("hiden", &[], &AddedKinds::default()).unwrap().is_none());
}
