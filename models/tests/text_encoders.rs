//! Agreement of text encoders of every family with transformers, on tiny random models in `tests/parity`; and that they train.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::traces::{assert_agrees, folder};
use alambic_models::text_encoder::{Head, HeadSpec, TextEncoder, TextEncoderConfig, TextInput};
use alambic_models::{Config, ModelFolder, Pass, Precision, TapSelection, Tokens, Trace, write_weights};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{self, Parameters, Weights};

/// Families whose parity models have a head.
const HEADED: [&str; 12] = [
    "bert",
    "xlm",
    "xlm-roberta",
    "distilbert",
    "camembert",
    "electra",
    "albert",
    "mpnet",
    "deberta-v2",
    "deberta-v3",
    "deberta-v2-plain",
    "modernbert",
];

/// Those without one.
const BARE: [&str; 2] = ["electra-discriminator", "nomic-bert"];

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

/// One text of a batch, without its padding.
fn row_alone(input: &TextInput, row: usize) -> TextInput {
    let tokens = &input.tokens;
    let own = row * tokens.length..(row + 1) * tokens.length;
    let kept = |values: &[u32]| {
        let of_row = values[own.clone()].iter().zip(&tokens.mask[own.clone()]);
        of_row.filter(|(_, kept)| **kept == 1).map(|(value, _)| *value).collect::<Vec<_>>()
    };
    TextInput {
        segments: input.segments.as_ref().map(|segments| kept(segments).into()),
        languages: input.languages.as_ref().map(|languages| kept(languages).into()),
        ..TextInput::new(Tokens::pad(&[kept(&tokens.ids)], 0))
    }
}

/// Configuration, weights and inputs of a model.
fn encoder(model: &str) -> (TextEncoderConfig, Weights, TextInput) {
    let opened = ModelFolder::open(&folder(model).join("model")).unwrap();
    let config = TextEncoderConfig::open(&opened).unwrap();
    let weights = config.weights(&opened).unwrap();
    (config, weights, input(model))
}

fn input(model: &str) -> TextInput {
    let inputs = parameters::load(&folder(model).join("inputs.safetensors")).unwrap();
    let tokens = Tokens::from_tensors(&inputs["input_ids"], inputs.get("attention_mask")).unwrap();
    let numbers = |name: &str| {
        let ids = inputs.get(name)?;
        Some(ids.to_dtype(DType::U32).unwrap().flatten_all().unwrap().to_vec1::<u32>().unwrap().into())
    };
    let (segments, languages) = (numbers("token_type_ids"), numbers("langs"));
    TextInput { segments, languages, ..TextInput::new(tokens) }
}

fn trace(config: &TextEncoderConfig, weights: &Weights, input: &TextInput) -> Trace {
    let network = TextEncoder::new(config, weights).unwrap();
    network.trace(input, Pass::Evaluate, TapSelection::All).unwrap()
}

#[test]
fn taps_agree_with_transformers() {
    for model in HEADED.into_iter().chain(BARE) {
        let (config, weights, input) = encoder(model);
        let trace = trace(&config, &weights, &input);
        assert_agrees(model, &trace);
        let outline = config.outline().taps();
        assert!(trace.taps().keys().all(|tap| outline.contains(tap)), "{model}");
        assert_eq!(outline.len(), trace.taps().len(), "{model}");
    }
}

#[test]
fn other_spelling_of_a_configuration_gives_the_same_model() {
    let again = tempfile::tempdir().unwrap();
    let path = folder("modernbert");
    std::fs::copy(path.join("config-other.json"), again.path().join("config.json")).unwrap();
    std::fs::copy(path.join("model/model.safetensors"), again.path().join("model.safetensors")).unwrap();
    let other = TextEncoderConfig::open(&ModelFolder::open(again.path()).unwrap()).unwrap();
    assert_eq!(other, encoder("modernbert").0);
}

#[test]
fn written_folder_gives_the_same_model() {
    for model in HEADED.into_iter().chain(BARE) {
        let (config, weights, input) = encoder(model);
        let again = tempfile::tempdir().unwrap();
        let json = config.to_json().to_string();
        std::fs::write(again.path().join("config.json"), json).unwrap();
        write_weights(again.path(), &weights, Precision::F32).unwrap();
        let read = ModelFolder::open(again.path()).unwrap();
        let own = Config::open(&read).unwrap();
        // Labels are written with a head that has some.
        let labels = config.labels.clone();
        assert_eq!(TextEncoderConfig { labels, ..own.text_encoder().unwrap().clone() }, config, "{model}");
        assert_agrees(model, &trace(&config, &own.weights(&read).unwrap(), &input));
    }
}

#[test]
fn only_what_is_wanted_is_computed() {
    for model in HEADED {
        let (config, weights, input) = encoder(model);
        let network = TextEncoder::new(&config, &weights).unwrap();
        let all = network.trace(&input, Pass::Evaluate, TapSelection::All).unwrap();
        for tap in ["hidden.0", "hidden.1", "hidden.2", "scores.0", "values.1", "logits"] {
            let wanted = TapSelection::named([tap]).with_padding();
            let alone = network.trace(&input, Pass::Evaluate, wanted).unwrap();
            assert_eq!(alone.taps().keys().collect::<Vec<_>>(), [tap]);
            let difference = largest_difference(alone.get(tap).unwrap(), all.get(tap).unwrap());
            assert!(difference < 1e-5, "{model}: {tap} differs by {difference}");
        }
    }
}

#[test]
fn text_alone_gives_what_it_gives_in_a_padded_batch() {
    for model in HEADED {
        let (config, weights, input) = encoder(model);
        let network = TextEncoder::new(&config, &weights).unwrap();
        // Without padding, as training and inference run it.
        let wanted = TapSelection::named(["logits"]);
        let together = network.trace(&input, Pass::Evaluate, wanted.clone()).unwrap();
        for row in 0..input.tokens.batch {
            let alone = network.trace(&row_alone(&input, row), Pass::Evaluate, wanted.clone()).unwrap();
            let expected = together.get("logits").unwrap().narrow(0, row, 1).unwrap();
            let difference = largest_difference(alone.get("logits").unwrap(), &expected);
            assert!(difference < 1e-5, "{model}: row {row} differs by {difference}");
        }
    }
}

#[test]
fn masked_language_logits_are_of_the_selected_tokens() {
    for model in HEADED {
        let (config, _, input) = encoder(model);
        let config = TextEncoderConfig { head: Head::MaskedLanguage, pooler: false, ..config };
        let weights = TextEncoder::initial_weights(&config, &Streams::new(2)).unwrap();
        let shapes: Vec<(&String, &[usize])> =
            weights.iter().map(|(name, tensor)| (name, tensor.dims())).collect();
        let expected = config.shapes();
        assert!(shapes.into_iter().eq(expected.iter().map(|(name, shape)| (name, shape.as_slice()))));
        let words = weights.values().next().unwrap().to_vec2::<f32>().unwrap();
        let zero = |row: &Vec<f32>| row.iter().all(|value| *value == 0.0);
        assert_eq!(words.iter().position(zero), Some(config.padding as usize), "{model}");

        let network = TextEncoder::new(&config, &weights).unwrap();
        let logits = |input: &TextInput| {
            let trace = network.trace(input, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
            trace.get("logits").unwrap().clone()
        };
        let all = logits(&input).flatten_to(1).unwrap();
        let chosen = [1u32, 8, 9];
        let selected = logits(&TextInput { selected: Some(chosen.to_vec().into()), ..input });
        assert_eq!(selected.dims(), [3, config.vocabulary]);
        let rows = Tensor::new(&chosen, all.device()).unwrap();
        assert!(largest_difference(&selected, &all.index_select(&rows, 0).unwrap()) < 1e-5, "{model}");
    }
}

/// Steps in which the weighted sum of squared differences from a target falls.
fn losses(
    config: &TextEncoderConfig,
    weights: &Weights,
    input: &TextInput,
    target: (&str, &Tensor),
) -> Vec<f32> {
    let parameters = Parameters::from_weights(weights).unwrap();
    let mut optimiser = AdamW::new(AdamWOptions { learning_rate: 5e-3, ..AdamWOptions::default() });
    let dropout = Dropout::new(&Streams::new(5));
    let step = |step: usize| {
        dropout.seek(step, 0);
        let network = TextEncoder::new(config, &parameters.tracked()).unwrap();
        let wanted = TapSelection::named([target.0]);
        let trace = network.trace(input, Pass::Train(&dropout), wanted).unwrap();
        let difference = (trace.get(target.0).unwrap() - target.1).unwrap();
        let loss = difference.sqr().unwrap().mean_all().unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        optimiser.step(&parameters, &gradients, 1.0, 1.0).unwrap();
        loss.to_scalar::<f32>().unwrap()
    };
    (0..12).map(step).collect()
}

#[test]
fn student_of_fewer_layers_is_fine_tuned_and_distilled() {
    for model in HEADED.into_iter().chain(BARE) {
        let (teacher, weights, input) = encoder(model);
        let layers = [0, teacher.layers - 1];
        let student = teacher.clone().with_layers(&layers);
        let own = if teacher.structure.is_shared {
            weights.clone()
        } else {
            teacher.names().select_layers(&weights, &layers)
        };
        let labels = vec!["no".to_owned(), "yes".to_owned()];
        let head = HeadSpec { head: Head::Sequence, labels, ..HeadSpec::none() };
        let (tuned, tuned_weights) = TextEncoder::with_head(&student, &own, &head, &Streams::new(3)).unwrap();
        let classes: Vec<f32> = (0..2 * input.tokens.batch).map(|index| (index % 3) as f32 - 1.0).collect();
        let classes = Tensor::from_vec(classes, (input.tokens.batch, 2), weights[0].device()).unwrap();
        // The last hidden state of the student learns that of its teacher.
        let states = trace(&teacher, &weights, &input);
        let states = states.get(&format!("hidden.{}", teacher.layers)).unwrap();
        let (bare, bare_weights) =
            TextEncoder::with_head(&student, &own, &HeadSpec::none(), &Streams::new(3)).unwrap();
        let padded = ("hidden.2", states);
        for (config, weights, target) in
            [(&tuned, &tuned_weights, ("logits", &classes)), (&bare, &bare_weights, padded)]
        {
            let losses = losses(config, weights, &input, target);
            let (first, last) = (losses[0], losses[losses.len() - 1]);
            assert!(last < 0.9 * first, "{model}, {}: from {first} to {last}", target.0);
        }
    }
}

#[test]
fn a_loss_on_the_logits_reaches_every_parameter() {
    for model in HEADED {
        let (config, weights, input) = encoder(model);
        let parameters = Parameters::from_weights(&weights).unwrap();
        let network = TextEncoder::new(&config, &parameters.tracked()).unwrap();
        let trace = network.trace(&input, Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
        let loss = trace.get("logits").unwrap().sqr().unwrap().mean_all().unwrap();
        let gradients = Gradients::of(&loss, &parameters).unwrap();
        assert_eq!(gradients.unreached(&parameters), Vec::<String>::new(), "{model}");
        gradients.check(is_key_bias).unwrap();
    }
}
