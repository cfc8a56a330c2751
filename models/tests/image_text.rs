//! PaLI: agreement with transformers' parts, decoding, folders, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::changed::Changed;
use crate::traces::{assert_agrees, folder};
use crate::writing::{assert_loss_reaches_every_parameter, assert_taps_survive_writing, inputs, opened};
use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::encoder_decoder::EncoderDecoder;
use alambic_models::{Config, EarlyStopping, GenerationConfig, Pass, TapSelection, Tokens};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::Weights;
use serde_json::{Value, json};

const MODELS: [&str; 2] = ["pali/relative", "pali/none"];

fn numbers(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn taps_agree_with_transformers_before_and_after_a_model_is_written() {
    for model in MODELS {
        assert_taps_survive_writing(model);
    }
}

#[test]
fn parts_of_the_encoder_have_masks_of_their_own() {
    let batch = inputs("pali/none");
    let network = architecture::open(&opened("pali/none")).unwrap();
    let wanted = TapSelection::named(["encoder.image.hidden.1", "encoder.text.hidden.2"]);
    let trace = network.forward(&batch, Pass::Evaluate, wanted).unwrap();
    assert_eq!(trace.taps().len(), 2);
    assert_eq!(trace.get("encoder.image.hidden.1").unwrap().dims(), [3, 4, 16]);
    assert_eq!(trace.get("encoder.text.hidden.2").unwrap().dims(), [3, 5, 16]);
    assert_eq!(**trace.hidden_mask("encoder.image").unwrap(), [1; 12]);
    assert_eq!(**trace.hidden_mask("encoder.text").unwrap(), [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(trace.mask("encoder").unwrap().len(), 3 * 9);
    assert_eq!(trace.mask("image").unwrap().len(), 3 * 5);
}

#[test]
fn named_taps_are_those_of_all_taps() {
    for model in MODELS {
        let network = architecture::open(&opened(model)).unwrap();
        let batch = inputs(model);
        let all = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
        for tap in
            ["logits", "image.hidden.2", "image.queries.1", "encoder.image.hidden.2", "decoder.hidden.1"]
        {
            let named = network.forward(&batch, Pass::Evaluate, TapSelection::named([tap])).unwrap();
            assert_eq!(named.taps().keys().collect::<Vec<_>>(), [tap]);
            let difference =
                largest_difference(&numbers(named.get(tap).unwrap()), &numbers(all.get(tap).unwrap()));
            assert!(difference < 1e-4, "{model}: {tap} differs by {difference}");
        }
    }
}

#[test]
fn targets_of_images_are_those_of_transformers() {
    for model in MODELS {
        let network = architecture::open(&opened(model)).unwrap();
        let batch = inputs(model);
        let translator = network.translator_of_images(batch.image.as_ref().unwrap()).unwrap();
        let text = std::fs::read_to_string(folder(model).join("generated.json")).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        let settings = expected["settings"].as_array().unwrap();
        assert_eq!(settings.len(), 3);
        for setting in settings {
            let own = &setting["transformers"];
            let config = GenerationConfig {
                beam: own["num_beams"].as_u64().unwrap() as usize,
                length_penalty: own["length_penalty"].as_f64().unwrap_or(1.0) as f32,
                early_stopping: Some(match own["early_stopping"].as_bool() {
                    Some(true) => EarlyStopping::Full,
                    _ => EarlyStopping::Heuristic,
                }),
                ..GenerationConfig::greedy(own["max_new_tokens"].as_u64().unwrap() as usize)
            };
            let written = config.run(&*translator, &batch.text.as_ref().unwrap().tokens).unwrap();
            let found: Vec<Vec<u32>> = written
                .iter()
                .map(|own| {
                    let best = &own[0];
                    [translator.start_token()].iter().chain(&best.tokens).chain(&best.end).copied().collect()
                })
                .collect();
            let expected: Vec<Vec<u32>> = serde_json::from_value(setting["outputs"].clone()).unwrap();
            assert_eq!(found, expected, "{model}: {own}");
        }
    }
}

#[test]
fn cached_steps_give_the_logits_of_whole_targets_for_rows_in_any_order() {
    for model in MODELS {
        let network = architecture::open(&opened(model)).unwrap();
        let batch = inputs(model);
        let logits = network.forward(&batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
        let logits = logits.get("logits").unwrap();
        let translator = network.translator_of_images(batch.image.as_ref().unwrap()).unwrap();
        let (source, target) = (&batch.text.as_ref().unwrap().tokens, batch.target.as_ref().unwrap());
        for rows in [&[0, 1, 2][..], &[2, 0], &[1, 1, 0, 2]] {
            let mut state = translator.start(source, target.length).unwrap();
            state.select(rows).unwrap();
            for place in 0..target.length {
                let tokens: Vec<u32> =
                    rows.iter().map(|row| target.ids[row * target.length + place]).collect();
                let step = state.step(&tokens).unwrap();
                let expected: Vec<f32> = rows
                    .iter()
                    .flat_map(|&row| numbers(&logits.get(row).unwrap().get(place).unwrap()))
                    .collect();
                let difference = largest_difference(&step, &expected);
                let largest = expected.iter().fold(1.0f32, |largest, own| largest.max(own.abs()));
                assert!(difference <= 1e-4 * largest, "{model}, {rows:?}, place {place}: {difference}");
            }
        }
    }
}

#[test]
fn prompts_without_images_are_read_as_by_the_language_model_alone() {
    for model in MODELS {
        let read = opened(model);
        let config = Config::open(&read).unwrap();
        let Config::Pali(own) = &config else { panic!("{model} is none") };
        let weights = config.weights(&read).unwrap();
        let language: Weights = weights
            .iter()
            .filter_map(|(name, tensor)| {
                Some((name.strip_prefix("language_model.")?.to_owned(), tensor.clone()))
            })
            .collect();
        let language = EncoderDecoder::new(own.text_config.structure(), &language).unwrap();
        let network = architecture::build(&config, &weights).unwrap();
        let batch = Batch { image: None, ..inputs(model) };
        let trace = network.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
        let expected = language.forward(&batch, Pass::Evaluate, TapSelection::All).unwrap();
        for (tap, tensor) in expected.taps() {
            assert_eq!(numbers(trace.get(tap).unwrap()), numbers(tensor), "{model}: {tap}");
        }
        assert!(
            trace.get("encoder.text.hidden.0").is_some() && trace.get("encoder.image.hidden.0").is_none()
        );
        let source = &batch.text.as_ref().unwrap().tokens;
        let greedy = GenerationConfig::greedy(6);
        let written = greedy.run(network.as_translator().unwrap(), source).unwrap();
        assert_eq!(written, greedy.run(&language, source).unwrap());
    }
}

#[test]
fn an_image_changes_what_is_written_of_it() {
    let network = architecture::open(&opened("pali/relative")).unwrap();
    let logits = |batch: &Batch| {
        let trace = network.forward(batch, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
        numbers(trace.get("logits").unwrap())
    };
    let batch = inputs("pali/relative");
    let Some(Image::Pixels(mut images)) = batch.image.clone() else { panic!("no pixels") };
    images.pixels = images.pixels.zeros_like().unwrap();
    let other = Batch { image: Some(Image::Pixels(images)), ..batch.clone() };
    assert!(largest_difference(&logits(&batch), &logits(&other)) > 1e-2);
}

#[test]
fn a_loss_on_the_logits_reaches_every_parameter() {
    for model in MODELS {
        assert_loss_reaches_every_parameter(model);
    }
}

#[test]
fn initial_weights_are_those_of_the_configuration() {
    for model in MODELS {
        let config = Config::open(&opened(model)).unwrap();
        let weights = config.initial_weights(&Streams::new(1)).unwrap();
        assert!(config.shapes().keys().eq(weights.keys()), "{model}");
        for (name, shape) in config.shapes() {
            assert_eq!(weights[&name].dims(), shape, "{model}: {name}");
        }
        let network = architecture::build(&config, &weights).unwrap();
        let trace = network.forward(&inputs(model), Pass::Evaluate, TapSelection::All).unwrap();
        let spread = |tap: &str| {
            let values = numbers(trace.get(tap).unwrap());
            (values.iter().map(|value| value * value).sum::<f32>() / values.len() as f32).sqrt()
        };
        // Patches are as large as words.
        let share = spread("encoder.image.hidden.0") / spread("encoder.text.hidden.0");
        assert!((0.5..2.0).contains(&share), "{model}: {share}");
        assert!((0.01..100.0).contains(&spread("logits")), "{model}");
    }
}

#[test]
fn the_image_encoder_is_frozen_where_the_configuration_says_so() {
    let mut copy = Changed::of("pali/relative");
    copy.json["freeze_image_encoder"] = json!(true);
    let config = Config::open(&copy.write()).unwrap();
    assert_eq!(config.frozen_parameters(), ["vision_model."]);
    assert_eq!(config.to_json().unwrap()["freeze_image_encoder"], true);
    assert!(Config::open(&opened("pali/relative")).unwrap().frozen_parameters().is_empty());
}

#[test]
fn a_table_of_words_has_any_of_its_names() {
    for copied in ["encoder.embed_tokens.weight", "decoder.embed_tokens.weight"] {
        let mut copy = Changed::of("pali/relative");
        let shared = "language_model.shared.weight";
        copy.rename(|name| if name == shared { format!("language_model.{copied}") } else { name.to_owned() });
        let network = architecture::open(&copy.write()).unwrap();
        let trace = network.forward(&inputs("pali/relative"), Pass::Evaluate, TapSelection::All).unwrap();
        assert_agrees("pali/relative", &trace);
    }
}

#[test]
fn broken_folders_are_refused_by_key_or_tensor() {
    for (part, key, value, said) in [
        ("", "visual_bias", json!("both"), "`relative` or `none`"),
        ("", "visual_bias", json!(3), "`relative` or `none`"),
        ("", "freeze_image_encoder", json!("no"), "freeze_image_encoder"),
        ("", "vision_config", json!(null), "`vision_config` is null"),
        ("", "text_config", json!([]), "`text_config` is []"),
        ("vision_config", "num_attention_heads", json!(5), "vision_config.num_attention_heads"),
        ("vision_config", "patch_size", json!(3), "vision_config.patch_size is 3"),
        ("vision_config", "patch_size", json!(16), "vision_config.patch_size is 16"),
        ("vision_config", "num_hidden_layers", json!(3), "vision_config.num_hidden_layers is 3"),
        ("vision_config", "hidden_size", json!("12"), "hidden_size"),
        ("vision_config", "hidden_act", json!("gelu_10"), "gelu_10"),
        ("text_config", "model_type", json!("bart"), "t5, mt5"),
        ("text_config", "num_layers", json!(4), "num_layers is 4"),
        ("text_config", "d_model", json!(24), "[24"),
        ("text_config", "vocab_size", json!(24), "language_model.shared.weight"),
        ("text_config", "feed_forward_proj", json!("gated-gelu"), "wi_0"),
    ] {
        let mut copy = Changed::of("pali/relative");
        let place = if part.is_empty() { &mut copy.json } else { &mut copy.json[part] };
        place[key] = value.clone();
        let error = copy.said();
        assert!(error.contains(said), "{part} {key} {value}: {error}");
    }
    let mut copy = Changed::of("pali/relative");
    copy.weights.shift_remove("projector.bias");
    let error = copy.said();
    assert!(error.contains("projector.bias"), "{error}");
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let network = architecture::open(&opened("pali/relative")).unwrap();
    let batch = inputs("pali/relative");
    let said = |batch: &Batch, taps: &[&str]| {
        let wanted = TapSelection::named(taps.iter().copied());
        network.forward(batch, Pass::Evaluate, wanted).map(|_| ()).unwrap_err().to_string()
    };
    let without_image = Batch { image: None, ..batch.clone() };
    assert!(said(&without_image, &["image.hidden.1"]).contains("no image"));
    assert!(said(&without_image, &["encoder.image.hidden.1"]).contains("no image"));
    assert!(said(&Batch { text: None, ..batch.clone() }, &["logits"]).contains("no text"));
    assert!(said(&Batch { target: None, ..batch.clone() }, &["logits"]).contains("`logits` needs"));
    let fewer = Tensor::zeros((2, 3, 8, 8), DType::F32, &Device::Cpu).unwrap();
    let fewer = Weights::from([("pixel_values".to_owned(), fewer)]);
    let fewer = Batch { image: Batch::from_tensors(&fewer).unwrap().image, ..batch.clone() };
    assert!(said(&fewer, &["logits"]).contains("3 texts and 2 images"));
    let vector = Tensor::zeros((3, 16), DType::F32, &Device::Cpu).unwrap();
    assert!(
        said(&Batch { image: Some(Image::Embedding(vector)), ..batch.clone() }, &["logits"])
            .contains("images")
    );
    // An image alone is enough for its tower.
    let alone = Batch { text: None, target: None, ..batch };
    let wanted = TapSelection::named(["image.hidden.2"]);
    assert!(network.forward(&alone, Pass::Evaluate, wanted).unwrap().get("image.hidden.2").is_some());
    let translator = network.translator_of_images(alone.image.as_ref().unwrap()).unwrap();
    assert!(translator.start(&Tokens::pad(&[[7, 1]], 0), 4).map(|_| ()).is_err());
}
