//! Oscar that writes captions, and that reads two images: taps against transformers' parts (`parity/oscar-captions/make.py`), decoding
//! token by token, and what is refused.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail wherever it is")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use alambic_models::architecture::{self, Architecture, Batch, Image};
use alambic_models::oscar::{Oscar, OscarConfig};
use alambic_models::text_encoder::{Head, HeadSpec, TextInput};
use alambic_models::{
    Config, GenerationConfig, ModelFolder, Pass, Precision, TaggedRegions, TapSelection, Tokens, Trace,
    write_weights,
};
use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Tensor};
use alambic_tensor::parameters::{Weights, load};

fn parity(model: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/parity").join(model)
}

fn opened(model: &str) -> (OscarConfig, Weights) {
    let folder = ModelFolder::open(&parity(model).join("model")).unwrap();
    let config = Config::open(&folder).unwrap();
    let weights = config.weights(&folder).unwrap();
    let Config::Oscar(config) = config else { panic!("{model} is another model") };
    (config, weights)
}

fn network(model: &str) -> Oscar {
    let (config, weights) = opened(model);
    Oscar::new(&config, &weights).unwrap()
}

fn inputs(model: &str) -> Batch {
    Batch::from_tensors(&load(&parity(model).join("inputs.safetensors")).unwrap()).unwrap()
}

fn expected(model: &str) -> Weights {
    load(&parity(model).join("expected.safetensors")).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

fn traced(network: &Oscar, batch: &Batch, wanted: TapSelection) -> Trace {
    network.forward(batch, Pass::Evaluate, wanted).unwrap()
}

/// The largest difference at places of a mask, to the largest value.
fn difference(found: &Tensor, expected: &Tensor, is_kept: impl Fn(usize) -> bool) -> f32 {
    assert_eq!(found.dims(), expected.dims());
    let pairs = values(found).into_iter().zip(values(expected)).enumerate();
    let kept: Vec<(f32, f32)> =
        pairs.filter(|(index, _)| is_kept(*index)).map(|(_, (found, expected))| (found, expected)).collect();
    let largest = kept.iter().map(|(_, expected)| expected.abs()).fold(1.0, f32::max);
    kept.iter().map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max) / largest
}

#[test]
fn taps_of_captions_are_those_of_transformers_parts() {
    let (network, batch) = (network("oscar-captions"), inputs("oscar-captions"));
    let trace = traced(&network, &batch, TapSelection::All);
    let mask = trace.mask("").unwrap().clone();
    let length = mask.len() / 3;
    for (name, expected) in expected("oscar-captions") {
        let Some(found) = trace.get(&name) else {
            assert!(["written", "first_logits"].contains(&name.as_str()), "{name}");
            continue;
        };
        let dims = found.dims().to_vec();
        // What stands at padding is read by nobody.
        let kept = |index: usize| match dims.as_slice() {
            [_, heads, queries, keys] => {
                let row = index / (heads * queries * keys);
                mask[row * length + index / keys % queries] != 0
            }
            [_, rows, width] => mask[index / (rows * width) * length + index / width % rows] != 0,
            _ => true,
        };
        let difference = difference(found, &expected, kept);
        assert!(difference < 1e-4, "{name}: {difference}");
    }
    let parts: usize = ["text.hidden.1", "image.hidden.1"]
        .map(|tap| trace.get(tap).unwrap().dim(1).unwrap())
        .into_iter()
        .sum();
    assert_eq!(parts, length);
}

#[test]
fn word_leaves_what_is_left_of_it_as_it_is_and_changes_what_is_right() {
    let (network, batch) = (network("oscar-captions"), inputs("oscar-captions"));
    let logits = |batch: &Batch| -> Vec<Vec<f32>> {
        let trace = traced(&network, batch, TapSelection::named(["logits"]));
        trace.get("logits").unwrap().get(0).unwrap().to_vec2().unwrap()
    };
    let before = logits(&batch);
    let text = batch.text.clone().unwrap();
    for place in 1..9 {
        let mut ids = text.tokens.ids.to_vec();
        ids[place] = 40 + place as u32;
        let tokens = Tokens { ids: Arc::new(ids), ..text.tokens.clone() };
        let changed = Batch { text: Some(TextInput { tokens, ..text.clone() }), ..batch.clone() };
        let after = logits(&changed);
        assert_eq!(before[..place], after[..place], "{place}");
        assert_ne!(before[place], after[place], "{place}");
        // Tags see no caption.
        assert_eq!(before[9..], after[9..], "{place}");
        assert!(place == 8 || before[8] != after[8], "{place}");
    }
    // And a caption sees every tag.
    let mut ids = text.tokens.ids.to_vec();
    ids[11] = 33;
    let tokens = Tokens { ids: Arc::new(ids), ..text.tokens.clone() };
    let changed = Batch { text: Some(TextInput { tokens, ..text }), ..batch.clone() };
    assert_ne!(before[0], logits(&changed)[0]);
}

#[test]
fn what_is_written_with_a_cache_is_what_is_written_without() {
    let (network, batch) = (network("oscar-captions"), inputs("oscar-captions"));
    let expected = expected("oscar-captions");
    let image = batch.image_of_writer().unwrap().unwrap();
    let translator = network.translator_of_images(&image).unwrap();
    let prompts = Tokens::pad(&[[1u32, 2]; 3], 0);
    let mut state = translator.start(&prompts, 8).unwrap();
    let first = Tensor::from_vec(state.step(&[1, 1, 1]).unwrap(), (3, 60), &Device::Cpu).unwrap();
    let off = difference(&first, &expected["first_logits"], |_| true);
    assert!(off < 1e-4, "{off}");
    let written = GenerationConfig::greedy(8).run(&*translator, &prompts).unwrap();
    let rows: Vec<Vec<f32>> = expected["written"].to_dtype(DType::F32).unwrap().to_vec2().unwrap();
    for (row, hypotheses) in rows.iter().zip(written) {
        let all: Vec<u32> = row[1..].iter().map(|id| *id as u32).take_while(|id| *id != 2).collect();
        assert_eq!(hypotheses[0].tokens, all);
    }
    // A beam of several keeps rows of a cache that are copied: its score is that of its tokens by themselves.
    let beam = GenerationConfig { beam: 3, ..GenerationConfig::greedy(6) };
    for (row, hypotheses) in beam.run(&*translator, &prompts).unwrap().into_iter().enumerate() {
        for hypothesis in hypotheses {
            let mut state = translator.start(&prompts, 8).unwrap();
            let (mut sum, mut last) = (0.0, 1);
            let ends = hypothesis.finished.then_some(2);
            for &token in hypothesis.tokens.iter().chain(&ends) {
                let logits = state.step(&[last; 3]).unwrap();
                let own = &logits[row * 60..(row + 1) * 60];
                let normal = own.iter().map(|logit| logit.exp()).sum::<f32>().ln();
                (sum, last) = (sum + own[token as usize] - normal, token);
            }
            assert!((sum - hypothesis.log_probability).abs() < 1e-3, "{sum} {}", hypothesis.log_probability);
        }
    }
}

#[test]
fn image_without_tags_or_regions_is_written_of_as_in_a_batch() {
    let (network, batch) = (network("oscar-captions"), inputs("oscar-captions"));
    let Some(Image::Regions(image)) = batch.image_of_writer().unwrap() else { panic!("no regions") };
    let none = TaggedRegions { tags: Tokens::pad(&vec![Vec::<u32>::new(); 3], 0), ..image.clone() };
    let first = |image: TaggedRegions| {
        let image = Image::Regions(image);
        let translator = network.translator_of_images(&image).unwrap();
        let mut state = translator.start(&Tokens::pad(&[[1u32]; 3], 0), 4).unwrap();
        state.step(&[1; 3]).unwrap()
    };
    // Tags that are padding are no tags.
    let padding = Tokens { mask: Arc::new(vec![0; image.tags.mask.len()]), ..image.tags.clone() };
    let padded = first(TaggedRegions { tags: padding, ..image.clone() });
    let plain = first(none.clone());
    assert!(plain.iter().zip(&padded).all(|(one, other)| (one - other).abs() < 1e-4));
    let mut regions = none.regions.clone();
    regions.mask = Arc::new(vec![0; regions.mask.len()]);
    let nothing = first(TaggedRegions { regions, ..none });
    assert!(nothing.iter().all(|logit| logit.is_finite()));
    // What nothing is seen of is the same in all rows.
    assert_eq!(nothing[..60], nothing[60..120]);
}

#[test]
fn what_no_caption_is_written_of_is_refused() {
    let (network, batch) = (network("oscar-captions"), inputs("oscar-captions"));
    let said = |batch: &Batch| {
        let outcome = network.forward(batch, Pass::Evaluate, TapSelection::All);
        outcome.unwrap_err().to_string()
    };
    let text = batch.text.clone().unwrap();
    let of = |segments: Vec<u32>| {
        let text = TextInput { segments: Some(Arc::new(segments)), ..text.clone() };
        Batch { text: Some(text), ..batch.clone() }
    };
    let mut segments = text.segments.as_ref().unwrap().to_vec();
    segments[3] = 1;
    assert!(said(&of(segments)).contains("captions come first"), "{}", said(&batch));
    assert!(said(&of(vec![1; 42])).contains("captions come first"));
    assert!(said(&of(vec![0; 42])).contains("longer than the 9"));
    let Some(Image::Regions(image)) = batch.image_of_writer().unwrap() else { panic!("no regions") };
    let tags = Tokens::pad(&[[5u32; 8]; 3], 0);
    let image = Image::Regions(TaggedRegions { tags, ..image });
    let translator = network.translator_of_images(&image).unwrap();
    let Err(error) = translator.start(&Tokens::pad(&[[1u32]; 3], 0), 4) else { panic!("it starts") };
    assert!(error.to_string().contains("longer than the 7 positions"), "{error}");
}

#[test]
fn configuration_is_written_as_it_is_read() {
    for model in ["oscar-captions", "oscar-pairs", "oscar/answers", "oscar/pretraining"] {
        let (config, weights) = opened(model);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), config.to_json().to_string()).unwrap();
        write_weights(folder.path(), &weights, Precision::F32).unwrap();
        let again = Config::open(&ModelFolder::open(folder.path()).unwrap()).unwrap();
        assert_eq!(again, Config::Oscar(config), "{model}");
    }
    let (config, _) = opened("oscar-captions");
    assert!(config.captions && config.freeze_embedding);
    let config = Config::Oscar(config);
    assert!(config.writes_texts() && !config.frozen_parameters().is_empty());
    let (pretrained, _) = opened("oscar/pretraining");
    assert!(!pretrained.captions);
}

#[test]
fn pretrained_model_goes_on_to_write_and_back() {
    let (pretrained, weights) = opened("oscar/pretraining");
    let pretrained = OscarConfig { max_caption_length: 12, ..pretrained };
    let writes = HeadSpec { writes: true, ..HeadSpec::none() };
    let (config, own) = Oscar::with_head(&pretrained, &weights, &writes, &Streams::new(1)).unwrap();
    assert!(config.captions && config.relations == 0);
    let name = "cls.predictions.transform.dense.weight";
    assert_eq!(values(&own[name]), values(&weights[name]));
    Oscar::new(&config, &own).unwrap();
    let answers = HeadSpec { head: Head::Sequence, labels: vec!["a".into(), "b".into()], ..HeadSpec::none() };
    let (config, own) = Oscar::with_head(&config, &own, &answers, &Streams::new(1)).unwrap();
    assert!(!config.captions && own.contains_key("classifier.weight"));
    let two = HeadSpec { images: 2, ..answers };
    let (config, own) = Oscar::with_head(&config, &own, &two, &Streams::new(1)).unwrap();
    assert_eq!(own["classifier.0.weight"].dims(), [3 * config.bert.width, 2 * config.bert.width]);
    Oscar::new(&config, &own).unwrap();
}

#[test]
fn two_images_are_classified_side_by_side() {
    let (network, batch) = (network("oscar-pairs"), inputs("oscar-pairs"));
    let wanted = ["pooled", "logits", "hidden.2"];
    let trace = traced(&network, &batch, TapSelection::named(wanted).with_padding());
    let expected = expected("oscar-pairs");
    let mask = trace.mask("").unwrap().clone();
    for name in wanted {
        let width = expected[name].dims().last().copied().unwrap();
        let kept = |index: usize| name != "hidden.2" || mask[index / width] != 0;
        let difference = difference(trace.get(name).unwrap(), &expected[name], kept);
        assert!(difference < 1e-4, "{name}: {difference}");
    }
    // A text without tags stands once, and is read with each of its images.
    let once = Tokens::pad(&[[5u32, 6, 7], [8, 9, 10]], 0);
    let text = TextInput::new(once.clone());
    let read = |text: TextInput| {
        let batch = Batch { text: Some(text), ..batch.clone() };
        values(traced(&network, &batch, TapSelection::named(["logits"])).get("logits").unwrap())
    };
    assert_eq!(read(text), read(TextInput::new(once.repeated(2))));
    let three = Batch { text: Some(TextInput::new(Tokens::pad(&[[5u32]; 3], 0))), ..batch };
    let error = network.forward(&three, Pass::Evaluate, TapSelection::All).unwrap_err().to_string();
    assert!(error.contains("there are 3 texts and regions of 4 images"), "{error}");
    assert!(architecture::build(&Config::Oscar(opened("oscar-pairs").0), &opened("oscar-pairs").1).is_ok());
}
