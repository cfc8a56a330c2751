//! Models in other forms. That onnxruntime computes the same as transformers, or as Alambic where transformers has no such
//! model, is shown by `matrix/matrix.py`, `onnxruntime_loads.py` and `onnxruntime_answers.py` in `tests/python`, run by hand.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use crate::common::{parity, readable, vocabulary};
use alambic_models::dual::{Dual, DualConfig};
use alambic_models::text_encoder::{
    Pooling, PoolingMode, TextEncoder, TextEncoderConfig, TextInput, TokenPooling,
};
use alambic_models::vilt::{Head, Vilt, ViltConfig};
use alambic_models::{Config, ModelFolder, Pass, Precision, TapSelection, Tokens};
use alambic_students::{ExportFormat, StudentError, export, save_pretrained};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{self, Weights};

/// What a folder holds, by its path.
fn held(folder: &Path) -> Vec<String> {
    let files = alambic_files::digests::files_below(folder).unwrap();
    files.iter().map(|path| alambic_files::digests::relative(folder, path)).collect()
}

fn logits(folder: &Path, inputs: &Path) -> Vec<f32> {
    let inputs = parameters::load(inputs).unwrap();
    let tokens = Tokens::from_tensors(&inputs["input_ids"], inputs.get("attention_mask")).unwrap();
    let network = TextEncoder::open(&ModelFolder::open(folder).unwrap()).unwrap();
    let wanted = TapSelection::named(["logits"]);
    let trace = network.trace(&TextInput::new(tokens), Pass::Evaluate, wanted).unwrap();
    trace.get("logits").map(|logits: &Tensor| logits.flatten_all().unwrap().to_vec1().unwrap()).unwrap()
}

#[test]
fn encoders_have_every_form() {
    for model in ["bert", "xlm-roberta", "distilbert"] {
        let folder = tempfile::tempdir().unwrap();
        let source = readable(model, folder.path());
        let out = folder.path().join("out");
        let all = [ExportFormat::HuggingFace, ExportFormat::Onnx, ExportFormat::Int8];
        let exported = export(&source, &all, Precision::F32, &out).unwrap();
        assert_eq!(exported.iter().map(|one| one.format).collect::<Vec<_>>(), all);
        assert!(exported.iter().all(|one| one.path.exists()));
        assert_eq!((exported[0].difference, exported[1].difference), (0.0, 0.0));
        // Half of a step of 1/127 of a row's largest weight.
        assert!(exported[2].difference > 0.0 && exported[2].difference < 0.5 / 127.0 + 1e-6);
        assert!(exported[2].bytes < exported[1].bytes / 2);
        let inputs = parity(model).join("inputs.safetensors");
        assert_eq!(logits(&out.join("hf"), &inputs), logits(&source, &inputs));

        let halves = export(&source, &all[..2], Precision::F16, &out).unwrap();
        // The form that was not asked for stays.
        assert!(out.join("onnx/model_quantized.onnx").is_file());
        assert!(out.join("onnx/model_fp16.onnx").is_file() && out.join("onnx/model.onnx").is_file());
        assert!(halves.iter().all(|one| one.difference > 0.0 && one.difference < 1e-3));
        assert!(halves[1].bytes < exported[1].bytes * 3 / 5);
    }
}

#[test]
fn image_tokenizers_are_exported_both_ways() {
    for model in ["vq", "dvae", "plain"] {
        let folder = tempfile::tempdir().unwrap();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/parity/image-tokenizer");
        let source = source.join(model).join("model");
        let out = folder.path().join("out");
        let all = [ExportFormat::HuggingFace, ExportFormat::Onnx];
        let exported = export(&source, &all, Precision::F32, &out).unwrap();
        // What is made of tokens is compared over those that the model itself gives.
        let outputs: Vec<&str> =
            exported.iter().map(|one| one.outputs.as_ref().unwrap().output.as_str()).collect();
        assert_eq!(outputs[1..], ["latents", "reconstruction"], "{model}");
        assert_eq!(held(&out.join("onnx")), ["decoder.onnx", "encoder.onnx"]);
        let config = |folder: &Path| Config::open(&ModelFolder::open(folder).unwrap()).unwrap();
        assert_eq!(config(&out.join("hf")), config(&source));
        let eights = export(&source, &[ExportFormat::Int8], Precision::F32, &folder.path().join("small"));
        assert!(matches!(eights, Err(StudentError::Incompatible(message)) if message.contains("eight bits")));
    }
}

#[test]
fn heads_of_multiple_choice_are_exported_over_the_choices_of_prompts() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../inference/tests/multiple_choice");
    let families = std::fs::read_dir(models).unwrap().map(|entry| entry.unwrap().path());
    let families: Vec<PathBuf> = families.filter(|path| path.is_dir()).collect();
    assert_eq!(families.len(), 11);
    for family in families {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("out");
        let all = [ExportFormat::HuggingFace, ExportFormat::Onnx, ExportFormat::Int8];
        // Outputs of each file are compared with the model's own by `export` itself.
        let exported = export(&family, &all, Precision::F32, &out).unwrap();
        assert_eq!(exported.len(), 3, "{}", family.display());
        let config = |folder: &Path| Config::open(&ModelFolder::open(folder).unwrap()).unwrap();
        assert_eq!(config(&out.join("hf")), config(&family));
        let card = std::fs::read_to_string(out.join("hf/README.md")).unwrap();
        assert!(
            card.contains("AutoModelForMultipleChoice") && card.contains(r"a choice\tanother choice"),
            "{card}"
        );
    }
}

#[test]
fn poolings_go_along() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    std::fs::create_dir_all(model.join("1_Pooling")).unwrap();
    // Without its head it is a sentence encoder.
    let config = std::fs::read_to_string(model.join("config.json")).unwrap();
    std::fs::write(model.join("config.json"), config.replace("BertForSequenceClassification", "BertModel"))
        .unwrap();
    let modules = r#"[{"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}]"#;
    std::fs::write(model.join("modules.json"), modules).unwrap();
    std::fs::write(model.join("1_Pooling/config.json"), r#"{"pooling_mode_mean_tokens": true}"#).unwrap();
    let formats = [ExportFormat::HuggingFace, ExportFormat::Onnx];
    let exported = export(&model, &formats, Precision::F32, &folder.path().join("out")).unwrap();
    let inputs = parameters::load(&parity("bert").join("inputs.safetensors")).unwrap();
    let embed = |folder: &Path| -> Vec<Vec<f32>> {
        let network = TextEncoder::open(&ModelFolder::open(folder).unwrap()).unwrap();
        let tokens = Tokens::from_tensors(&inputs["input_ids"], inputs.get("attention_mask")).unwrap();
        let wanted = TapSelection::named(["embedding"]);
        let trace = network.trace(&TextInput::new(tokens), Pass::Evaluate, wanted).unwrap();
        trace.get("embedding").unwrap().to_vec2().unwrap()
    };
    // ONNX files alone are beside all that says how their states become a vector.
    let alone = folder.path().join("alone");
    export(&model, &formats[1..], Precision::F32, &alone).unwrap();
    let whole = held(&alone);
    let own = held(&exported[0].path);
    for name in own.iter().filter(|name| *name != "model.safetensors") {
        assert!(whole.contains(name), "{name} of {whole:?}");
    }
    for name in
        ["onnx/model.onnx", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json", "README.md"]
    {
        assert!(whole.iter().any(|own| own == name), "{name} of {whole:?}");
    }
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
    save_pretrained(&model, &Config::Dual(config), &weights, &vocabulary(), Precision::F32).unwrap();
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
    let all = [ExportFormat::HuggingFace, ExportFormat::Onnx, ExportFormat::Int8];
    let exported = export(&model, &all, Precision::F32, &out).unwrap();
    let named = |exported: &[alambic_students::ExportedFile]| -> Vec<String> {
        let names = exported.iter().map(|one| one.path.file_name().unwrap().to_string_lossy().into_owned());
        names.collect()
    };
    let names =
        ["", "_quantized"].map(|suffix| ["text", "image", "head"].map(|own| format!("{own}{suffix}.onnx")));
    assert_eq!(exported[0].path, out.join("hf"));
    assert_eq!(named(&exported[1..]), names.as_flattened());
    assert_eq!(files(&out.join("onnx"), ".onnx").len(), 6);
    for (whole, small) in exported[1..4].iter().zip(&exported[4..]) {
        assert_eq!((whole.format, small.format), (ExportFormat::Onnx, ExportFormat::Int8));
        assert_eq!(whole.bytes, std::fs::metadata(&whole.path).unwrap().len());
        assert_eq!(whole.difference, 0.0);
        assert!(small.difference > 0.0 && small.difference < 0.5 / 127.0 + 1e-6);
        assert!(small.bytes < whole.bytes);
    }
    // Who runs the files finds the answers in the order of the logits here.
    let config = std::fs::read_to_string(out.join("config.json")).unwrap();
    assert!(config.contains("\"2\": \"two\""), "{config}");

    let halves = export(&model, &[ExportFormat::Onnx], Precision::F16, &out).unwrap();
    assert_eq!(named(&halves), ["text_fp16.onnx", "image_fp16.onnx", "head_fp16.onnx"]);
    assert!(halves.iter().all(|one| one.difference > 0.0 && one.difference < 1e-3));
}

#[test]
fn a_dual_encoder_that_cannot_be_a_graph_is_refused_before_a_file_is_written() {
    let cases: [(Change, &str); 5] = [
        (|config, _| config.sizes.hidden_act = "mish".into(), "`mish` is not known"),
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
        let error = export(&model, &[ExportFormat::Onnx], Precision::F32, &out).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert!(!out.exists());
    }
}

/// The ONNX files of an export by their names within its folder, with the largest difference of their outputs.
fn differences(exported: &[alambic_students::ExportedFile]) -> Vec<(String, f64)> {
    let one = |file: &alambic_students::ExportedFile| {
        let own = file.outputs.as_ref().unwrap();
        (file.path.file_name().unwrap().to_string_lossy().into_owned(), own.difference / own.largest)
    };
    exported.iter().map(one).collect()
}

#[test]
fn every_family_that_is_shipped_runs_as_onnx() {
    let decoders = ["decoder_model", "decoder_with_past_model", "decoder_model_merged"];
    let generators = ["encoder_model", decoders[0], decoders[1], decoders[2]];
    let cases: [(&str, &[&str]); 34] = [
        ("camembert", &["model"]),
        ("electra", &["model"]),
        ("electra-discriminator", &["model"]),
        ("albert", &["model"]),
        ("mpnet", &["model"]),
        ("deberta-v2", &["model"]),
        ("deberta-v3", &["model"]),
        ("deberta-v2-plain", &["model"]),
        ("modernbert", &["model"]),
        ("nomic-bert", &["model"]),
        ("bert", &["model"]),
        ("xlm", &["model"]),
        ("xlm-roberta", &["model"]),
        ("distilbert", &["model"]),
        ("marian", &generators),
        ("bart", &generators),
        ("mbart", &generators),
        ("m2m_100", &generators),
        ("t5-v1.0", &generators),
        ("t5-v1.1", &generators),
        ("mt5", &generators),
        ("clip", &["model", "text_model", "vision_model"]),
        ("siglip", &["model", "text_model", "vision_model"]),
        ("siglip-text", &["model"]),
        ("vit", &["model"]),
        ("vilt", &["model"]),
        ("oscar/answers", &["model"]),
        ("oscar/pretraining", &["model"]),
        ("matrix/none", &["model"]),
        ("matrix/pairs", &["model"]),
        ("matrix/published", &["model"]),
        ("matrix/low-rank", &["model"]),
        ("matrix/cosine", &["model"]),
        ("matrix/vectors", &["model"]),
    ];
    for (family, graphs) in cases {
        let folder = tempfile::tempdir().unwrap();
        let model = readable(family, folder.path());
        let out = folder.path().join("out");
        let all = [ExportFormat::HuggingFace, ExportFormat::Onnx, ExportFormat::Int8];
        let exported = export(&model, &all, Precision::F32, &out).unwrap();
        let found = differences(&exported);
        let names =
            graphs.iter().flat_map(|graph| [format!("{graph}.onnx"), format!("{graph}_quantized.onnx")]);
        assert_eq!(files(&out.join("onnx"), ".onnx").len(), names.count());
        assert_eq!(found[0], ("hf".to_owned(), 0.0), "{family}");
        for ((name, whole), (small, coarse)) in found[1..=graphs.len()].iter().zip(&found[1 + graphs.len()..])
        {
            assert!(*whole < 1e-4, "{family} {name}: {whole}");
            // Weights and activations have 255 steps; the tiny models' numbers are small.
            assert!(*coarse > 0.0 && *coarse < 0.3, "{family} {small}: {coarse}");
        }
        // Files in half precision lie beside those of 32 bits, with what was measured of either.
        let halves = export(&model, &all[1..2], Precision::F16, &out).unwrap();
        assert!(differences(&halves).iter().all(|(_, own)| *own > 0.0 && *own < 1e-2), "{family}");
        let record: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(out.join("export.json")).unwrap()).unwrap();
        let recorded = record["exported"].as_object().unwrap();
        assert_eq!(recorded.len(), exported.len() + halves.len(), "{recorded:?}");
        let first = &recorded[&format!("onnx/{}_fp16.onnx", graphs[0])]["outputs"]["difference"];
        assert_eq!(first.as_f64().unwrap(), halves[0].outputs.as_ref().unwrap().difference);
    }
}

#[test]
fn static_embeddings_run_as_onnx() {
    for name in ["mapped", "model2vec", "normalised"] {
        let folder = tempfile::tempdir().unwrap();
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/static").join(name);
        let out = folder.path().join("out");
        let all = [ExportFormat::HuggingFace, ExportFormat::Onnx, ExportFormat::Int8];
        let found = differences(&export(&model, &all, Precision::F32, &out).unwrap());
        assert!(found[0].1 == 0.0 && found[1].1 < 1e-6 && found[2].1 < 0.05, "{name}: {found:?}");
        assert_eq!(files(&out.join("onnx"), ".onnx"), ["model.onnx", "model_quantized.onnx"]);
        // As model2vec and sentence-transformers look for it.
        let modules = std::fs::read_to_string(out.join("modules.json")).unwrap();
        assert!(modules.contains("StaticEmbedding"), "{modules}");
        assert_eq!(modules.contains("Normalize"), name != "mapped");
    }
}

#[test]
fn every_head_of_vilt_runs_as_onnx() {
    let folder = tempfile::tempdir().unwrap();
    let source = parity("vilt/model");
    let Config::Vilt(vilt) = Config::open(&ModelFolder::open(&source).unwrap()).unwrap() else {
        unreachable!("the folder is that of a ViLT")
    };
    // With a limit some of the pictures have more patches than are read.
    for (head, limit) in [(Head::None, -1), (Head::Answers, 3), (Head::Match, -1), (Head::MaskedLanguage, 5)]
    {
        let mut config = ViltConfig { max_image_length: limit, ..vilt.clone() }
            .answering(&["yes", "no"].map(str::to_owned));
        config.head = head;
        let weights = Vilt::initial_weights(&config, &Streams::new(1)).unwrap();
        let model = folder.path().join(format!("{head:?}"));
        std::fs::create_dir_all(&model).unwrap();
        save_pretrained(&model, &Config::Vilt(config), &weights, &vocabulary(), Precision::F32).unwrap();
        let out = folder.path().join(format!("out {head:?}"));
        let exported = export(&model, &[ExportFormat::Onnx], Precision::F32, &out).unwrap();
        let (_, difference) = differences(&exported)[0];
        assert!(difference < 1e-5, "{head:?}: {difference}");
    }
}

#[test]
fn every_pooling_runs_as_onnx() {
    let folder = tempfile::tempdir().unwrap();
    let Config::TextEncoder(bert) = Config::open(&ModelFolder::open(&parity("bert/model")).unwrap()).unwrap()
    else {
        unreachable!("the folder is that of a BERT")
    };
    let tokens = |mode: TokenPooling| Pooling::new(PoolingMode::Tokens(vec![mode]), true);
    let recurrent = |both: bool| Pooling::new(PoolingMode::Recurrent { width: 5, both }, false);
    let mut poolings = vec![recurrent(false), recurrent(true)];
    for mode in [
        TokenPooling::First,
        TokenPooling::Last,
        TokenPooling::Max,
        TokenPooling::Mean,
        TokenPooling::MeanBySquareRoot,
        TokenPooling::WeightedMean,
    ] {
        poolings.push(tokens(mode));
        poolings.push(Pooling { skipped: 1, ..tokens(mode) });
    }
    poolings.push(Pooling { kept: Some(3), ..tokens(TokenPooling::Mean) });
    poolings.push(tokens(TokenPooling::Mean).normalising(true).with_dense(bert.width, 5).unwrap());
    for (index, pooling) in poolings.into_iter().enumerate() {
        let config = TextEncoderConfig {
            head: alambic_models::text_encoder::Head::None,
            pooling: Some(pooling.clone()),
            ..bert.clone()
        };
        let weights = TextEncoder::initial_weights(&config, &Streams::new(1)).unwrap();
        let model = folder.path().join(index.to_string());
        std::fs::create_dir_all(&model).unwrap();
        save_pretrained(&model, &Config::TextEncoder(config), &weights, &vocabulary(), Precision::F32)
            .unwrap();
        let formats = [ExportFormat::Onnx, ExportFormat::Int8];
        let exported =
            export(&model, &formats, Precision::F32, &folder.path().join(format!("out {index}"))).unwrap();
        let found = differences(&exported);
        assert!(found[0].1 < 1e-5 && found[1].1 < 0.3, "{pooling:?}: {found:?}");
    }
}

#[test]
fn other_architectures_have_a_folder_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../recipes/epik/matra");
    let exported = export(&model, &[ExportFormat::HuggingFace], Precision::F16, folder.path()).unwrap();
    assert_eq!(exported[0].difference, 0.0, "its weights are in half precision as they come");
    assert_eq!(exported[0].outputs.as_ref().unwrap().difference, 0.0);
    for other in ["lxmert", "visual-bert"] {
        for format in [ExportFormat::Onnx, ExportFormat::Int8] {
            let folder = tempfile::tempdir().unwrap();
            let model = readable(other, folder.path());
            let out = folder.path().join("out");
            let error =
                export(&model, &[ExportFormat::HuggingFace, format], Precision::F32, &out).unwrap_err();
            assert!(
                matches!(error, StudentError::Incompatible(_)) && error.to_string().contains("`hf`"),
                "{error}"
            );
            assert!(!out.exists(), "{other}: all forms are written, or none");
        }
    }
}

#[test]
fn a_folder_of_others_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    let refused =
        |to: &Path| export(&model, &[ExportFormat::Onnx], Precision::F32, to).unwrap_err().to_string();
    let site = folder.path().join("site");
    std::fs::create_dir(&site).unwrap();
    std::fs::write(site.join("config.json"), "my site").unwrap();
    let error = refused(&site);
    assert!(error.contains("`config.json`") && error.contains("site"), "{error}");
    assert_eq!(std::fs::read_to_string(site.join("config.json")).unwrap(), "my site");
    assert_eq!(held(&site), ["config.json"]);

    // The model's own folder, by whatever way, and one that it lies in.
    let before = held(&model);
    for to in [model.clone(), model.join("../model"), folder.path().to_owned()] {
        assert!(refused(&to).contains("lies there"), "{}", to.display());
    }
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&model, &link).unwrap();
        assert!(refused(&link).contains("lies there"));
    }
    assert_eq!(held(&model), before);
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(refused(&file).contains("no folder"));

    // What an export wrote is written over, unless it was changed or is of another model.
    let out = folder.path().join("out");
    export(&model, &[ExportFormat::Onnx], Precision::F32, &out).unwrap();
    export(&model, &[ExportFormat::Onnx], Precision::F16, &out).unwrap();
    std::fs::write(out.join("notes.txt"), "mine").unwrap();
    assert!(refused(&out).contains("`notes.txt`"));
    std::fs::remove_file(out.join("notes.txt")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let other = readable("distilbert", other.path());
    let error = export(&other, &[ExportFormat::Onnx], Precision::F32, &out).unwrap_err().to_string();
    assert!(error.contains("another model"), "{error}");
    std::fs::write(out.join("config.json"), "{}").unwrap();
    assert!(refused(&out).contains("`config.json`"));
}

#[test]
fn a_folder_that_is_written_by_another_process_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", folder.path());
    let out = folder.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let lock = alambic_files::lock::Lock::acquire(&out, "another").unwrap();
    let partial = alambic_files::write::partial_beside(&out);
    std::fs::create_dir(&partial).unwrap();
    let error = export(&model, &[ExportFormat::Onnx], Precision::F32, &out).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
    assert!(partial.exists(), "what the other one writes is let alone");
    drop(lock);
    export(&model, &[ExportFormat::Onnx], Precision::F32, &out).unwrap();
    assert!(!partial.exists());
}

#[cfg(unix)]
#[test]
fn folders_need_no_names_in_unicode() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let model = readable("bert", &folder.path().join(OsStr::from_bytes(b"m\xff")));
    let out = folder.path().join(OsStr::from_bytes(b"o\xffut"));
    let exported = export(&model, &[ExportFormat::HuggingFace], Precision::F32, &out).unwrap();
    assert!(exported[0].path.join("tokenizer.json").is_file());
}
