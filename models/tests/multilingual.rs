//! Multilingual encoders as they are published, compared with transformers: `tests/parity/multilingual/make.py` wrote what is expected.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::traces::{assert_agrees, folder};
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::{Family, TextEncoder, TextEncoderConfig};
use alambic_models::{Config, ModelFolder, Pass, TapSelection, Tokenizer, Trace};
use alambic_tensor::parameters::{self, Weights};
use serde_json::Value;

fn opened(model: &str) -> (TextEncoderConfig, Weights) {
    let opened = ModelFolder::open(&folder(model).join("model")).unwrap();
    let config = Config::open(&opened).unwrap();
    (config.text_encoder().unwrap().clone(), config.weights(&opened).unwrap())
}

fn inputs(model: &str) -> Weights {
    parameters::load(&folder(model).join("inputs.safetensors")).unwrap()
}

fn trace((config, weights): &(TextEncoderConfig, Weights), inputs: &Weights) -> Trace {
    let batch = Batch::from_tensors(inputs).unwrap();
    let network = TextEncoder::new(config, weights).unwrap();
    network.trace(&batch.text.unwrap(), Pass::Evaluate, TapSelection::All).unwrap()
}

#[test]
fn published_folders_are_read_as_they_are() {
    for (model, family) in [("mbert", Family::Bert), ("xlm-r", Family::XlmRoberta)] {
        let model = format!("multilingual/{model}");
        let read = opened(&model);
        assert_eq!(read.0.family, family);
        assert_agrees(&model, &trace(&read, &inputs(&model)));
        let tokenizer = Tokenizer::open(&folder(&model).join("model")).unwrap();
        let expected = std::fs::read_to_string(folder(&model).join("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        for (text, ids) in expected.as_object().unwrap() {
            let ids: Vec<u64> = ids.as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
            let own: Vec<u64> = tokenizer.encode(text).unwrap().into_iter().map(u64::from).collect();
            assert_eq!(own, ids, "{model}: {text:?}");
        }
    }
}

#[test]
fn languages_of_an_xlm_are_told_by_its_input() {
    let (read, told) = (opened("xlm"), inputs("xlm"));
    assert_eq!((read.0.family, read.0.structure.languages), (Family::Xlm, 3));
    let mut untold = told.clone();
    untold.shift_remove("langs").unwrap();
    let hidden = |inputs: &Weights| {
        let trace = trace(&read, inputs);
        trace.get("hidden.2").unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    assert_ne!(hidden(&told), hidden(&untold));

    let mut wrong = told.clone();
    let number = (&told["langs"] + 3.0).unwrap();
    wrong.insert("langs".into(), number);
    let batch = Batch::from_tensors(&wrong).unwrap();
    let network = TextEncoder::new(&read.0, &read.1).unwrap();
    let error = network.trace(&batch.text.unwrap(), Pass::Evaluate, TapSelection::All).unwrap_err();
    assert!(error.to_string().contains("langs"), "{error}");
    wrong.insert("langs".into(), told["langs"].narrow(1, 0, 3).unwrap());
    let error = Batch::from_tensors(&wrong).unwrap_err().to_string();
    assert!(error.contains("`langs` of shape"), "{error}");
}

#[test]
fn layers_of_an_xlm_are_selected_by_the_number_within_their_names() {
    let (config, weights) = opened("xlm");
    let selected = config.names().select_layers(&weights, &[1]);
    let config = config.clone().with_layers(&[1]);
    let names: Vec<&String> =
        config.shapes().into_keys().map(|name| selected.get_key_value(&name).unwrap().0).collect();
    assert_eq!(names.len(), selected.len());
    for part in
        ["attentions.{}.q_lin.weight", "layer_norm1.{}.bias", "ffns.{}.lin2.bias", "layer_norm2.{}.weight"]
    {
        let [first, second] = ["0", "1"].map(|index| format!("transformer.{}", part.replace("{}", index)));
        let values =
            |tensor: &alambic_tensor::candle::Tensor| tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(&selected[&first]), values(&weights[&second]), "{part}");
    }
}

#[test]
fn decoders_and_unknown_summaries_are_refused() {
    let text = std::fs::read_to_string(folder("xlm").join("model/config.json")).unwrap();
    for (key, value, expected) in [
        ("causal", Value::from(true), "encoders are supported"),
        ("is_encoder", Value::from(false), "encoders are supported"),
        ("summary_type", Value::from("mean"), "summary_type"),
        ("n_langs", Value::from("three"), "n_langs"),
    ] {
        let mut json: Value = serde_json::from_str(&text).unwrap();
        json[key] = value;
        let path = tempfile::tempdir().unwrap();
        std::fs::write(path.path().join("config.json"), json.to_string()).unwrap();
        std::fs::copy(folder("xlm").join("model/model.safetensors"), path.path().join("model.safetensors"))
            .unwrap();
        let error = match ModelFolder::open(path.path()).and_then(|folder| Config::open(&folder)) {
            Err(error) => error.to_string(),
            Ok(config) => panic!("{config:?}"),
        };
        assert!(error.contains(expected), "{key}: {error}");
    }
}
