//! Agreement with transformers on tiny random models, whose inputs and expected taps lie in `tests/parity`.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use crate::traces::{assert_agrees, folder};
use alambic_models::encoder_decoder::EncoderDecoder;
use alambic_models::encoder_decoder::bart::BartConfig;
use alambic_models::{
    GenerationConfig, ModelFolder, Pass, Precision, TapSelection, Tokens, Translator, write_weights,
};
use alambic_tensor::candle::{DType, Tensor};
use alambic_tensor::gradients::{Gradients, is_key_bias};
use alambic_tensor::parameters::{self, Parameters};

fn marian() -> EncoderDecoder {
    let folder = ModelFolder::open(&folder("marian").join("model")).unwrap();
    let config = BartConfig::open(&folder).unwrap();
    EncoderDecoder::new(config.structure(), &folder.weights().unwrap()).unwrap()
}

fn largest_difference(left: &Tensor, right: &Tensor) -> f32 {
    (left - right).unwrap().abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap()
}

fn inputs() -> (Tokens, Tokens) {
    let inputs = parameters::load(&folder("marian").join("inputs.safetensors")).unwrap();
    let source = Tokens::from_tensors(&inputs["input_ids"], Some(&inputs["attention_mask"])).unwrap();
    (source, Tokens::from_tensors(&inputs["decoder_input_ids"], None).unwrap())
}

#[test]
fn marian_taps_agree_with_transformers() {
    let (source, target) = inputs();
    let trace = marian().trace(&source, Some(&target), Pass::Evaluate, TapSelection::All).unwrap();
    assert_agrees("marian", &trace);
}

#[test]
fn marian_with_tables_of_each_language_agrees_with_transformers_before_and_after_it_is_written() {
    for kind in ["two", "three"] {
        let kind = format!("marian-tables/{kind}");
        let inputs = parameters::load(&folder(&kind).join("inputs.safetensors")).unwrap();
        let source = Tokens::from_tensors(&inputs["input_ids"], Some(&inputs["attention_mask"])).unwrap();
        let target = Tokens::from_tensors(&inputs["decoder_input_ids"], None).unwrap();
        let published = ModelFolder::open(&folder(&kind).join("model")).unwrap();
        let config = BartConfig::open(&published).unwrap();
        let weights = config.weights(&published).unwrap();
        let again = tempfile::tempdir().unwrap();
        std::fs::write(again.path().join("config.json"), config.to_json().unwrap().to_string()).unwrap();
        write_weights(again.path(), &weights, Precision::F32).unwrap();
        for read in [published, ModelFolder::open(again.path()).unwrap()] {
            let config = BartConfig::open(&read).unwrap();
            let model = EncoderDecoder::new(config.structure(), &config.weights(&read).unwrap()).unwrap();
            let trace = model.trace(&source, Some(&target), Pass::Evaluate, TapSelection::All).unwrap();
            assert_agrees(&kind, &trace);
        }
    }
}

#[test]
fn fused_attention_computes_what_the_tapped_one_does() {
    let (source, target) = inputs();
    let (model, wanted) = (marian(), TapSelection::named(["logits", "encoder.hidden.2"]).with_padding());
    let fused = model.trace(&source, Some(&target), Pass::Evaluate, wanted).unwrap();
    let tapped = model.trace(&source, Some(&target), Pass::Evaluate, TapSelection::All).unwrap();
    assert_eq!(fused.taps().len(), 2);
    for (name, tensor) in fused.taps() {
        assert!(largest_difference(tensor, tapped.get(name).unwrap()) < 1e-5);
    }
}

#[test]
fn cached_decoding_follows_the_teacher_forced_logits() {
    let (source, target) = inputs();
    let model = marian();
    let trace = model.trace(&source, Some(&target), Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let logits = trace.get("logits").unwrap();
    let mut stepper = model.start(&source, 10).unwrap();
    for position in 0..target.length {
        let tokens: Vec<u32> =
            (0..target.batch).map(|row| target.ids[row * target.length + position]).collect();
        let step = stepper.step(&tokens).unwrap();
        let step = Tensor::from_vec(step, (target.batch, logits.dim(2).unwrap()), logits.device()).unwrap();
        let expected = logits.narrow(1, position, 1).unwrap().squeeze(1).unwrap();
        assert!(largest_difference(&step, &expected) < 1e-4, "position {position}");
    }
}

#[test]
fn beam_of_one_is_greedy_and_wider_beams_score_no_worse() {
    let (source, _) = inputs();
    let model = marian();
    let greedy = GenerationConfig::greedy(12).run(&model, &source).unwrap();
    let beam = GenerationConfig { beam: 4, length_penalty: 0.0, ..GenerationConfig::greedy(12) }
        .run(&model, &source)
        .unwrap();
    for (greedy, beam) in greedy.iter().zip(&beam) {
        assert_eq!(greedy.len(), 1);
        assert!(!beam.is_empty() && beam.len() <= 4);
        assert!(beam.windows(2).all(|pair| pair[0].log_probability >= pair[1].log_probability));
    }
    // Rows are independent: the batch gives what each example gives alone.
    let second = Tokens {
        ids: source.ids[source.length..2 * source.length].to_vec().into(),
        mask: source.mask[source.length..2 * source.length].to_vec().into(),
        batch: 1,
        length: source.length,
    };
    let alone = GenerationConfig { beam: 4, length_penalty: 0.0, ..GenerationConfig::greedy(12) }
        .run(&model, &second)
        .unwrap();
    assert_eq!(alone[0][0].tokens, beam[1][0].tokens);
}

#[test]
fn a_loss_on_the_logits_reaches_every_parameter() {
    let folder = ModelFolder::open(&folder("marian").join("model")).unwrap();
    let mut weights = folder.weights().unwrap();
    for buffer in
        ["final_logits_bias", "model.encoder.embed_positions.weight", "model.decoder.embed_positions.weight"]
    {
        weights.shift_remove(buffer);
    }
    let parameters = Parameters::from_weights(&weights).unwrap();
    let model =
        EncoderDecoder::new(BartConfig::open(&folder).unwrap().structure(), &parameters.tracked()).unwrap();
    let (source, target) = inputs();
    let trace = model.trace(&source, Some(&target), Pass::Evaluate, TapSelection::named(["logits"])).unwrap();
    let loss = trace.get("logits").unwrap().to_dtype(DType::F32).unwrap().sqr().unwrap().mean_all().unwrap();
    let gradients = Gradients::of(&loss, &parameters).unwrap();
    assert!(gradients.unreached(&parameters).is_empty());
    gradients.check(is_key_bias).unwrap();
}
