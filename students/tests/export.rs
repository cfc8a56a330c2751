//! Models in other forms. That onnxruntime and transformers compute the same is shown by
//! `tests/python/onnxruntime_loads.py`, run by hand.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::bert::{Bert, TextInput};
use alambic_models::{ModelFolder, Pass, Precision, Tokens, Wanted};
use alambic_students::{Format, StudentError, export};
use alambic_tensor::candle::Tensor;
use alambic_tensor::parameters;

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

#[test]
fn an_encoder_decoder_has_a_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/epik/matra");
    let exported = export(&model, &[Format::HuggingFace], Precision::F16, folder.path()).unwrap();
    assert_eq!(exported[0].difference, 0.0, "its weights are in half precision as they come");
    let error = export(&model, &[Format::Onnx], Precision::F32, folder.path()).unwrap_err();
    assert!(matches!(error, StudentError::Size(_)) && error.to_string().contains("`hf`"));
}
