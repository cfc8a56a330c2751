//! Folders as strangers publish them: other types, other names, heads of their own, and what is no model at all.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::fs;
use std::time::{Duration, Instant};

use crate::changed::{Changed, parity};
use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig};
use alambic_models::{Config, ModelFolder, Pass, Precision, TapSelection, write_weights};
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{self, Weights, load, save};
use serde_json::{Value, json};

fn logits(folder: &ModelFolder, model: &str) -> Vec<f32> {
    let inputs = load(&parity(model).join("inputs.safetensors")).unwrap();
    let network = architecture::open(folder).unwrap();
    let batch = Batch::from_tensors(&inputs).unwrap();
    let wanted = TapSelection::named(["logits"]).with_padding();
    let trace = network.forward(&batch, Pass::Evaluate, wanted).unwrap();
    trace.get("logits").unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

/// Bytes of a safetensors file with a further tensor of a type that candle knows nothing of.
fn with_foreign(weights: &Weights, name: &str, dtype: &str) -> Vec<u8> {
    let bytes = parameters::to_bytes(weights, &[]).unwrap();
    let (length, rest) = bytes.split_at(8);
    let (head, data) = rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
    let mut head: serde_json::Map<String, Value> = serde_json::from_slice(head).unwrap();
    head.insert(
        name.into(),
        json!({ "dtype": dtype, "shape": [3], "data_offsets": [data.len(), data.len() + 3] }),
    );
    let head = serde_json::to_vec(&head).unwrap();
    [&(head.len() as u64).to_le_bytes()[..], &head, data, &[1, 0, 1]].concat()
}

const MODELS: [&str; 5] = ["bert", "distilbert", "xlm-roberta", "marian", "clip"];

#[test]
fn prefixes_of_wrappers_change_nothing() {
    for model in MODELS {
        let plain = logits(&Changed::of(model).write(), model);
        for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "model."] {
            let mut copy = Changed::of(model);
            copy.rename(|name| format!("{prefix}{name}"));
            let folder = copy.write();
            assert_eq!(logits(&folder, model), plain, "{model} {prefix}");
            let found = folder.weight_shapes().unwrap();
            assert_eq!(
                Config::open(&folder).unwrap().shape_mismatches(&found),
                Vec::<String>::new(),
                "{model} {prefix}"
            );
        }
    }
}

#[test]
fn two_tensors_of_one_name_are_refused() {
    let mut copy = Changed::of("bert");
    let (name, tensor) = copy.weights.first().map(|(name, tensor)| (name.clone(), tensor.clone())).unwrap();
    copy.weights.insert(format!("module.{name}"), tensor);
    let said = copy.said();
    assert!(said.contains("model.safetensors") && said.contains(&name), "{said}");
}

#[test]
fn tensors_that_nobody_needs_are_not_read() {
    let plain = logits(&Changed::of("bert").write(), "bert");
    for dtype in ["BOOL", "I8", "U8", "F8_E4M3"] {
        let copy = Changed::of("bert");
        copy.write_config();
        fs::write(copy.path("model.safetensors"), with_foreign(&copy.weights, "nobody", dtype)).unwrap();
        let folder = ModelFolder::open(copy.folder.path()).unwrap();
        assert_eq!(logits(&folder, "bert"), plain, "{dtype}");
        assert!(folder.weight_shapes().unwrap().contains_key("nobody"));
        assert!(!folder.weights().unwrap().contains_key("nobody"));
    }
    // Nor is one looked at that is of numbers, and has none.
    let mut copy = Changed::of("bert");
    copy.weights.insert("nobody".into(), Tensor::new(&[f32::NAN], &Device::Cpu).unwrap());
    assert_eq!(logits(&copy.write(), "bert"), plain);
}

#[test]
fn weights_that_are_no_numbers_are_refused_by_name() {
    for (model, name) in [
        ("bert", "bert.encoder.layer.0.output.dense.weight"),
        ("marian", "model.decoder.layers.0.fc1.bias"),
        ("clip", "visual_projection.weight"),
    ] {
        for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut copy = Changed::of(model);
            let tensor = &copy.weights[name];
            let mut values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
            *values.last_mut().unwrap() = number;
            let tensor = Tensor::from_vec(values, tensor.shape(), &Device::Cpu).unwrap();
            copy.weights.insert(name.into(), tensor);
            let said = copy.said();
            assert!(said.contains("model.safetensors") && said.contains(name), "{said}");
        }
        let mut copy = Changed::of(model);
        let whole = copy.weights[name].to_dtype(DType::I64).unwrap();
        copy.weights.insert(name.into(), whole);
        let said = copy.said();
        assert!(said.contains("model.safetensors") && said.contains(name) && said.contains("I64"), "{said}");
    }
}

#[test]
fn numbers_of_16_and_64_bits_are_those_of_32() {
    for dtype in [DType::F64, DType::F16, DType::BF16] {
        let mut copy = Changed::of("bert");
        for tensor in copy.weights.values_mut() {
            *tensor = tensor.to_dtype(dtype).unwrap();
        }
        let read = copy.write().weights().unwrap();
        for (name, tensor) in &copy.weights {
            let expected: Vec<f32> =
                tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
            assert_eq!(read[name].flatten_all().unwrap().to_vec1::<f32>().unwrap(), expected, "{name}");
        }
    }
}

#[test]
fn more_layers_than_the_weights_have_are_refused_at_once() {
    let keys: [(&str, &[&str]); 9] = [
        ("bert", &["num_hidden_layers"]),
        ("distilbert", &["n_layers"]),
        ("xlm-roberta", &["num_hidden_layers"]),
        ("marian", &["encoder_layers", "decoder_layers"]),
        ("clip", &["text_config/num_hidden_layers", "vision_config/num_hidden_layers"]),
        ("lxmert", &["l_layers", "x_layers", "r_layers"]),
        ("vilt", &["num_hidden_layers"]),
        ("visual-bert", &["num_hidden_layers"]),
        ("oscar/pretraining", &["num_hidden_layers"]),
    ];
    for (model, key) in keys.iter().flat_map(|(model, keys)| keys.iter().map(move |key| (*model, *key))) {
        for layers in [3, 1_000_000_000] {
            let mut copy = Changed::of(model);
            *copy.json.pointer_mut(&format!("/{key}")).unwrap() = json!(layers);
            let start = Instant::now();
            let said = copy.said();
            assert!(start.elapsed() < Duration::from_secs(2), "{model} {key}");
            let expected = key.rsplit('/').next().unwrap();
            assert!(
                said.contains("config.json") && said.contains(expected) && said.contains(" layer"),
                "{model}: {said}"
            );
        }
    }
}

#[test]
fn fewer_layers_than_the_weights_have_are_read_as_transformers_does() {
    let mut copy = Changed::of("bert");
    copy.json["num_hidden_layers"] = json!(1);
    let cut = logits(&copy.write(), "bert");
    let mut other = Changed::of("bert");
    other.weights.retain(|name, _| !name.contains("layer.1."));
    other.json["num_hidden_layers"] = json!(1);
    assert_eq!(cut, logits(&other.write(), "bert"));
}

#[test]
fn sizes_that_no_model_has_are_refused_at_once() {
    for (model, key, size) in [
        ("bert", "vocab_size", json!(1_000_000_000)),
        ("bert", "max_position_embeddings", json!(1u64 << 62)),
        ("bert", "hidden_size", json!(u64::MAX)),
        ("bert", "hidden_size", json!(0)),
        ("bert", "num_attention_heads", json!(0)),
        ("bert", "num_hidden_layers", json!(-1)),
        ("bert", "num_hidden_layers", json!("2")),
        ("bert", "num_hidden_layers", json!(2.5)),
        ("bert", "layer_norm_eps", json!(-1.0)),
        ("marian", "max_position_embeddings", json!(2_000_000_000)),
        ("marian", "d_model", json!(1u64 << 40)),
        ("vilt", "patch_size", json!(1u64 << 33)),
        ("vilt", "image_size", json!(1u64 << 30)),
        ("lxmert", "visual_feat_dim", json!(1u64 << 50)),
    ] {
        let mut copy = Changed::of(model);
        copy.json[key] = size.clone();
        // Marian's positions need no table.
        copy.weights.shift_remove("model.encoder.embed_positions.weight");
        let start = Instant::now();
        let said = copy.said();
        assert!(start.elapsed() < Duration::from_secs(2), "{model} {key}");
        let named = said.contains(key) || said.contains("model.safetensors");
        assert!(
            named && said.contains(&*copy.folder.path().to_string_lossy()),
            "{model} {key} {size}: {said}"
        );
    }
    let mut copy = Changed::of("bert");
    copy.json.as_object_mut().unwrap().remove("id2label");
    copy.json["num_labels"] = json!(1u64 << 50);
    assert!(copy.said().contains("num_labels"));
}

#[test]
fn configurations_that_compute_otherwise_are_refused() {
    for (key, value) in [
        ("is_decoder", json!(true)),
        ("add_cross_attention", json!(true)),
        ("position_embedding_type", json!("relative_key_query")),
        ("pruned_heads", json!({ "0": [1] })),
        ("quantization_config", json!({ "quant_method": "gptq" })),
        ("hidden_act", json!("gelu_10")),
    ] {
        let mut copy = Changed::of("bert");
        copy.json[key] = value.clone();
        let said = copy.said();
        let expected = if key == "hidden_act" { "gelu_10" } else { key };
        assert!(said.contains("config.json") && said.contains(expected), "{said}");
    }
    for (key, value) in [
        ("is_decoder", json!(false)),
        ("position_embedding_type", Value::Null),
        ("pruned_heads", json!({})),
        ("chunk_size_feed_forward", json!(4)),
    ] {
        let mut copy = Changed::of("bert");
        copy.json[key] = value;
        architecture::open(&copy.write()).unwrap();
    }
}

#[test]
fn values_that_would_be_taken_for_missing_ones_are_refused() {
    for (model, key, value) in [
        ("bert", "problem_type", json!("multi_label")),
        ("bert", "problem_type", json!("Regression")),
        ("bert", "problem_type", json!(1)),
        ("distilbert", "problem_type", json!("ranking")),
        ("vilt", "problem_type", json!("ranking")),
        ("bert", "is_decoder", json!("true")),
        ("bert", "tie_word_embeddings", json!("false")),
        ("bert", "architectures", json!("BertForSequenceClassification")),
        ("bert", "position_embedding_type", json!(1)),
        ("bert", "id2label", json!(["a", "b", "c"])),
        ("clip", "text_config_dict", json!({ "position_embedding_type": "relative_key" })),
    ] {
        let mut copy = Changed::of(model);
        copy.json[key] = value.clone();
        let said = copy.said();
        let expected = if key == "text_config_dict" { "position_embedding_type" } else { key };
        assert!(said.contains("config.json") && said.contains(expected), "{model} {key} {value}: {said}");
        if key == "problem_type" {
            let known = ["regression", "single_label_classification", "multi_label_classification"];
            assert!(known.iter().all(|name| said.contains(name)), "{said}");
        }
    }
    let mut copy = Changed::of("bert");
    copy.json.as_object_mut().unwrap().remove("id2label");
    copy.json["num_labels"] = json!("3");
    assert!(copy.said().contains("`num_labels`"));
    for known in [Value::Null, json!("single_label_classification"), json!("multi_label_classification")] {
        let mut copy = Changed::of("bert");
        copy.json["problem_type"] = known;
        architecture::open(&copy.write()).unwrap();
    }
}

#[test]
fn head_declared_untied_gets_no_other_matrix() {
    let mut copy = Changed::of("marian");
    copy.json["tie_word_embeddings"] = json!(false);
    copy.weights.retain(|name, _| !name.ends_with("lm_head.weight"));
    let said = copy.said();
    assert!(said.contains("lm_head.weight") && said.contains("tie_word_embeddings"), "{said}");
    let table = copy.weights["model.shared.weight"].clone();
    copy.weights.insert("lm_head.weight".into(), table);
    architecture::open(&copy.write()).unwrap();
}

/// What is said of the tensors of a folder that are not read.
fn unread(folder: &ModelFolder) -> Option<String> {
    Config::open(folder).unwrap().unused_tensors(folder).unwrap()
}

#[test]
fn tensors_without_a_place_are_named() {
    let models = ["bert", "distilbert", "xlm-roberta", "marian", "clip", "lxmert", "vilt", "visual-bert"];
    for model in models.into_iter().chain(["oscar/answers", "oscar/pretraining"]) {
        assert_eq!(unread(&Changed::of(model).write()), None, "{model}");
    }
    for (model, key) in [
        ("bert", "num_hidden_layers"),
        ("distilbert", "n_layers"),
        ("marian", "decoder_layers"),
        ("clip", "vision_config/num_hidden_layers"),
        ("lxmert", "x_layers"),
        ("vilt", "num_hidden_layers"),
        ("visual-bert", "num_hidden_layers"),
        ("oscar/answers", "num_hidden_layers"),
    ] {
        let mut copy = Changed::of(model);
        *copy.json.pointer_mut(&format!("/{key}")).unwrap() = json!(1);
        let said = unread(&copy.write()).unwrap();
        let key = key.replace('/', ".");
        assert!(said.contains(&format!("{key} is 1, and the weights have 2 layers")), "{said}");
        assert!(said.contains("model.safetensors") && said.contains("more") && said.len() < 500, "{said}");
    }
    // Those of a kind of positions that is not computed, of an adapter, and a table that the configuration leaves out.
    for name in ["encoder.layer.0.attention.self.distance_embedding.weight", "encoder.layer.1.lora_A.weight"]
    {
        let mut copy = Changed::of("bert");
        let tensor = copy.weights["classifier.bias"].clone();
        copy.weights.insert(format!("bert.{name}"), tensor);
        assert!(unread(&copy.write()).unwrap().contains(&format!("`bert.{name}`")));
    }
    // Heads and buffers that no model of this architecture needs are no news.
    let mut copy = Changed::of("bert");
    let tensor = copy.weights["classifier.bias"].clone();
    for name in ["cls.predictions.bias", "bert.embeddings.position_ids", "cls.seq_relationship.bias"] {
        copy.weights.insert(name.into(), tensor.clone());
    }
    assert_eq!(unread(&copy.write()), None);
    copy.json["architectures"] = json!(["BertModel"]);
    assert_eq!(unread(&copy.write()), None);
}

#[test]
fn activations_of_one_formula_have_several_names() {
    let answer = |name: &str| {
        let mut copy = Changed::of("bert");
        copy.json["hidden_act"] = json!(name);
        logits(&copy.write(), "bert")
    };
    assert_eq!(answer("gelu_python"), answer("gelu"));
    for name in ["gelu_fast", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate"] {
        assert_eq!(answer(name), answer("gelu_new"), "{name}");
    }
    assert_ne!(answer("linear"), answer("gelu"));
}

/// BERT of the parity tests with a head over the vocabulary, whose matrix, if there is one, is a multiple of the words'.
fn masked(times: Option<f64>) -> Changed {
    let mut copy = Changed::of("bert");
    copy.json["architectures"] = json!(["BertForMaskedLM"]);
    let width = copy.json["hidden_size"].as_u64().unwrap() as usize;
    let words = copy.weights["bert.embeddings.word_embeddings.weight"].clone();
    let vocabulary = words.dim(0).unwrap();
    let number = |shape: &[usize], number: f32| Tensor::full(number, shape, &Device::Cpu).unwrap();
    let head = "cls.predictions";
    copy.weights.insert(
        format!("{head}.transform.dense.weight"),
        Tensor::eye(width, DType::F32, &Device::Cpu).unwrap(),
    );
    copy.weights.insert(format!("{head}.transform.dense.bias"), number(&[width], 0.25));
    copy.weights.insert(format!("{head}.transform.LayerNorm.weight"), number(&[width], 1.0));
    copy.weights.insert(format!("{head}.transform.LayerNorm.bias"), number(&[width], 0.5));
    copy.weights.insert(format!("{head}.bias"), number(&[vocabulary], 3.0));
    if let Some(times) = times {
        copy.weights.insert(format!("{head}.decoder.weight"), (words * times).unwrap());
    }
    copy
}

#[test]
fn a_matrix_of_the_heads_own_gives_the_logits() {
    let close = |left: &[f32], right: &[f32]| {
        left.len() == right.len() && left.iter().zip(right).all(|(left, right)| (left - right).abs() < 1e-4)
    };
    let tied = logits(&masked(None).write(), "bert");
    assert_eq!(logits(&masked(Some(1.0)).write(), "bert"), tied);
    let doubled: Vec<f32> = tied.iter().map(|logit| (logit - 3.0) * 2.0).collect();
    // The configuration says nothing: transformers sees by the numbers that the matrix is another, and keeps the bias.
    let with_bias: Vec<f32> = doubled.iter().map(|logit| logit + 3.0).collect();
    assert!(close(&logits(&masked(Some(2.0)).write(), "bert"), &with_bias));
    // It says so: the bias, too, is the matrix's own, and is nothing where there is none.
    let mut own = masked(Some(2.0));
    own.json["tie_word_embeddings"] = json!(false);
    assert!(close(&logits(&own.write(), "bert"), &doubled));
    let bias = own.weights["cls.predictions.bias"].clone();
    own.weights.insert("cls.predictions.decoder.bias".into(), (bias * 2.0).unwrap());
    let folder = own.write();
    let with_own: Vec<f32> = doubled.iter().map(|logit| logit + 6.0).collect();
    assert!(close(&logits(&folder, "bert"), &with_own));

    // It is the same after it was written.
    let config = TextEncoderConfig::open(&folder).unwrap();
    let written = tempfile::tempdir().unwrap();
    fs::write(written.path().join("config.json"), config.to_json().to_string()).unwrap();
    write_weights(written.path(), &config.weights(&folder).unwrap(), Precision::F32).unwrap();
    let again = ModelFolder::open(written.path()).unwrap();
    // Labels beside a head over the vocabulary say nothing, and are not written.
    let labels = config.labels.clone();
    assert_eq!(TextEncoderConfig { labels, ..TextEncoderConfig::open(&again).unwrap() }, config);
    assert!(close(&logits(&again, "bert"), &with_own));
    TextEncoder::open(&again).unwrap();

    let mut none = masked(None);
    none.json["tie_word_embeddings"] = json!(false);
    assert!(none.said().contains("cls.predictions.decoder.weight"));
}

#[test]
fn a_table_of_words_of_marian_may_have_any_of_its_names_but_be_one_alone() {
    const COPIES: [&str; 3] =
        ["lm_head.weight", "model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight"];
    let shared = "model.shared.weight";
    let plain = logits(&Changed::of("marian").write(), "marian");
    for copy_name in COPIES {
        let mut copy = Changed::of("marian");
        copy.rename(|name| if name == shared { copy_name.to_owned() } else { name.to_owned() });
        assert_eq!(logits(&copy.write(), "marian"), plain, "{copy_name}");
        let mut copy = Changed::of("marian");
        copy.weights.insert(copy_name.into(), copy.weights[shared].clone());
        assert_eq!(logits(&copy.write(), "marian"), plain, "{copy_name}");
        copy.weights.insert(copy_name.into(), (&copy.weights[shared] * 2.0).unwrap());
        assert!(copy.said().contains(copy_name));
    }
}

#[test]
fn a_bias_of_the_vocabulary_of_vilt_has_the_name_of_any_version() {
    let of_version = |name: &str| {
        let mut copy = Changed::of("vilt");
        copy.json["architectures"] = json!(["ViltForMaskedLM"]);
        let width = copy.json["hidden_size"].as_u64().unwrap() as usize;
        let words = copy.json["vocab_size"].as_u64().unwrap() as usize;
        let tensor = |shape: &[usize], step: f32| {
            let count = shape.iter().product::<usize>();
            let numbers: Vec<f32> = (0..count).map(|place| (place % 7) as f32 * step - 0.2).collect();
            Tensor::from_vec(numbers, shape, &Device::Cpu).unwrap()
        };
        for (name, shape) in [
            ("mlm_score.transform.dense.weight", &[width, width][..]),
            ("mlm_score.transform.dense.bias", &[width]),
            ("mlm_score.transform.LayerNorm.weight", &[width]),
            ("mlm_score.transform.LayerNorm.bias", &[width]),
        ] {
            copy.weights.insert(name.into(), tensor(shape, 0.1));
        }
        copy.weights.insert(name.into(), tensor(&[words], 0.5));
        logits(&copy.write(), "vilt")
    };
    assert_eq!(of_version("mlm_score.decoder.bias"), of_version("mlm_score.bias"));
}

#[test]
fn a_bias_of_the_vocabulary_of_vilt_is_written_by_its_newer_name() {
    let mut copy = Changed::of("vilt");
    copy.json["architectures"] = json!(["ViltForMaskedLM"]);
    let Config::Vilt(config) = Config::open(&copy.write()).unwrap() else {
        unreachable!("the folder is that of a ViLT")
    };
    let shapes = config.shapes();
    let head: Vec<&str> =
        shapes.keys().map(String::as_str).filter(|name| name.starts_with("mlm_score.")).collect();
    assert!(head.contains(&"mlm_score.decoder.bias") && !head.contains(&"mlm_score.bias"), "{head:?}");
}

#[test]
fn a_decoder_alone_is_no_encoder_without_a_head() {
    for (model, class) in [("bert", "BertLMHeadModel"), ("xlm-roberta", "XLMRobertaForCausalLM")] {
        let mut copy = Changed::of(model);
        copy.json["architectures"] = json!([class]);
        assert!(copy.said().contains(class), "{class}");
    }
}

#[test]
fn towers_of_clip_declared_twice_are_those_of_the_first_checkpoints() {
    let mut copy = Changed::of("clip");
    let quick = logits(&copy.write(), "clip");
    for part in ["text_config", "vision_config"] {
        let mut tower = copy.json[part].clone();
        tower["hidden_act"] = json!("gelu");
        copy.json[format!("{part}_dict")] = tower;
    }
    let told_twice = logits(&copy.write(), "clip");
    assert_ne!(told_twice, quick);
    for part in ["text_config", "vision_config"] {
        copy.json[part] = copy.json[format!("{part}_dict")].take();
    }
    assert_eq!(logits(&copy.write(), "clip"), told_twice);
    // What the second declaration leaves out has its default, whatever the first has.
    copy.json["text_config_dict"] = json!({ "hidden_size": 64 });
    let Config::Clip(config) = Config::open(&{
        copy.weights.clear();
        let folder = copy.write_config();
        let _ = fs::remove_file(copy.path("model.safetensors"));
        folder
    })
    .unwrap() else {
        unreachable!("it is a CLIP")
    };
    assert_eq!((config.text_config.hidden_size, config.text_config.vocab_size), (64, 49_408));
}

#[test]
fn files_that_are_something_else_are_named_for_what_they_are() {
    let copy = Changed::of("bert");
    copy.write_config();
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n";
    for name in ["model.safetensors", "pytorch_model.bin"] {
        fs::write(copy.path(name), pointer).unwrap();
        let said = copy.said_of_written();
        assert!(said.contains(name) && said.contains("LFS"), "{said}");
        fs::remove_file(copy.path(name)).unwrap();
    }
    fs::create_dir(copy.path("model.safetensors")).unwrap();
    assert!(copy.said_of_written().contains("folder"));
    fs::write(copy.path("config.json"), "[]").unwrap();
    assert!(copy.said_of_written().contains("config.json"));
    fs::write(copy.path("config.json"), pointer).unwrap();
    assert!(copy.said_of_written().contains("config.json"));
}

#[test]
fn the_folder_of_an_adapter_is_no_model() {
    let copy = Changed::of("bert");
    let adapter = json!({ "peft_type": "LORA", "base_model_name_or_path": "owner/base" });
    fs::write(copy.path("adapter_config.json"), adapter.to_string()).unwrap();
    for _ in 0..2 {
        let said = copy.said_of_written();
        assert!(said.contains("adapter") && said.contains("`owner/base`"), "{said}");
        // Beside a model it is refused, too: transformers would add it to another.
        save(&copy.weights, &[], &copy.path("model.safetensors")).unwrap();
        fs::write(copy.path("config.json"), copy.json.to_string()).unwrap();
    }
}

#[test]
fn ids_and_masks_are_checked_against_what_they_index() {
    let copy = Changed::of("bert");
    let folder = copy.write();
    let network = architecture::open(&folder).unwrap();
    let tensor = |number: i64| Tensor::new(&[[2i64, number]], &Device::Cpu).unwrap();
    let said = |name: &str, number: i64| {
        let mut inputs: Weights = [("input_ids".to_owned(), tensor(3))].into();
        inputs.insert(name.into(), tensor(number));
        let read = Batch::from_tensors(&inputs)
            .and_then(|batch| network.forward(&batch, Pass::Evaluate, TapSelection::named(["hidden.0"])));
        read.map(drop).map_err(|error| error.to_string())
    };
    assert!(said("attention_mask", 1).is_err(), "a mask of 2 is none");
    for (name, number) in [
        ("input_ids", 1 << 40),
        ("input_ids", (1 << 32) + 3),
        ("input_ids", -1),
        ("input_ids", 1 << 20),
        ("token_type_ids", 7),
        ("token_type_ids", -1),
        ("attention_mask", 256),
    ] {
        assert!(said(name, number).unwrap_err().contains(&format!("`{name}`")), "{name} {number}");
    }
}
