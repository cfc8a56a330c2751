//! Terms whose weight or temperature changes over the steps of a stage.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::sync::Arc;

use alambic_losses::recorded::{evaluate, parse};
use alambic_losses::{Inputs, LossError, ScheduledValue, Targets, Term, progress};
use alambic_models::{Outline, TapSelection, Trace};
use alambic_settings::AddedKinds;
use alambic_tensor::candle::{Device, Tensor};
use alambic_tensor::parameters::Weights;

/// Logits of three texts, the student's and the teacher's.
const LOGITS: [[[f32; 3]; 3]; 2] = [
    [[0.5, -1.0, 2.0], [1.5, 0.0, -0.5], [0.1, 0.2, 0.3]],
    [[1.0, -2.0, 1.0], [3.0, 0.5, -1.0], [-0.4, 0.9, 0.0]],
];

fn bind(name: &str, options: &[&str]) -> Term {
    let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
    let outline = Outline { classes: 3, ..Outline::default() };
    let loss = parse(name, &options, &AddedKinds::default()).unwrap().unwrap();
    loss.inner().bind(&outline, Some(&outline)).unwrap()
}

/// The value of a term, as bits, at some progress of its stage.
fn value(term: &Term, progress: f64) -> Result<u32, LossError> {
    let [student, teacher] = LOGITS.map(|logits| {
        let mut trace = Trace::new(TapSelection::All);
        trace.record("logits", &Tensor::new(&logits, &Device::Cpu).unwrap());
        trace
    });
    let ones = Arc::new(vec![1.0; 3]);
    let targets = Targets {
        classes: Arc::new(vec![2, 0, 1]),
        labelled: Arc::clone(&ones),
        teacher_mask: Arc::clone(&ones),
        teacher_written: ones,
        ..Targets::default()
    };
    let inputs = Inputs {
        student: &student,
        teacher: Some(&teacher),
        targets: &targets,
        projections: &Weights::new(),
        ranks: None,
        progress,
        step: None,
    };
    Ok(term.loss(&inputs)?.to_scalar::<f32>()?.to_bits())
}

#[test]
fn scheduled_temperature_counts_as_a_constant_does_at_every_step() {
    let contrast = ["features=\"logits\"", "project=false"];
    let divergences = ["kl", "mse", "soft-cross-entropy", "binary", "reverse-kl", "jensen-shannon"];
    let divergences = divergences.map(|name| format!("divergence=\"{name}\""));
    let logits =
        divergences.iter().map(|option| ("logits", vec![option.as_str(), "squared-temperature=false"]));
    let others = [("decoupled", vec![]), ("word-level", vec![]), ("contrastive", contrast.to_vec())];
    for (name, options) in logits.chain(others) {
        let with = |temperature: &str| {
            let temperature = format!("temperature={temperature}");
            bind(name, &[&options[..], &[&temperature]].concat())
        };
        let scheduled = with("{ linear = { start = 4, end = 1 } }");
        for (step, constant) in ["4", "3", "2", "1"].into_iter().enumerate() {
            let constant = value(&with(constant), 0.0).unwrap();
            assert_eq!(value(&scheduled, progress(step, 4)).unwrap(), constant, "{name} at step {step}");
        }
        assert_ne!(value(&scheduled, 0.0).unwrap(), value(&scheduled, 1.0).unwrap(), "{name}");
    }
}

#[test]
fn term_tells_what_of_it_is_scheduled() {
    let constant = bind("logits", &["weight=0.5", "temperature=2"]);
    assert_eq!(constant.weight, ScheduledValue::Constant(0.5));
    assert_eq!(constant.schedules().count(), 0);
    let cosine = "{ cosine = { start = 0, end = 1 } }";
    let both =
        bind("logits", &[&format!("weight={cosine}"), "temperature={ linear = { start = 8, end = 1 } }"]);
    let told: Vec<(&str, String)> = both.schedules().map(|(key, value)| (key, value.to_string())).collect();
    assert_eq!(told, [("weight", "0 → 1 (cosine)".to_owned()), ("temperature", "8 → 1 (linear)".to_owned())]);
    // The value of a term is that before its weight.
    assert_eq!(value(&both, 0.0).unwrap(), value(&bind("logits", &["temperature=8"]), 0.0).unwrap());
}

#[test]
fn scheduled_weight_does_not_count_on_recorded_traces() {
    let traces = LOGITS
        .map(|logits| Weights::from([("logits".to_owned(), Tensor::new(&logits, &Device::Cpu).unwrap())]));
    let value = |options: &[&str]| {
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let loss = parse("logits", &options, &AddedKinds::default()).unwrap().unwrap();
        evaluate(&loss, &traces[0], &traces[1]).map(|found| found.value)
    };
    let scheduled = value(&["weight={ linear = { start = 0, end = 1 } }"]).unwrap();
    assert_eq!(scheduled, value(&[]).unwrap());
    let said = value(&["temperature={ linear = { start = 8, end = 1 } }"]).unwrap_err().to_string();
    assert!(said.contains("set it to a number"), "{said}");
}
