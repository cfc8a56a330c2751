//! Weights in every form in which published folders hold them.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::ModelFolder;
use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters::{Weights, load, save};
use serde_json::json;

fn tests(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(path)
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_same(found: &Weights, expected: &Weights) {
    assert_eq!(found.len(), expected.len());
    for (name, tensor) in expected {
        assert_eq!(values(&found[name]), values(tensor), "{name}");
    }
}

/// The folder of BERT's parity test with its weights in two files.
fn sharded(folder: &Path) -> (Weights, PathBuf) {
    let whole = load(&tests("parity/bert/model/model.safetensors")).unwrap();
    std::fs::copy(tests("parity/bert/model/config.json"), folder.join("config.json")).unwrap();
    let mut map = serde_json::Map::new();
    for (part, name) in
        ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"].iter().enumerate()
    {
        let tensors: Weights = whole
            .iter()
            .enumerate()
            .filter(|(index, _)| index % 2 == part)
            .map(|(_, (name, tensor))| (name.clone(), tensor.clone()))
            .collect();
        save(&tensors, &[], &folder.join(name)).unwrap();
        map.extend(tensors.keys().map(|tensor| (tensor.clone(), json!(name))));
    }
    let index = folder.join("model.safetensors.index.json");
    std::fs::write(&index, json!({ "metadata": {}, "weight_map": map }).to_string()).unwrap();
    (whole, index)
}

#[test]
fn shards_make_a_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (whole, index) = sharded(folder.path());
    let model = ModelFolder::open(folder.path()).unwrap();
    assert_same(&model.weights().unwrap(), &whole);
    assert_eq!(model.weight_shapes().unwrap().len(), whole.len());
    assert_eq!(model.weight_files().unwrap().len(), 2);
    TextEncoder::open(&model).unwrap();

    std::fs::remove_file(folder.path().join("model-00002-of-00002.safetensors")).unwrap();
    let said = model.weights().unwrap_err().to_string();
    assert!(said.contains("`model-00002-of-00002.safetensors` is missing"), "{said}");
    std::fs::write(&index, r#"{"weight_map": {"a": "../elsewhere.safetensors"}}"#).unwrap();
    assert!(model.weights().unwrap_err().to_string().contains("no name of a file in this folder"));
    std::fs::write(&index, "[]").unwrap();
    assert!(model.weights().unwrap_err().to_string().contains("model.safetensors.index.json"));
    std::fs::remove_file(&index).unwrap();
    assert!(model.weights().unwrap_err().to_string().contains("needs its weights there"));
}

#[test]
fn pytorch_files_with_old_names_are_read() {
    let folder = ModelFolder::open(&tests("pickle")).unwrap();
    let config = TextEncoderConfig::open(&folder).unwrap();
    let (weights, missing) = config.adopt(&folder.weights().unwrap());
    assert_eq!(missing, Vec::<String>::new());
    assert_same(&weights, &load(&tests("pickle/expected.safetensors")).unwrap());
    let shapes = folder.weight_shapes().unwrap();
    assert_eq!(shapes["bert.embeddings.LayerNorm.gamma"], [8]);
}

#[test]
fn other_files_than_pytorch_are_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(tests("pickle/config.json"), folder.path().join("config.json")).unwrap();
    std::fs::write(folder.path().join("pytorch_model.bin"), "nonsense").unwrap();
    let said = ModelFolder::open(folder.path()).unwrap().weights().unwrap_err().to_string();
    assert!(said.contains("pytorch_model.bin") && said.contains("safetensors"), "{said}");
}

#[test]
fn configurations_survive_writing_and_reading() {
    for path in ["parity/bert/model", "parity/xlm-roberta/model", "parity/distilbert/model", "pickle"] {
        let config = TextEncoderConfig::open(&ModelFolder::open(&tests(path)).unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_json().to_string()).unwrap();
        assert_eq!(
            TextEncoderConfig::open(&ModelFolder::open(folder.path()).unwrap()).unwrap(),
            config,
            "{path}"
        );
    }
}

#[test]
fn configurations_that_cannot_be_built_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(tests("pickle/config.json")).unwrap();
    let said = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
        change(&mut json);
        std::fs::write(folder.path().join("config.json"), json.to_string()).unwrap();
        TextEncoderConfig::open(&ModelFolder::open(folder.path()).unwrap()).unwrap_err().to_string()
    };
    assert!(said(&|json| json["model_type"] = "t5".into()).contains("`t5`"));
    assert!(
        said(&|json| json["architectures"] = json!(["BertForNextSentencePrediction"]))
            .contains("NextSentence")
    );
    assert!(said(&|json| json["hidden_size"] = "eight".into()).contains("config.json"));
    assert!(said(&|json| json["position_embedding_type"] = "relative_key".into()).contains("relative_key"));
    assert!(said(&|json| json["id2label"] = json!({"0": "no", "2": "yes"})).contains("id2label"));
}

#[test]
fn other_folders_than_a_model_are_named_in_the_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let said = |name: &str| ModelFolder::open(&path(name)).unwrap_err().to_string();
    std::fs::write(path("file"), "{}").unwrap();
    for name in ["empty", "run/student", "config/config.json"] {
        std::fs::create_dir_all(path(name)).unwrap();
    }
    std::fs::write(path("run/student/config.json"), "{}").unwrap();
    for (name, message) in [
        ("file", "this is a file"),
        ("none", "there is no such folder"),
        ("empty", "empty/config.json: there is no such file"),
        ("run", "that have one: `student`"),
        ("config", "config.json: this is a folder"),
    ] {
        let said = said(name);
        assert!(said.contains(message) && said.contains(&*path(name).to_string_lossy()), "{said}");
    }
}
