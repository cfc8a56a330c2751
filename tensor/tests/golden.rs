//! The operations against what PyTorch computes, as `golden/make.py` recorded it.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alambic_tensor::candle::{DType, Device, Result, Tensor, Var};
use alambic_tensor::gradients::{Gradients, backward};
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, CrossEntropy, Divergence, attend, attend_cached,
    attend_cross, attend_cross_with_taps, attend_packed, pack_affine,
};
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::{Parameters, Weights, load};
use alambic_tensor::schedule::{Constant, Cosine, InverseSquareRoot, Linear, Schedule};

/// The largest difference between a value computed in single precision and the rounded exact one.
const TOLERANCE: f32 = 1e-6;

/// What was recorded for one case.
struct Case {
    tensors: Weights,
    name: String,
}

impl Case {
    fn new(name: &str) -> Self {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/ops.safetensors");
        Self { tensors: load(path.as_ref()).unwrap(), name: name.to_owned() }
    }

    fn get(&self, name: &str) -> &Tensor {
        self.tensors.get(&format!("{}.{name}", self.name)).unwrap()
    }

    fn mask(&self) -> Arc<Vec<u8>> {
        Arc::new(self.get("mask").flatten_all().unwrap().to_vec1().unwrap())
    }

    /// Runs `function` on the named inputs forward and backward, and compares output and gradients.
    fn check(&self, inputs: &[&str], function: impl Fn(&[Tensor]) -> Result<Tensor>) {
        let variables: Vec<Var> =
            inputs.iter().map(|name| Var::from_tensor(self.get(name)).unwrap()).collect();
        let tensors: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
        let output = function(&tensors).unwrap();
        assert_close(&output, self.get("output"), TOLERANCE, &format!("{}: output", self.name));
        let gradients = backward(&(output * self.get("upstream")).unwrap().sum_all().unwrap()).unwrap();
        for (name, tensor) in inputs.iter().zip(&tensors) {
            let gradient = gradients.get(tensor).unwrap();
            let what = format!("{}: gradient of {name}", self.name);
            assert_close(gradient, self.get(&format!("grad.{name}")), 2.0 * TOLERANCE, &what);
        }
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

fn assert_close(found: &Tensor, expected: &Tensor, tolerance: f32, what: &str) {
    assert_eq!(found.dims(), expected.dims(), "{what}: shape");
    for (index, (found, expected)) in values(found).into_iter().zip(values(expected)).enumerate() {
        let difference = (found - expected).abs();
        assert!(difference <= tolerance, "{what}: element {index} is {found}, not {expected}");
    }
}

#[test]
fn layer_norm() {
    Case::new("layer_norm")
        .check(&["input", "weight", "bias"], |t| ops::layer_norm(&t[0], &pack_affine(&t[1], &t[2])?, 1e-5));
    let case = Case::new("layer_norm_residual");
    case.check(&["input", "residual", "weight", "bias"], |t| {
        ops::residual_layer_norm(&t[0], &t[1], &pack_affine(&t[2], &t[3])?, 1e-5, None)
    });
}

#[test]
fn softmax() {
    Case::new("softmax").check(&["input"], |t| ops::softmax(&t[0], None));
    let case = Case::new("softmax_masked");
    let mask = AttentionMask::keys(case.mask());
    case.check(&["input"], |t| ops::softmax(&t[0], Some(&mask)));
}

/// The two recorded cases of attention, with their masks.
fn attention_cases() -> [(Case, AttentionMask); 2] {
    let padded = Case::new("attention");
    let mask = AttentionMask::keys(padded.mask());
    [(padded, mask), (Case::new("attention_causal"), AttentionMask::causal())]
}

const ATTENTION: [&str; 3] = ["queries", "keys", "values"];

#[test]
fn attention_over_separate_inputs() {
    for (case, mask) in attention_cases() {
        case.check(&ATTENTION, |t| attend(&t[0], &t[1], &t[2], AttentionHeads::new(2, 6)?, &mask));
    }
}

#[test]
fn attention_over_packed_keys_and_values() {
    for (case, mask) in attention_cases() {
        case.check(&ATTENTION, |t| {
            attend_cross(&t[0], &Tensor::cat(&[&t[1], &t[2]], 2)?, AttentionHeads::new(2, 6)?, &mask)
        });
    }
}

#[test]
fn attention_over_one_packed_input() {
    Case::new("attention_causal").check(&ATTENTION, |t| {
        attend_packed(
            &Tensor::cat(&[&t[0], &t[1], &t[2]], 2)?,
            AttentionHeads::new(2, 6)?,
            &AttentionMask::causal(),
        )
    });
}

#[test]
fn attention_with_taps() {
    for (case, mask) in attention_cases() {
        let heads = AttentionHeads::new(2, 6).unwrap();
        let attend = |queries: &Tensor, keys: &Tensor, values: &Tensor| {
            attend_cross_with_taps(queries, &Tensor::cat(&[keys, values], 2)?, heads, &mask)
        };
        case.check(&ATTENTION, |t| Ok(attend(&t[0], &t[1], &t[2])?.0));
        let [queries, keys, values] = ATTENTION.map(|name| case.get(name));
        let (_, scores, probabilities) = attend(queries, keys, values).unwrap();
        assert_close(&scores, case.get("scores"), TOLERANCE, "scores");
        assert_close(&probabilities, case.get("probabilities"), TOLERANCE, "probabilities");
    }
}

#[test]
fn attention_over_a_cache_is_causal_attention_step_by_step() {
    let case = Case::new("attention_causal");
    let (batch, length, width) = case.get("queries").dims3().unwrap();
    let capacity = length + 3;
    // Rows that are not used yet must not matter.
    let mut cache = vec![f32::NAN; batch * capacity * 2 * width];
    let [keys, values] = ["keys", "values"].map(|name| values(case.get(name)));
    for step in 0..length {
        for example in 0..batch {
            let source = (example * length + step) * width;
            let target = (example * capacity + step) * 2 * width;
            cache[target..target + width].copy_from_slice(&keys[source..source + width]);
            cache[target + width..target + 2 * width].copy_from_slice(&values[source..source + width]);
        }
        let query = case.get("queries").narrow(1, step, 1).unwrap();
        let heads = AttentionHeads::new(2, width).unwrap();
        let context = attend_cached(&query, &cache, capacity, step + 1, heads, None).unwrap();
        let expected = case.get("output").narrow(1, step, 1).unwrap();
        assert_close(&context, &expected, TOLERANCE, &format!("step {step}"));
    }
}

const ACTIVATIONS: [(&str, Activation); 6] = [
    ("gelu", Activation::Gelu),
    ("gelu_tanh", Activation::GeluTanh),
    ("quick_gelu", Activation::QuickGelu),
    ("relu", Activation::Relu),
    ("silu", Activation::Silu),
    ("tanh", Activation::Tanh),
];

#[test]
fn activations() {
    for (case, activation) in ACTIVATIONS {
        Case::new(case).check(&["input"], |t| ops::activate(&t[0], activation));
    }
}

#[test]
fn linear_layers() {
    let inputs = ["input", "weight", "bias"];
    let run = |activation| move |t: &[Tensor]| ops::linear(&t[0], &t[1], Some(&t[2]), activation);
    Case::new("linear").check(&inputs, run(Activation::Identity));
    for (case, activation) in ACTIVATIONS {
        Case::new(&format!("linear_{case}")).check(&inputs, run(activation));
    }
}

#[test]
fn linear_without_bias_is_linear_with_a_bias_of_zeros() {
    let case = Case::new("linear");
    case.check(&["input", "weight", "bias"], |t| {
        ops::linear(&t[0], &t[1], None, Activation::Identity)?.broadcast_add(&t[2])
    });
}

#[test]
fn packed_linear_layers() {
    // The rows of one layer's weight, taken as three layers of one, two and two outputs.
    Case::new("linear").check(&["input", "weight", "bias"], |t| {
        let part = |tensor: &Tensor, first, count| tensor.narrow(0, first, count);
        let weights = [part(&t[1], 0, 1)?, part(&t[1], 1, 2)?, part(&t[1], 3, 2)?];
        let biases = [part(&t[2], 0, 1)?, part(&t[2], 1, 2)?, part(&t[2], 3, 2)?];
        ops::linear_packed(&t[0], &weights.each_ref(), &biases.each_ref())
    });
}

#[test]
fn embedding() {
    let case = Case::new("embedding");
    let ids = case.get("ids");
    let (batch, length) = ids.dims2().unwrap();
    let ids: Vec<u32> = ids.to_dtype(DType::U32).unwrap().flatten_all().unwrap().to_vec1().unwrap();
    let ids = Arc::new(ids);
    case.check(&["table"], |t| ops::embed(&t[0], &ids, batch, 1.0, None));
    // Scaled by two, and a position of twice one half taken off again.
    let positions = Tensor::full(1.0f32, (length, 5), &Device::Cpu).unwrap();
    case.check(&["table"], |t| ops::embed(&t[0], &ids, batch, 2.0, Some(&positions))?.affine(0.5, -0.5));
}

#[test]
fn cross_entropy() {
    for (name, smoothing) in [("cross_entropy", 0.0), ("cross_entropy_smoothed", 0.1)] {
        let case = Case::new(name);
        let labels: Vec<i64> = case.get("labels").to_vec1().unwrap();
        let counted = |&label: &i64| f32::from(u8::from(label >= 0));
        let settings = CrossEntropy {
            targets: Arc::new(labels.iter().map(|&label| u32::try_from(label).unwrap_or(0)).collect()),
            weights: Arc::new(labels.iter().map(counted).collect()),
            smoothing,
        };
        case.check(&["logits"], |t| ops::cross_entropy(&t[0], settings.clone()));
    }
}

#[test]
fn divergence() {
    for (name, squared) in [("kl", false), ("kl_squared", true)] {
        let case = Case::new(name);
        let settings = Divergence {
            weights: Arc::new(case.mask().iter().map(|&counted| f32::from(counted)).collect()),
            temperature: 2.0,
            squared,
        };
        case.check(&["student"], |t| ops::divergence(&t[0], case.get("teacher"), settings.clone()));
    }
}

/// A store with one parameter and its gradient.
fn gradients_of(parameters: &Parameters, gradients: &Weights) -> Gradients {
    // The gradient of sum(p * g) is g, to the bit.
    let tracked = parameters.tracked();
    let loss = tracked
        .iter()
        .map(|(name, tensor)| (tensor * &gradients[name]).unwrap().sum_all().unwrap())
        .reduce(|sum, term| (sum + term).unwrap())
        .unwrap();
    Gradients::of(&loss, parameters).unwrap()
}

#[test]
fn adamw() {
    let case = Case::new("adamw");
    let mut parameters = Parameters::new();
    parameters.insert("decayed", case.get("parameter.0")).unwrap();
    let mut optimiser = AdamW::new(AdamWOptions {
        learning_rate: 1e-2,
        beta1: 0.9,
        beta2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.1,
        no_decay: vec!["bias".into()],
    });
    for step in 1..=5 {
        let gradient = case.get(&format!("gradient.{step}"));
        let gradients = gradients_of(&parameters, &Weights::from([("decayed".to_owned(), gradient.clone())]));
        optimiser.step(&parameters, &gradients, 1.0, 1.0).unwrap();
        let found = &parameters.detached()["decayed"];
        assert_close(found, case.get(&format!("parameter.{step}")), 3e-7, &format!("parameter after {step}"));
    }
    let state = optimiser.state().unwrap();
    let flat = |name| case.get(name).flatten_all().unwrap();
    assert_close(&state["decayed.first"], &flat("first_moment"), 1e-7, "first moment");
    assert_close(&state["decayed.second"], &flat("second_moment"), 1e-7, "second moment");
}

#[test]
fn clipping_by_the_global_norm() {
    for name in ["clip", "clip_below"] {
        let case = Case::new(name);
        let names = ["0", "1", "2"];
        let recorded: Weights = names
            .iter()
            .map(|&name| (name.to_owned(), case.get(&format!("gradient.{name}")).clone()))
            .collect();
        let parameters = Parameters::from_weights(&recorded).unwrap();
        let gradients = gradients_of(&parameters, &recorded);
        let norm = gradients.norm().unwrap();
        let expected: f32 = case.get("norm").to_scalar().unwrap();
        assert!((norm - f64::from(expected)).abs() < 1e-6, "norm {norm}, not {expected}");
        let scale = (1.0 / norm).min(1.0);
        // The optimiser takes the clipping as a factor: its first moment after one step is a tenth of the gradient.
        let mut optimiser = AdamW::new(AdamWOptions {
            learning_rate: 1e-3,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
            no_decay: Vec::new(),
        });
        optimiser.step(&parameters, &gradients, 1.0, scale).unwrap();
        let state = optimiser.state().unwrap();
        for name in names {
            let found = (&state[&format!("{name}.first")] * 10.0).unwrap();
            let expected = case.get(&format!("clipped.{name}")).flatten_all().unwrap();
            assert_close(&found, &expected, TOLERANCE, &format!("clipped gradient {name}"));
        }
    }
}

#[test]
fn schedules() {
    // Five steps of warm-up in twenty.
    let warmup = 0.25;
    for (name, schedule) in [
        ("constant", Schedule::Constant(Constant { warmup })),
        ("linear", Schedule::Linear(Linear { warmup })),
        ("cosine", Schedule::Cosine(Cosine { warmup })),
        ("inverse_square_root", Schedule::InverseSquareRoot(InverseSquareRoot { warmup })),
    ] {
        let expected = values(Case::new("schedule").get(name));
        for (step, expected) in expected.into_iter().enumerate() {
            let factor = schedule.factor(step, 20);
            assert!((factor - f64::from(expected)).abs() < 1e-7, "{name} {step}: {factor}, not {expected}");
        }
    }
}
