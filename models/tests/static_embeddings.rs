//! Agreement of static embeddings with model2vec and sentence-transformers, on the tiny folders in `tests/static`.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};

use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, EncodedText, ModelFolder, Pass, Precision, TapSelection, Trace, write_weights};
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::parameters::{self, Parameters, Weights};
use serde_json::{Value, json};

const FOLDERS: [&str; 6] = ["model2vec", "half", "int8", "mapped", "sentence", "normalised"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/static").join(name)
}

fn expected() -> Value {
    serde_json::from_str(&std::fs::read_to_string(folder("expected.json")).unwrap()).unwrap()
}

/// The taps of texts by a model folder.
fn trace(path: &Path, texts: &[&str]) -> Trace {
    let opened = ModelFolder::open(path).unwrap();
    let config = Config::open(&opened).unwrap();
    let tokenizer = opened.tokenizer().unwrap();
    let encoded: Vec<EncodedText> =
        texts.iter().map(|text| tokenizer.encode_text(text, None).unwrap()).collect();
    let input = TextInput::pad(&encoded.iter().collect::<Vec<_>>(), config.padding());
    let network = architecture::build(&config, &config.weights(&opened).unwrap()).unwrap();
    network.forward(&Batch::of_texts(input), Pass::Evaluate, TapSelection::All).unwrap()
}

fn vectors(path: &Path, texts: &[&str]) -> Vec<Vec<f32>> {
    trace(path, texts).get("embedding").unwrap().to_vec2().unwrap()
}

/// A copy of a folder, whose files can be changed.
fn copy(name: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for file in ["config.json", "model.safetensors", "modules.json", "tokenizer.json"] {
        std::fs::copy(folder(name).join(file), copy.path().join(file)).unwrap();
    }
    copy
}

fn refusal(path: &Path) -> String {
    let opened = ModelFolder::open(path).unwrap();
    match Config::open(&opened) {
        Err(error) => error.to_string(),
        Ok(config) => config.weights(&opened).map(|_| ()).unwrap_err().to_string(),
    }
}

#[test]
fn vectors_of_texts_agree() {
    let expected = expected();
    let texts: Vec<&str> =
        expected["texts"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    for name in FOLDERS {
        // model2vec adds up numbers of half precision in half precision.
        let tolerance = if name == "half" { 2e-3 } else { 2e-6 };
        let rows = &expected["vectors"][name];
        for ((text, found), row) in
            texts.iter().zip(vectors(&folder(name), &texts)).zip(rows.as_array().unwrap())
        {
            assert_eq!(found.len(), row.as_array().unwrap().len());
            for (found, wanted) in found.iter().zip(row.as_array().unwrap()) {
                let difference = (f64::from(*found) - wanted.as_f64().unwrap()).abs();
                assert!(difference < tolerance, "{name}: `{text}` differs by {difference}");
            }
        }
    }
}

#[test]
fn texts_have_their_vectors_whatever_stands_beside_them() {
    let alone = vectors(&folder("model2vec"), &["the cat"]);
    let beside = vectors(&folder("model2vec"), &["the cat", "the dog and the cat ran home", ""]);
    assert_eq!(alone[0], beside[0]);
}

#[test]
fn written_folder_gives_the_same_vectors() {
    let texts = ["the cat sat on the mat", "zebra cat", ""];
    for name in FOLDERS {
        let opened = ModelFolder::open(&folder(name)).unwrap();
        let config = Config::open(&opened).unwrap();
        let again = tempfile::tempdir().unwrap();
        write_weights(again.path(), &config.weights(&opened).unwrap(), Precision::F32).unwrap();
        std::fs::write(again.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
        for (file, value) in config.extra_files() {
            std::fs::write(again.path().join(file), value.to_string()).unwrap();
        }
        std::fs::copy(folder(name).join("tokenizer.json"), again.path().join("tokenizer.json")).unwrap();
        let read = Config::open(&ModelFolder::open(again.path()).unwrap()).unwrap();
        assert_eq!(read.embedding_width(), config.embedding_width());
        assert_eq!(vectors(again.path(), &texts), vectors(&folder(name), &texts), "{name}");
    }
}

#[test]
fn table_has_the_gradient_of_the_tokens_that_were_read() {
    let opened = ModelFolder::open(&folder("mapped")).unwrap();
    let config = Config::open(&opened).unwrap();
    let initial: Weights = config.weights(&opened).unwrap();
    let parameters = Parameters::from_weights(&initial).unwrap();
    let network = architecture::build(&config, &parameters.tracked()).unwrap();
    let ids = [3_u32, 5, 3];
    let input = TextInput::new(alambic_models::Tokens::pad(&[ids.to_vec()], 0));
    let trace = network.forward(&Batch::of_texts(input), Pass::Evaluate, TapSelection::All).unwrap();
    let loss = trace.get("embedding").unwrap().sum_all().unwrap();
    let gradients = Gradients::of(&loss, &parameters).unwrap();
    let table = gradients.tensor("embeddings").unwrap().unwrap().to_vec2::<f32>().unwrap();
    for (token, row) in table.iter().enumerate() {
        let often = ids.iter().filter(|&&id| id as usize == token).count() as f32;
        assert!(row.iter().all(|number| (number - often / 3.0).abs() < 1e-6), "{token}: {row:?}");
    }
}

#[test]
fn folders_that_contradict_themselves_are_refused() {
    let changed = |change: &dyn Fn(&Path)| {
        let copy = copy("mapped");
        change(copy.path());
        refusal(copy.path())
    };
    let tensors = |path: &Path| parameters::load(&path.join("model.safetensors")).unwrap();
    let save = |path: &Path, weights: &Weights| {
        parameters::save(weights, &[], &path.join("model.safetensors")).unwrap();
    };
    let config = |path: &Path, key: &str, value: Value| {
        let file = path.join("config.json");
        let mut json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        json[key] = value;
        std::fs::write(file, json.to_string()).unwrap();
    };
    let wider = changed(&|path| config(path, "hidden_dim", json!(16)));
    assert!(wider.contains("hidden_dim is 16") && wider.contains("vectors of 8"), "{wider}");
    let without = changed(&|path| {
        let mut weights = tensors(path);
        weights.shift_remove("embeddings");
        save(path, &weights);
    });
    assert!(without.contains("no table `embeddings` or `embedding.weight`"), "{without}");
    let fewer = changed(&|path| {
        let mut weights = tensors(path);
        let own = weights["weights"].narrow(0, 0, 7).unwrap().contiguous().unwrap();
        weights.insert("weights".into(), own);
        save(path, &weights);
    });
    assert!(fewer.contains("`weights` has 7 numbers"), "{fewer}");
    let outside = changed(&|path| {
        let mut weights = tensors(path);
        let length = weights["mapping"].dim(0).unwrap();
        let device = weights["mapping"].device().clone();
        weights.insert("mapping".into(), Tensor::new(vec![99_i64; length], &device).unwrap());
        save(path, &weights);
    });
    assert!(outside.contains("rows that the table of 20 does not have"), "{outside}");
    let module = changed(&|path| {
        let modules = json!([
            { "idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.StaticEmbedding" },
            { "idx": 1, "name": "1", "path": "1_LSTM", "type": "sentence_transformers.models.LSTM" }
        ]);
        std::fs::write(path.join("modules.json"), modules.to_string()).unwrap();
    });
    assert!(module.contains("`LSTM` is not supported behind static embeddings"), "{module}");
}
