//! Models in other forms. That onnxruntime computes the same as transformers, or as Alambic where transformers has no such
//! model, is shown by `tests/python/onnxruntime_loads.py` and `onnxruntime_answers.py`, run by hand.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::bert::{Bert, TextInput};
use alambic_models::dual::{Dual, DualConfig};
use alambic_models::{Config, ModelFolder, Pass, Precision, TokenizerFiles, Tokens, Wanted};
use alambic_students::{Format, StudentError, export, ship};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{self, Weights};

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity").join(model)
}

fn logits(folder: &Path, inputs: &Path) -> Vec<f32> {
    let inputs = parameters::load(inputs).unwrap();
    let tokens = Tokens::from_tensors(&inputs["input_ids"], inputs.get("attention_mask")).unwrap();
    let network = Bert::open(&ModelFolder::open(folder).unwrap()).unwrap();
    let wanted = Wanted::named(["logits"]);
    let trace = network.trace(&TextInput::new(tokens), Pass::Evaluate, wanted).unwrap();
    trace.get("logits").map(|logits: &Tensor| logits.flatten_all().unwrap().to_vec1().unwrap()).unwrap()
}

#[test]
fn encoders_have_every_form() {
    for model in ["bert", "xlm-roberta", "distilbert"] {
        let folder = tempfile::tempdir().unwrap();
        let source = parity(model).join("model");
        let all = [Format::HuggingFace, Format::Onnx, Format::Int8];
        let exported = export(&source, &all, Precision::F32, folder.path()).unwrap();
        assert_eq!(exported.iter().map(|one| one.format).collect::<Vec<_>>(), all);
        assert!(exported.iter().all(|one| one.path.exists()));
        assert_eq!((exported[0].difference, exported[1].difference), (0.0, 0.0));
        // Half of a step of 1/127 of a row's largest weight.
        assert!(exported[2].difference > 0.0 && exported[2].difference < 0.5 / 127.0 + 1e-6);
        assert!(exported[2].bytes < exported[1].bytes / 2);
        let inputs = parity(model).join("inputs.safetensors");
        assert_eq!(logits(&folder.path().join("hf"), &inputs), logits(&source, &inputs));

        let halves = export(&source, &all[..2], Precision::F16, folder.path()).unwrap();
        assert!(halves.iter().all(|one| one.difference > 0.0 && one.difference < 1e-3));
        assert!(halves[1].bytes < exported[1].bytes * 3 / 5);
    }
}

#[test]
fn poolings_go_along() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    std::fs::create_dir_all(model.join("1_Pooling")).unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(parity("bert").join("model").join(name), model.join(name)).unwrap();
    }
    // Without its head it is a sentence encoder.
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    std::fs::write(model.join("config.json"), config.replace("BertForSequenceClassification", "BertModel"))
        .unwrap();
    let modules = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;
    std::fs::write(model.join("modules.json"), modules).unwrap();
    std::fs::write(model.join("1_Pooling/config.json"), r#"{"pooling_mode_mean_tokens": true}"#).unwrap();
    let formats = [Format::HuggingFace, Format::Onnx];
    let exported = export(&model, &formats, Precision::F32, &folder.path().join("out")).unwrap();
    let inputs = parameters::load(&parity("bert").join("inputs.safetensors")).unwrap();
    let embed = |folder: &Path| -> Vec<Vec<f32>> {
        let network = Bert::open(&ModelFolder::open(folder).unwrap()).unwrap();
        let tokens = Tokens::from_tensors(&inputs["input_ids"], inputs.get("attention_mask")).unwrap();
        let wanted = Wanted::named(["embedding"]);
        let trace = network.trace(&TextInput::new(tokens), Pass::Evaluate, wanted).unwrap();
        trace.get("embedding").unwrap().to_vec2().unwrap()
    };
    let embeddings = embed(&exported[0].path);
    assert_eq!(embeddings, embed(&model));
    for embedding in embeddings {
        assert!((embedding.iter().map(|value| value * value).sum::<f32>() - 1.0).abs() < 1e-5);
    }
}

/// What is done to a model before it is written.
type Change = fn(&mut DualConfig, &mut Weights);

/// The folder of a changed dual encoder of the tiny ViLT's sizes.
fn dual(folder: &Path, change: Change) -> PathBuf {
    let Config::Vilt(vilt) = Config::open(&ModelFolder::open(&parity("vilt/model")).unwrap()).unwrap() else {
        unreachable!("the folder is that of a ViLT")
    };
    let sizes = vilt.answering(&["yes", "no", "two"].map(str::to_owned));
    let mut config = DualConfig { text_layers: 2, image_layers: 1, sizes };
    let mut weights = Dual::initial_weights(&config, &Streams::new(1), &Weights::new()).unwrap();
    change(&mut config, &mut weights);
    let model = folder.join("model");
    std::fs::create_dir_all(&model).unwrap();
    ship(&model, &Config::Dual(config), &weights, &TokenizerFiles::default(), Precision::F32).unwrap();
    model
}

/// The files of a folder that end so.
fn files(folder: &Path, ending: &str) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.retain(|name| name.ends_with(ending));
    names.sort();
    names
}

#[test]
fn a_dual_encoder_is_two_towers_and_a_head() {
    let folder = tempfile::tempdir().unwrap();
    let model = dual(folder.path(), |_, _| {});
    let out = folder.path().join("out");
    let all = [Format::HuggingFace, Format::Onnx, Format::Int8];
    let exported = export(&model, &all, Precision::F32, &out).unwrap();
    let named = |exported: &[alambic_students::Exported]| -> Vec<String> {
        let names = exported.iter().map(|one| one.path.file_name().unwrap().to_string_lossy().into_owned());
        names.collect()
    };
    let names =
        ["text.onnx", "image.onnx", "head.onnx", "text.int8.onnx", "image.int8.onnx", "head.int8.onnx"];
    assert_eq!(named(&exported), [&["hf"][..], &names].concat());
    assert_eq!(files(&out, ".onnx").len(), 6);
    for (whole, small) in exported[1..4].iter().zip(&exported[4..]) {
        assert_eq!((whole.format, small.format), (Format::Onnx, Format::Int8));
        assert_eq!(whole.bytes, std::fs::metadata(&whole.path).unwrap().len());
        assert_eq!(whole.difference, 0.0);
        assert!(small.difference > 0.0 && small.difference < 0.5 / 127.0 + 1e-6);
        assert!(small.bytes < whole.bytes);
    }
    // Who runs the files finds the answers in the order of the logits here.
    let config = std::fs::read_to_string(out.join("config.json")).unwrap();
    assert!(config.contains("\"2\": \"two\""), "{config}");

    let halves = export(&model, &[Format::Onnx], Precision::F16, &out).unwrap();
    assert_eq!(named(&halves), names[..3]);
    assert!(halves.iter().all(|one| one.difference > 0.0 && one.difference < 1e-3));
}

#[test]
fn a_dual_encoder_that_cannot_be_a_graph_is_refused_before_a_file_is_written() {
    let cases: [(Change, &str); 5] = [
        (|config, _| config.sizes.hidden_act = "quick_gelu".into(), "`quick_gelu` has no form in ONNX"),
        (|config, _| config.sizes.num_attention_heads = 5, "heads"),
        (|config, _| config.sizes.image_size *= 2, "position_embeddings"),
        (|config, _| config.text_layers = 3, "text_layers is 3"),
        (
            |_, weights| {
                let other = Tensor::zeros((3, 3), DType::F32, &Device::Cpu).unwrap();
                weights.insert("image_model.pooler.dense.weight".into(), other);
            },
            "image_model.pooler.dense.weight",
        ),
    ];
    for (change, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        let model = dual(folder.path(), change);
        let out = folder.path().join("out");
        let error = export(&model, &[Format::Onnx], Precision::F32, &out).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(files(&out, ".onnx").is_empty());
    }
}

#[test]
fn other_architectures_have_a_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/epik/matra");
    let exported = export(&model, &[Format::HuggingFace], Precision::F16, folder.path()).unwrap();
    assert_eq!(exported[0].difference, 0.0, "its weights are in half precision as they come");
    for other in ["marian", "clip", "lxmert", "oscar/answers", "vilt", "visual-bert"] {
        for format in [Format::Onnx, Format::Int8] {
            let model = parity(other).join("model");
            let error = export(&model, &[format], Precision::F32, folder.path()).unwrap_err();
            assert!(matches!(error, StudentError::Size(_)) && error.to_string().contains("`hf`"), "{error}");
        }
    }
    assert!(files(folder.path(), ".onnx").is_empty());
}
