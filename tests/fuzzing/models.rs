//! Targets that read what a model's folder holds.

use std::fs;
use std::path::Path;

use alambic_models::architecture::{self, Batch};
use alambic_models::{
    Config, ModelError, ModelFolder, Pass, Precision, TapSelection, Tokenizer, load_recorded, write_weights,
};
use alambic_tensor::Streams;

use super::tables::zip;

/// A text encoder of some hundred weights.
const CONFIG: &str = r#"{"model_type": "bert", "architectures": ["BertForSequenceClassification"], "vocab_size": 12,
"hidden_size": 4, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 4, "hidden_act": "gelu",
"max_position_embeddings": 16, "type_vocab_size": 2, "pad_token_id": 0, "layer_norm_eps": 1e-12,
"id2label": {"0": "bad", "1": "good"}}"#;

fn said<T>(result: Result<T, ModelError>) -> Vec<String> {
    result.err().map(|error| error.to_string()).into_iter().collect()
}

/// The configuration.
pub(super) fn configuration(folder: &Path) {
    fs::write(folder.join("config.json"), CONFIG).unwrap();
}

/// The configuration and weights.
pub(super) fn weights(folder: &Path) {
    configuration(folder);
    let config = Config::open(&ModelFolder::open(folder).unwrap()).unwrap();
    write_weights(folder, &config.initial_weights(&Streams::new(1)).unwrap(), Precision::F32).unwrap();
}

/// The same with a shard in the place of the weights.
pub(super) fn shard(folder: &Path) {
    weights(folder);
    let shard = folder.join("model-00001-of-00001.safetensors");
    fs::rename(folder.join("model.safetensors"), shard).unwrap();
}

/// A sentence encoder.
pub(super) fn sentence_encoder(folder: &Path) {
    weights(folder);
    fs::write(folder.join("vocab.txt"), "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n##c\n").unwrap();
    fs::write(
        folder.join("modules.json"),
        r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
            {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]"#,
    )
    .unwrap();
    fs::create_dir(folder.join("1_Pooling")).unwrap();
    fs::write(
        folder.join("1_Pooling/config.json"),
        r#"{"word_embedding_dimension": 4, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": false}"#,
    )
    .unwrap();
}

/// The configuration of a model that reads images.
pub(super) fn image_reader(folder: &Path) {
    fs::write(folder.join("config.json"), include_str!("../../fuzz/corpus/config/vilt")).unwrap();
}

/// A configuration by itself.
pub(super) fn alone(folder: &Path) -> Vec<String> {
    said(ModelFolder::open(folder).and_then(|folder| {
        let config = Config::open(&folder)?;
        let _ = (config.outline().taps(), config.parameters());
        config.to_json()
    }))
}

/// Weights of the configuration under another name.
pub(super) fn weights_aside(folder: &Path) {
    weights(folder);
    fs::rename(folder.join("model.safetensors"), folder.join("aside.safetensors")).unwrap();
}

/// A configuration without weights and with those of [`CONFIG`].
pub(super) fn config(folder: &Path) -> Vec<String> {
    let alone = alone(folder);
    let (aside, beside) = (folder.join("aside.safetensors"), folder.join("model.safetensors"));
    fs::rename(&aside, &beside).unwrap();
    let with_weights = model(folder);
    fs::rename(&beside, &aside).unwrap();
    [alone, with_weights].concat()
}

pub(super) fn model(folder: &Path) -> Vec<String> {
    let headers = ModelFolder::open(folder).and_then(|folder| {
        let shapes = folder.weight_shapes()?;
        Config::open(&folder).map(|config| config.shape_mismatches(&shapes))
    });
    let whole = ModelFolder::open(folder).and_then(|folder| architecture::open(&folder));
    [said(headers), said(whole)].concat()
}

/// An archive of PyTorch in which the input is the pickle, beside 64 weights.
pub(super) fn pytorch_of(bytes: &[u8]) -> Vec<u8> {
    let weights: Vec<u8> = (0..64u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
    zip(&[("m/data.pkl", bytes), ("m/byteorder", b"little"), ("m/data/0", &weights), ("m/version", b"3\n")])
}

pub(super) fn tokenizer(folder: &Path) -> Vec<String> {
    let tokenizer = match Tokenizer::open(folder) {
        Ok(tokenizer) => tokenizer,
        Err(error) => return vec![error.to_string()],
    };
    let long = "ab ".repeat(2000);
    let mut refused = Vec::new();
    for text in ["", "a b ac, A\u{301}\u{200d}b 日本 अ\tx", &long] {
        refused.extend(said(tokenizer.encode_text(text, None)));
        refused.extend(said(tokenizer.encode_text("b a", Some(text))));
        refused.extend(said(tokenizer.encode_words(text)));
        match tokenizer.with_max_length(8) {
            Ok(short) => refused.extend(said(short.encode_text(text, Some("a b")))),
            Err(error) => refused.push(error.to_string()),
        }
    }
    refused.extend(said(tokenizer.decode(&[0, 5, 6, 7, 99])));
    refused.extend(said(tokenizer.check_rows(100)));
    refused
}

pub(super) fn trace(folder: &Path) -> Vec<String> {
    let file = folder.join("inputs.safetensors");
    let inputs = match load_recorded(&file) {
        Ok(inputs) => inputs,
        Err(error) => return vec![error.to_string()],
    };
    // The command puts the file before what the model says of its inputs.
    let of_inputs = |error: ModelError| format!("{}: {error}", file.display());
    let model = architecture::open(&ModelFolder::open(folder).unwrap()).unwrap();
    let read = architecture::with_attention_mask(inputs)
        .and_then(|inputs| Batch::from_tensors(&inputs))
        .and_then(|batch| model.forward(&batch, Pass::Evaluate, TapSelection::All));
    read.err().map(of_inputs).into_iter().collect()
}
