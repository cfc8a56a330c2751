//! Agreement of passes that compute no padding with those that compute it, on the models of `tests/parity`.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::path::Path;
use std::sync::Arc;

use alambic_models::architecture::{self, Batch};
use alambic_models::text_encoder::TextInput;
use alambic_models::{Config, ModelFolder, Pass, TapSelection, Tokens, Trace};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::Dropout;
use alambic_tensor::parameters::{self, Parameters};

const MODELS: [&str; 14] = [
    "bert",
    "xlm-roberta",
    "distilbert",
    "clip",
    "lxmert",
    "vilt",
    "visual-bert",
    "oscar/answers",
    "oscar/pretraining",
    "unimo/patches",
    "marian",
    "bart",
    "mbart",
    "m2m_100",
];

/// A model, its tracked weights and its inputs, of which some are padded.
fn open(model: &str) -> (Config, Parameters, Batch) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model);
    let opened = ModelFolder::open(&folder.join("model")).unwrap();
    let config = Config::open(&opened).unwrap();
    let weights = config.weights(&opened).unwrap();
    let inputs = parameters::load(&folder.join("inputs.safetensors")).unwrap();
    let mut batch = Batch::from_tensors(&inputs).unwrap();
    if let Some(regions) = &mut batch.regions {
        Arc::make_mut(&mut regions.mask)[4..6].fill(0);
    }
    if let Some(target) = &mut batch.target {
        // The end of the second row.
        let end = 2 * target.length;
        Arc::make_mut(&mut target.mask)[end - 2..end].fill(0);
    }
    assert!(batch.text.as_ref().unwrap().tokens.mask.contains(&0));
    (config, Parameters::from_weights(&weights).unwrap(), batch)
}

fn trace(config: &Config, parameters: &Parameters, batch: &Batch, wanted: TapSelection) -> Trace {
    let model = architecture::build(config, &parameters.tracked()).unwrap();
    model.forward(batch, Pass::Evaluate, wanted).unwrap()
}

/// Rows of a tap along its last dimension.
fn rows(tensor: &Tensor) -> Vec<Vec<f32>> {
    let width = *tensor.dims().last().unwrap();
    let values: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// The mask of a tap's rows: of its stream, or of the one that cross-attention looks at.
fn mask<'t>(trace: &'t Trace, name: &str) -> Option<&'t Vec<u8>> {
    if name == "logits" {
        return ["decoder", "text", ""].iter().find_map(|stream| trace.mask(stream)).map(AsRef::as_ref);
    }
    let [own, other] = match (name.split_once("cross."), trace.mask("decoder")) {
        (Some(("", _)), Some(_)) => ["decoder", "encoder"],
        (Some(("", _)), None) => ["language", "vision"],
        (Some(_), _) => ["vision", "language"],
        (None, _) => [name.split('.').next().unwrap(); 2],
    };
    let looked_at = name.contains("cross.keys") || name.contains("cross.values");
    let stream = if looked_at { other } else { own };
    let stream = if trace.mask(stream).is_some() { stream } else { "" };
    let hidden = name.contains("hidden");
    if hidden { trace.hidden_mask(stream) } else { trace.mask(stream) }.map(AsRef::as_ref)
}

#[test]
fn taps_without_padding_are_those_with_it_at_tokens_and_zero_elsewhere() {
    for model in MODELS {
        let (config, parameters, batch) = open(model);
        let all = trace(&config, &parameters, &batch, TapSelection::All);
        let names = TapSelection::named(all.taps().keys().cloned());
        let unpadded = trace(&config, &parameters, &batch, names.clone());
        let padded = trace(&config, &parameters, &batch, names.with_padding());
        let mut left_out = 0;
        for (name, expected) in all.taps() {
            let (found, with) = (unpadded.get(name).unwrap(), padded.get(name).unwrap());
            assert_eq!(rows(with), rows(expected), "{model}: {name}");
            assert_eq!(found.dims(), expected.dims(), "{model}: {name}");
            // Rows of states, and of what queries have to do with keys.
            let (mask, each) = match *found.dims() {
                [_, _, _] => (mask(&all, name), 1),
                [_, heads, ..] if found.rank() == 4 => (mask(&all, name), heads),
                _ => (None, 1),
            };
            // A value a row of the batch, such as how well a text and an image match, has no tokens.
            let length = found.dims().iter().rev().nth(1).copied().unwrap_or(1);
            let scores = name.contains("scores");
            for (row, (found, expected)) in rows(found).into_iter().zip(rows(expected)).enumerate() {
                let place = row / (each * length) * length + row % length;
                if mask.is_some_and(|mask| mask[place] == 0) {
                    assert!(found.iter().all(|value| *value == 0.0), "{model}: padding of {name}");
                    left_out += 1;
                    continue;
                }
                let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
                for (found, expected) in found.iter().zip(&expected) {
                    // Scores of keys that are padding are of no query.
                    let is_padding = scores && *found == 0.0;
                    let close = (found - expected).abs() <= 2e-5 * scale;
                    assert!(close || is_padding, "{model}: {name} is {found}, not {expected}");
                }
            }
        }
        assert!(left_out > 0, "{model}");
    }
}

#[test]
fn gradients_without_padding_are_those_with_it() {
    for model in MODELS {
        let (config, parameters, batch) = open(model);
        let all = trace(&config, &parameters, &batch, TapSelection::All);
        // Of each kind, one: probabilities, and what was made of the last states.
        let wanted: Vec<String> = all
            .taps()
            .keys()
            .filter(|name| name.ends_with("attention.0") || !name.contains('.') || name.ends_with("values.1"))
            .cloned()
            .collect();
        let gradients = |wanted: TapSelection| {
            let found = trace(&config, &parameters, &batch, wanted);
            let parts = found.taps().iter().map(|(name, tensor)| {
                // Every token with a factor of its own, and padding with none.
                let count = tensor.elem_count();
                let factors: Vec<f32> = (0..count).map(|index| (index as f32 * 0.7).sin()).collect();
                let width = *tensor.dims().last().unwrap();
                let (mask, heads, length) = match *tensor.dims() {
                    [_, length, _] => (mask(&all, name), 1, length),
                    [_, heads, length, _] => (mask(&all, name), heads, length),
                    _ => (None, 1, 1),
                };
                let factors = factors.into_iter().enumerate().map(|(index, factor)| {
                    let row = index / width;
                    let place = row / (heads * length) * length + row % length;
                    if mask.is_some_and(|mask| mask[place] == 0) { 0.0 } else { factor }
                });
                let factors = Tensor::from_vec(factors.collect(), tensor.shape(), tensor.device()).unwrap();
                (tensor * factors).unwrap().sum_all().unwrap()
            });
            let total = parts.reduce(|sum, part| (sum + part).unwrap()).unwrap();
            Gradients::of(&total, &parameters).unwrap()
        };
        let wanted = TapSelection::named(wanted);
        let (unpadded, padded) = (gradients(wanted.clone()), gradients(wanted.with_padding()));
        let whole = padded.norm().unwrap();
        let mut reached = 0;
        for name in parameters.tracked().keys() {
            let (found, expected) = (unpadded.tensor(name).unwrap(), padded.tensor(name).unwrap());
            let (Some(found), Some(expected)) = (&found, &expected) else {
                assert_eq!(found.is_some(), expected.is_some(), "{model}: {name}");
                continue;
            };
            let squares = (found - expected).unwrap().sqr().unwrap().sum_all().unwrap();
            let difference = f64::from(squares.to_scalar::<f32>().unwrap()).sqrt();
            assert!(difference <= 1e-5 * whole, "{model}: the gradient of {name} is {difference} off");
            reached += 1;
        }
        assert!(reached > 10, "{model}");
    }
}

#[test]
fn texts_of_one_length_and_those_that_begin_with_padding_are_read_as_before() {
    let (config, parameters, _) = open("bert");
    let read = |tokens: &Tokens, wanted: TapSelection| {
        let batch = Batch { text: Some(TextInput::new(tokens.clone())), ..Batch::default() };
        rows(trace(&config, &parameters, &batch, wanted).get("hidden.2").unwrap())
    };
    let even = Tokens::pad(&[[2u32, 5, 7], [3, 9, 4]], 0);
    let mut late = even.clone();
    late.mask = Arc::new(vec![0, 1, 1, 1, 1, 1]);
    for tokens in [even, late] {
        let wanted = TapSelection::named(["hidden.2"]);
        assert_eq!(read(&tokens, wanted.clone()), read(&tokens, wanted.with_padding()));
    }
}

#[test]
fn dropout_is_drawn_for_tokens_alone() {
    let (config, parameters, batch) = open("bert");
    let wanted = TapSelection::named(["hidden.1"]);
    let model = architecture::build(&config, &parameters.tracked()).unwrap();
    let dropout = Dropout::new(&Streams::new(3));
    let read = |batch: &Batch| model.forward(batch, Pass::Train(&dropout), wanted.clone()).unwrap();
    dropout.seek(0, 0);
    let short = rows(read(&batch).get("hidden.1").unwrap());
    // As many more places of padding change neither what is drawn nor what comes out.
    let text = batch.text.as_ref().unwrap();
    let tokens = text.tokens.padded(text.tokens.length + 4, 0);
    let longer = TextInput { segments: None, ..TextInput::new(tokens) };
    let plain = TextInput { segments: None, ..text.clone() };
    dropout.seek(0, 0);
    let short_plain = rows(read(&Batch { text: Some(plain), ..Batch::default() }).get("hidden.1").unwrap());
    dropout.seek(0, 0);
    let long = read(&Batch { text: Some(longer), ..Batch::default() });
    let long = long.get("hidden.1").unwrap().narrow(1, 0, text.tokens.length).unwrap();
    assert_eq!(short_plain, rows(&long));
    assert_eq!(short.len(), short_plain.len());
}
