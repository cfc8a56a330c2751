//! Folders of sentence-transformers (version 6.2) that ask for what is not supported.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::path::Path;

use alambic_models::ModelFolder;
use alambic_models::text_encoder::Pooling;
use serde_json::{Value, json};

/// What is said of BERT of the parity tests as a folder of sentence-transformers, with other values under some keys of a file.
fn said_of_sentences(file: &str, keys: &Value) -> Option<String> {
    let bert = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity/bert/model");
    let copy = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        fs::copy(bert.join(name), copy.path().join(name)).unwrap();
    }
    let class = |class: &str| format!("sentence_transformers.models.{class}");
    let modules = json!([
        { "path": "", "type": class("Transformer") },
        { "path": "1_Pooling", "type": class("Pooling") },
        { "path": "2_Dense", "type": class("Dense") },
    ]);
    let width = ModelFolder::open(copy.path()).unwrap().json()["hidden_size"].clone();
    let usual = [
        ("modules.json", modules),
        ("1_Pooling/config.json", json!({ "embedding_dimension": width, "pooling_mode": "mean" })),
        ("2_Dense/config.json", json!({ "in_features": width, "out_features": 2, "bias": false })),
        ("sentence_bert_config.json", json!({ "max_seq_length": 8 })),
        ("config_sentence_transformers.json", json!({ "similarity_fn_name": "cosine" })),
    ];
    for (name, mut value) in usual {
        if name == file {
            match (&mut value, keys) {
                (Value::Object(own), Value::Object(more)) => own.extend(more.clone()),
                (own, other) => *own = other.clone(),
            }
        }
        let path = copy.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value.to_string()).unwrap();
    }
    Pooling::open(&ModelFolder::open(copy.path()).unwrap()).err().map(|error| error.to_string())
}

#[test]
fn options_of_sentence_transformers_that_are_not_followed_are_refused() {
    let (pooling, dense) = ("1_Pooling/config.json", "2_Dense/config.json");
    let (reading, model) = ("sentence_bert_config.json", "config_sentence_transformers.json");
    let text = |output: &str| json!({ "text": { "method": "forward", "method_output_name": output } });
    for (file, keys, fault) in [
        (pooling, json!({ "normalize": true }), "`normalize`"),
        (dense, json!({ "use_residual": true }), "`use_residual`"),
        (dense, json!({ "dropout": 0.1 }), "`dropout`"),
        (dense, json!({ "module_input_name": "token_embeddings" }), "`module_input_name`"),
        (reading, json!({ "transformer_task": "fill-mask" }), "`transformer_task`"),
        (reading, json!({ "module_output_name": "scores" }), "`module_output_name`"),
        (reading, json!({ "modality_config": text("pooler_output") }), "`modality_config`"),
        (reading, json!({ "config_args": { "num_hidden_layers": 1 } }), "`config_args`"),
        (reading, json!({ "query_expansion": { "strategy": "mask" } }), "`query_expansion`"),
        (model, json!({ "truncate_dim": 0 }), "`truncate_dim`"),
        (model, json!({ "truncate_dim": "all" }), "`truncate_dim`"),
        ("modules.json", json!([{ "path": "", "type": "custom_st.Transformer" }]), "`custom_st.Transformer`"),
    ] {
        let said = said_of_sentences(file, &keys).unwrap_or_else(|| panic!("{file}: {keys}"));
        assert!(said.contains(file) && said.contains(fault), "{keys}: {said}");
    }
    for (file, keys) in [
        (pooling, json!({ "include_prompt": true, "pooling_mode_cls_token": false })),
        (dense, json!({ "use_residual": false, "module_output_name": "sentence_embedding" })),
        (
            reading,
            json!({ "transformer_task": "feature-extraction", "unpad_inputs": true, "query_length": null }),
        ),
        (reading, json!({ "modality_config": text("last_hidden_state"), "model_args": {} })),
        (
            model,
            json!({ "truncate_dim": null, "default_prompt_name": null, "model_type": "SentenceTransformer" }),
        ),
    ] {
        assert_eq!(said_of_sentences(file, &keys), None, "{keys}");
    }
}
