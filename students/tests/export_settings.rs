//! Settings of a folder that an export keeps: of tokenizers, of sentence-transformers, of generation.

use std::path::Path;

use crate::common::readable;
use alambic_models::{Config, ModelFolder, Precision, TokenizerFiles, write_weights};
use alambic_students::{ExportFormat, export, save_pretrained};
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::Weights;

#[test]
fn activation_of_pairs_is_kept_from_either_file_of_sentence_transformers() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    let identity = "torch.nn.modules.linear.Identity";
    let written = || {
        let out = tempfile::tempdir().unwrap();
        export(&model, &[ExportFormat::HuggingFace, ExportFormat::Onnx], Precision::F32, out.path()).unwrap();
        [out.path().to_owned(), out.path().join("hf")].map(|folder| {
            let config = ModelFolder::open(&folder).unwrap().json().clone();
            config["sentence_transformers"]["activation_fn"].as_str().map(str::to_owned)
        })
    };
    assert_eq!(written(), [None, None]);
    let file = model.join("config_sentence_transformers.json");
    std::fs::write(&file, format!("{{\"activation_fn\": \"{identity}\", \"prompts\": {{}}}}")).unwrap();
    assert_eq!(written(), [Some(identity.to_owned()), Some(identity.to_owned())]);
    // Of two the one of version 6 counts there, too.
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    let older = "{\n\"sentence_transformers\": {\"activation_fn\": \"torch.nn.modules.activation.Sigmoid\"},";
    std::fs::write(model.join("config.json"), config.replacen('{', older, 1)).unwrap();
    assert_eq!(written(), [Some(identity.to_owned()), Some(identity.to_owned())]);
}

#[test]
fn settings_of_generation_are_those_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("marian", folder.path());
    let own = serde_json::json!({ "num_beams": 6, "bad_words_ids": [[3]], "max_length": 9 });
    std::fs::write(model.join("generation_config.json"), own.to_string()).unwrap();
    let out = folder.path().join("out");
    export(&model, &[ExportFormat::HuggingFace, ExportFormat::Onnx], Precision::F32, &out).unwrap();
    for place in [out.clone(), out.join("hf")] {
        let text = std::fs::read_to_string(place.join("generation_config.json")).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), own);
    }
}

#[test]
fn tokenizer_of_an_export_truncates_and_pads_as_texts_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    let path = model.join("tokenizer.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut json: serde_json::Value = serde_json::from_str(&text).unwrap();
    json["truncation"] = serde_json::json!({
        "direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0
    });
    json["padding"] = serde_json::json!({
        "strategy": { "Fixed": 4 }, "direction": "Right", "pad_to_multiple_of": null,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"
    });
    std::fs::write(&path, json.to_string()).unwrap();
    let positions = Config::open(&ModelFolder::open(&model).unwrap()).unwrap().max_length();
    let out = folder.path().join("out");
    export(&model, &[ExportFormat::HuggingFace, ExportFormat::Onnx], Precision::F32, &out).unwrap();
    for place in [out.clone(), out.join("hf")] {
        let text = std::fs::read_to_string(place.join("tokenizer.json")).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["padding"]["strategy"], "BatchLongest");
        assert_eq!(json["truncation"]["max_length"], positions.min(16));
    }
}

#[test]
fn a_tokenizer_that_is_missing_or_damaged_is_not_shipped() {
    for (file, content, expected) in [
        ("tokenizer.json", None, "tokenizer.json"),
        ("tokenizer.json", Some("{\"model\": "), "line 1"),
        ("tokenizer.json", Some("{}"), "no `model`"),
        ("tokenizer_config.json", Some("{\n  \"model_max_length\": }"), "line 2"),
        ("tokenizer_config.json", Some("version https://git-lfs.github.com/spec/v1\n"), "Git LFS"),
        ("tokenizer_config.json", Some("{\"model_max_length\": \"8\"}"), "`model_max_length`"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model = readable("bert", folder.path());
        match content {
            Some(content) => std::fs::write(model.join(file), content).unwrap(),
            None => std::fs::remove_file(model.join(file)).unwrap(),
        }
        let out = folder.path().join("out");
        let error =
            export(&model, &[ExportFormat::HuggingFace], Precision::F32, &out).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("model"), "{file}: {error}");
        assert!(!out.exists());
        // What a run ships goes the same way.
        let config = Config::open(&ModelFolder::open(&model).unwrap()).unwrap();
        let weights = config.weights(&ModelFolder::open(&model).unwrap()).unwrap();
        let files = TokenizerFiles::read(&model).unwrap();
        let shipped = folder.path().join("shipped");
        let error =
            save_pretrained(&shipped, &config, &weights, &files, Precision::F32).unwrap_err().to_string();
        assert!(error.contains(expected), "{file}: {error}");
    }
}

#[test]
fn reading_options_of_a_folder_survive() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    std::fs::write(model.join("config.json"), config.replace("BertForSequenceClassification", "BertModel"))
        .unwrap();
    let width = Config::open(&ModelFolder::open(&model).unwrap()).unwrap().text_encoder().unwrap().width;
    let write = |name: &str, text: &str| {
        let path = model.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "modules.json",
        r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
            {"path": "2_Dense", "type": "sentence_transformers.models.Dense"},
            {"path": "3_Normalize", "type": "sentence_transformers.models.Normalize"}]"#,
    );
    write("1_Pooling/config.json", r#"{"pooling_mode": ["max", "cls"], "include_prompt": false}"#);
    write(
        "2_Dense/config.json",
        &format!(
            r#"{{"in_features": {}, "out_features": 3, "bias": false, "activation_function": "torch.nn.modules.activation.Tanh"}}"#,
            2 * width
        ),
    );
    let matrix: Vec<f32> = (0..6 * width).map(|number| (number % 7) as f32 / 7.0 - 0.4).collect();
    let matrix = Tensor::from_vec(matrix, (3, 2 * width), &Device::Cpu).unwrap();
    let dense: Weights = [("linear.weight".to_owned(), matrix)].into_iter().collect();
    write_weights(&model.join("2_Dense"), &dense, Precision::F32).unwrap();
    write("sentence_bert_config.json", r#"{"max_seq_length": 6, "do_lower_case": true}"#);
    write(
        "config_sentence_transformers.json",
        r#"{"prompts": {"query": "a good "}, "default_prompt_name": "query", "similarity_fn_name": "dot"}"#,
    );
    write("tokenizer_config.json", r#"{"tokenizer_class": "BertTokenizer", "truncation_side": "left"}"#);
    let out = folder.path().join("out");
    let exported = export(&model, &[ExportFormat::HuggingFace], Precision::F32, &out).unwrap();
    let read = |folder: &Path| {
        let tokenizer = ModelFolder::open(folder).unwrap().tokenizer().unwrap();
        let reader = alambic_inference::EncoderPipeline::load(folder).unwrap();
        let rows =
            reader.text_rows(&[("Film a good film a good", None), ("film", None)], "embedding").unwrap();
        (tokenizer.encoding_options().clone(), tokenizer.prompt_length().unwrap(), rows)
    };
    let (reading, prompt, rows) = read(&exported[0].path);
    assert_eq!(
        (reading.max_length, reading.truncates_start, reading.prompt.as_deref()),
        (Some(6), true, Some("a good "))
    );
    assert_eq!((prompt, rows[0].len()), (3, 3));
    assert_eq!(read(&model), (reading, prompt, rows));
    for (file, expected) in [
        ("config_sentence_transformers.json", "\"dot\""),
        ("sentence_bert_config.json", "\"do_lower_case\": true"),
        ("1_Pooling/config.json", "\"include_prompt\": false"),
        ("2_Dense/config.json", "activation.Tanh"),
    ] {
        let text = std::fs::read_to_string(exported[0].path.join(file)).unwrap();
        assert!(text.contains(expected), "{file}: {text}");
    }
}
