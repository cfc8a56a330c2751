//! Tests that the composites give what the fused operations do, and that the gradients of `candle_nn` that they use are those
//! of finite differences.

use std::sync::Arc;

use candle_core::{D, Device, Result, Tensor, Var};

use super::activation::activate_composite;
use super::attention::operation::attention_composite;
use super::cross_entropy::cross_entropy_composite;
use super::divergence::divergence_composite;
use super::dropout::dropout_composite;
use super::embedding::embed_composite;
use super::gated::gated_composite;
use super::layer_norm::{layer_norm_composite, residual_layer_norm_composite};
use super::linear::{linear_composite, linear_packed_composite};
use super::ragged::{gather_composite, scatter_composite};
use super::root_norm::root_norm_composite;
use super::rotary::rotate_composite;
use super::softmax::softmax_composite;
use super::squared_error::squared_error_composite;
use super::*;
use crate::Streams;
use crate::gradients::backward;

/// Values that look like drawn ones.
fn variable(shape: &[usize], shift: f32) -> Var {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| ((i as f32 + shift) * 1.7).sin() * 1.5).collect();
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

fn assert_close(what: &str, found: &Tensor, expected: &Tensor) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let values = |x: &Tensor| x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    for (found, expected) in values(found).into_iter().zip(values(expected)) {
        assert!(
            (found - expected).abs() <= 2e-5 * expected.abs().max(1.0),
            "{what}: {found}, not {expected}"
        );
    }
}

/// Results and gradients of both forms over the same variables.
fn compare(
    what: &str,
    variables: &[&Var],
    composite: impl Fn() -> Vec<Tensor>,
    fused: impl Fn() -> Vec<Tensor>,
) {
    let number = |results: &[Tensor]| {
        let parts = results.iter().enumerate().map(|(index, result)| {
            // Each element has a factor of its own, so that no gradient is even.
            let factors = variable(result.dims(), 0.3 + index as f32);
            (result * factors.as_tensor()).unwrap().sum_all().unwrap()
        });
        parts.reduce(|sum, part| (sum + part).unwrap()).unwrap()
    };
    let (composite, fused) = (composite(), fused());
    assert_eq!(composite.len(), fused.len());
    for (composite, fused) in composite.iter().zip(&fused) {
        assert_close(what, composite, fused);
    }
    let (found, expected) = (backward(&number(&composite)).unwrap(), backward(&number(&fused)).unwrap());
    for variable in variables {
        assert_close(
            &format!("gradient of {what}"),
            found.get(variable).unwrap(),
            expected.get(variable).unwrap(),
        );
    }
}

#[test]
fn activations_and_linear_layers_are_the_ones() {
    let (x, w, b) = (variable(&[2, 3, 5], 0.0), variable(&[4, 5], 1.0), variable(&[4], 2.0));
    for activation in [
        Activation::Identity,
        Activation::Relu,
        Activation::Gelu,
        Activation::GeluTanh,
        Activation::QuickGelu,
        Activation::Silu,
        Activation::Tanh,
    ] {
        compare(
            &format!("{activation:?}"),
            &[&x, &w, &b],
            || vec![linear_composite(&x, &w, Some(&b), activation).unwrap()],
            || vec![linear(&x, &w, Some(&b), activation).unwrap()],
        );
    }
    let (second, bias) = (variable(&[3, 5], 5.0), variable(&[3], 6.0));
    compare(
        "packed linear",
        &[&x, &w, &second, &b, &bias],
        || vec![linear_packed_composite(&x, &[&w, &second], &[&b, &bias]).unwrap()],
        || vec![linear_packed(&x, &[&w, &second], &[&b, &bias]).unwrap()],
    );
}

/// Activations with a formula of their own.
const CURVES: [Activation; 6] = [
    Activation::Relu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::QuickGelu,
    Activation::Silu,
    Activation::Tanh,
];

#[test]
fn activations_of_large_numbers_and_of_zero_are_the_fused_ones() {
    let values = [-200.0f32, -30.0, -6.0, -1e-3, 0.0, 1e-3, 6.0, 30.0, 200.0];
    let x = Var::from_tensor(&Tensor::new(&values, &Device::Cpu).unwrap()).unwrap();
    for activation in CURVES {
        compare(
            &format!("{activation:?}"),
            &[&x],
            || vec![activate_composite(&x, activation).unwrap()],
            || vec![activate(&x, activation).unwrap()],
        );
    }
}

#[test]
fn activations_and_weights_are_modules_of_candle() {
    let (x, weight) = (variable(&[2, 3, 5], 0.0), LinearWeight::new(variable(&[4, 5], 1.0).detach()));
    let found = x.apply(&Activation::Gelu).unwrap().apply(&weight).unwrap();
    let expected = activate(&x, Activation::Gelu).unwrap();
    assert_close("modules", &found, &weight.linear(&expected, None, Activation::Identity).unwrap());
}

/// Fails unless the gradient of an operation agrees with the difference quotient of each element, both ways.
fn assert_gradient(what: &str, x: &Var, apply: impl Fn(&Tensor) -> Result<Tensor>) {
    let number = |x: &Tensor| {
        let result = apply(x).unwrap();
        let factors = variable(result.dims(), 0.7);
        (result * factors.as_tensor()).unwrap().sum_all().unwrap()
    };
    let gradients = backward(&number(x.as_tensor())).unwrap();
    let gradient = gradients.get(x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let values = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
    let step = 1e-2;
    for (index, gradient) in gradient.into_iter().enumerate() {
        let moved = |by: f32| {
            let mut values = values.clone();
            values[index] += by;
            let moved = Tensor::from_vec(values, x.shape(), &Device::Cpu).unwrap();
            number(&moved).to_scalar::<f32>().unwrap()
        };
        let quotient = (moved(step) - moved(-step)) / (2.0 * step);
        assert!(
            (gradient - quotient).abs() <= 3e-3 * quotient.abs().max(1.0),
            "{what}: gradient {gradient} of element {index}, by differences {quotient}"
        );
    }
}

#[test]
fn gradients_of_candle_nn_are_those_of_finite_differences() {
    // Not zero, where a ReLU has no gradient.
    let x = variable(&[3, 4], 0.4);
    for activation in CURVES {
        assert_gradient(&format!("{activation:?}"), &x, |x| activate_composite(x, activation));
    }
    assert_gradient("sigmoid", &x, candle_nn::ops::sigmoid);
    assert_gradient("softmax", &x, |x| candle_nn::ops::softmax(x, D::Minus1));
    assert_gradient("log-softmax", &x, |x| candle_nn::ops::log_softmax(x, D::Minus1));
    let (weight, bias) = (variable(&[4], 1.0), variable(&[4], 2.0));
    let norm =
        |x: &Tensor, weight: &Tensor, bias: &Tensor| candle_nn::ops::layer_norm_slow(x, weight, bias, 1e-5);
    assert_gradient("layer norm", &x, |x| norm(x, &weight, &bias));
    assert_gradient("weight of a layer norm", &weight, |weight| norm(&x, weight, &bias));
    assert_gradient("bias of a layer norm", &bias, |bias| norm(&x, &weight, bias));
}

/// What is said about `candle_nn` in the comments: a release that mends it fails here, and the comment goes.
#[test]
fn fused_kernels_of_candle_nn_cut_the_gradient() {
    let (x, weight, bias) = (variable(&[3, 4], 0.0), variable(&[4], 1.0), variable(&[4], 2.0));
    assert!(!candle_nn::ops::softmax_last_dim(&x).unwrap().track_op());
    assert!(!candle_nn::ops::layer_norm(&x, &weight, &bias, 1e-5).unwrap().track_op());
    let zero = Var::from_tensor(&Tensor::new(0.0f32, &Device::Cpu).unwrap()).unwrap();
    let gradients = backward(&zero.relu().unwrap()).unwrap();
    assert_eq!(gradients.get(&zero).unwrap().to_scalar::<f32>().unwrap(), 1.0);
    let constant = Tensor::full(3.3f32, (1, 48), &Device::Cpu).unwrap();
    let (ones, zeros) = (constant.ones_like().unwrap(), constant.zeros_like().unwrap());
    let (ones, zeros) = (ones.squeeze(0).unwrap(), zeros.squeeze(0).unwrap());
    let normed = candle_nn::ops::layer_norm(&constant, &ones, &zeros, 1e-12).unwrap();
    let far_off = |x: &f32| x.is_nan() || x.abs() > 0.1;
    assert!(normed.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().any(far_off));
}

#[test]
fn composites_without_gradients_give_what_the_fused_operations_do() {
    let x = variable(&[6, 48], 0.0).detach();
    let affine = variable(&[2, 48], 4.0).detach();
    // Rows about zero, rows far from it, and constant ones.
    for (factor, shift) in [(1.0, 0.0), (1.0, 300.0), (1e-3, -2.0), (0.0, 3.3)] {
        let x = x.affine(factor, shift).unwrap();
        let found = layer_norm_composite(&x, &affine, 1e-12).unwrap();
        let values = found.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(values.iter().all(|value| value.is_finite()), "{factor} {shift}");
        if factor > 0.0 {
            // Subtracting a mean leaves so many digits of what is far from zero.
            let tolerance = 2e-5 + 1e-6 * (shift / factor).abs();
            let expected = layer_norm(&x, &affine, 1e-12).unwrap();
            let difference = (found - expected).unwrap().abs().unwrap().max_all().unwrap();
            let difference = f64::from(difference.to_scalar::<f32>().unwrap());
            assert!(difference <= tolerance, "layer norm of {factor} x + {shift} differs by {difference}");
        }
    }
    let scores = variable(&[2, 2, 4, 4], 3.0).detach();
    let keys = Some(Arc::new(vec![1, 1, 1, 0, 0, 1, 1, 0]));
    let mask = AttentionMask { keys, causal: true, ..AttentionMask::default() };
    for mask in [None, Some(&mask)] {
        let found = softmax_composite(&scores.t().unwrap(), mask).unwrap();
        assert!(!found.track_op());
        assert_close("softmax", &found, &softmax(&scores.t().unwrap(), mask).unwrap());
    }
}

#[test]
fn layer_norm_dropout_and_embedding_are_the_ones() {
    let (x, y, affine) = (variable(&[2, 3, 8], 0.0), variable(&[2, 3, 8], 9.0), variable(&[2, 8], 4.0));
    compare(
        "layer norm",
        &[&x, &affine],
        || vec![layer_norm_composite(&x, &affine, 1e-5).unwrap()],
        || vec![layer_norm(&x, &affine, 1e-5).unwrap()],
    );
    let mask = Dropout::new(&Streams::new(1)).mask(48, 0.4);
    compare(
        "residual layer norm",
        &[&x, &y, &affine],
        || vec![residual_layer_norm_composite(&x, &y, &affine, 1e-5, mask.as_ref()).unwrap()],
        || vec![residual_layer_norm(&x, &y, &affine, 1e-5, mask.clone()).unwrap()],
    );
    compare(
        "dropout",
        &[&x],
        || vec![dropout_composite(&x, mask.as_ref().unwrap()).unwrap()],
        || vec![dropout(&x, mask.clone()).unwrap()],
    );
    let (table, positions) = (variable(&[7, 8], 1.0), variable(&[3, 8], 2.0));
    let ids = Arc::new(vec![1, 6, 1, 0, 3, 1]);
    compare(
        "embedding",
        &[&table],
        || vec![embed_composite(&table, &ids, 2, 2.0, Some(&positions)).unwrap()],
        || vec![embed(&table, &ids, 2, 2.0, Some(&positions)).unwrap()],
    );
    assert!(embed_composite(&table, &Arc::new(vec![7]), 1, 1.0, None).is_err());
}

#[test]
fn gated_activation_is_the_one() {
    let x = variable(&[3, 2, 10], 0.0);
    for activation in [Activation::Gelu, Activation::Silu, Activation::Identity] {
        compare(
            "gated activation",
            &[&x],
            || vec![gated_composite(&x, activation).unwrap()],
            || vec![gated(&x, activation).unwrap()],
        );
    }
    assert!(gated(&variable(&[2, 5], 0.0), Activation::Gelu).is_err());
}

#[test]
fn root_norm_is_the_one() {
    let (x, weight) = (variable(&[3, 2, 10], 0.0), variable(&[10], 1.0));
    compare(
        "root norm",
        &[&x, &weight],
        || vec![root_norm_composite(&x, &weight, 1e-3).unwrap()],
        || vec![root_norm(&x, &weight, 1e-3).unwrap()],
    );
    assert!(root_norm(&x, &variable(&[2], 0.0), 1e-3).is_err());
}

#[test]
fn rotation_is_the_one_and_keeps_products_of_equal_distance() {
    let x = variable(&[6, 10], 0.0);
    let (rotation, positions) =
        (Rotation::new(&Rotation::frequencies(10.0, 4), 6), Arc::new(vec![0, 1, 2, 0, 5, 1]));
    compare(
        "rotation",
        &[&x],
        || vec![rotate_composite(&x, 8, &rotation, &positions).unwrap()],
        || vec![rotate(&x, 8, &rotation, &positions).unwrap()],
    );
    assert!(rotate(&x, 6, &rotation, &positions).is_err(), "one and a half heads");
    assert!(rotate(&x, 8, &rotation, &Arc::new(vec![0, 1, 2, 0, 6, 1])).is_err(), "beyond the rotation");
    let row = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap().reshape((1, 4)).unwrap();
    let (query, key) = (row(&[1.0, -2.0, 0.5, 3.0]), row(&[0.3, 1.0, -1.0, 2.0]));
    let product = |query_position: u32, key_position: u32| {
        let at = |x: &Tensor, position| rotate(x, 4, &rotation, &Arc::new(vec![position])).unwrap();
        let product = (at(&query, query_position) * at(&key, key_position)).unwrap();
        product.sum_all().unwrap().to_scalar::<f32>().unwrap()
    };
    assert!((product(1, 3) - product(3, 5)).abs() < 1e-5);
    assert!((product(1, 3) - product(3, 4)).abs() > 1e-2);
}

#[test]
fn attention_and_softmax_are_the_ones_whatever_the_mask() {
    let packed = variable(&[2, 4, 24], 0.0);
    let heads = AttentionHeads::new(2, 8).unwrap();
    // The second example has a query that may look at nothing.
    let keys = Some(Arc::new(vec![1, 1, 1, 0, 0, 1, 1, 0]));
    let dropout = Dropout::new(&Streams::new(2)).mask(2 * 2 * 4 * 4, 0.3);
    let masks = [
        AttentionMask::default(),
        AttentionMask { keys: keys.clone(), ..AttentionMask::default() },
        AttentionMask::causal(),
        AttentionMask { keys: keys.clone(), causal: true, dropout, ..AttentionMask::default() },
        AttentionMask { keys: keys.clone(), window: Some(1), ..AttentionMask::default() },
        AttentionMask::prefix(Arc::new(vec![2, 0])),
        AttentionMask { keys, ..AttentionMask::prefix(Arc::new(vec![4, 1])) },
    ];
    let scores = variable(&[2, 2, 4, 4], 3.0);
    for mask in masks {
        let what = format!("{mask:?}");
        compare(
            &what,
            &[&packed],
            || {
                let parts = packed.chunk(3, D::Minus1).unwrap();
                let (context, scores, probabilities) =
                    attention_composite([&parts[0], &parts[1], &parts[2]], heads, &mask).unwrap();
                vec![context, scores, probabilities]
            },
            || {
                let (context, scores, probabilities) =
                    attend_packed_with_taps(&packed, heads, &mask).unwrap();
                vec![context, scores, probabilities]
            },
        );
        compare(
            &what,
            &[&scores],
            || vec![softmax_composite(&scores, Some(&mask)).unwrap()],
            || vec![softmax(&scores, Some(&mask)).unwrap()],
        );
    }
    let bias = variable(&[1, 2, 4, 4], 5.0);
    let mask = AttentionMask::causal().with_bias(Some(bias.as_tensor().clone()));
    compare(
        "attention with a bias",
        &[&packed, &bias],
        || {
            let parts = packed.chunk(3, D::Minus1).unwrap();
            vec![attention_composite([&parts[0], &parts[1], &parts[2]], heads, &mask).unwrap().0]
        },
        || vec![attend_packed(&packed, heads, &mask).unwrap()],
    );
    compare(
        "softmax",
        &[&scores],
        || vec![softmax_composite(&scores, None).unwrap()],
        || vec![softmax(&scores, None).unwrap()],
    );
}

#[test]
fn ragged_layouts_and_their_attention_are_the_ones() {
    let layout = |mask: &[u8], batch| Arc::new(RaggedLayout::of_mask(mask, batch).unwrap());
    // Padding behind, and between.
    let (queries, keys) = (layout(&[1, 1, 0, 1, 0, 0], 2), layout(&[1, 1, 1, 1, 1, 0, 1, 0], 2));
    let states = variable(&[2, 3, 5], 0.0);
    let places = [0, 1, 3];
    compare(
        "unpadding",
        &[&states],
        || vec![gather_composite(&states, &places, (6, 5), &[3, 5]).unwrap()],
        || vec![queries.unpad(&states).unwrap()],
    );
    let tokens = variable(&[3, 5], 1.0);
    compare(
        "padding",
        &[&tokens],
        || vec![scatter_composite(&tokens, &places, (6, 5), &[2, 3, 5]).unwrap()],
        || vec![queries.pad(&tokens).unwrap()],
    );
    compare(
        "first tokens",
        &[&tokens],
        || vec![gather_composite(&tokens, &[0, 2], (3, 5), &[2, 5]).unwrap()],
        || vec![queries.first(&tokens).unwrap()],
    );
    let heads = AttentionHeads::new(2, 8).unwrap();
    let pairs = RaggedPairs { queries, keys };
    assert_eq!(pairs.count(), 2 * 4 + 2);
    let dropout = Dropout::new(&Streams::new(2)).mask(2 * pairs.count(), 0.3);
    let plain = AttentionMask { ragged: Some(pairs), ..AttentionMask::default() };
    let (query, key_value) = (variable(&[3, 8], 2.0), variable(&[6, 16], 3.0));
    let causal = AttentionMask { causal: true, ..plain.clone() };
    let prefix = AttentionMask { prefix: Some(Arc::new(vec![2, 1])), ..plain.clone() };
    for mask in [plain.clone(), plain.with_dropout(dropout), causal, prefix] {
        compare(
            &format!("{mask:?}"),
            &[&query, &key_value],
            || {
                let parts = key_value.chunk(2, D::Minus1).unwrap();
                let (context, scores, probabilities) =
                    attention_composite([&query, &parts[0], &parts[1]], heads, &mask).unwrap();
                vec![context, scores, probabilities]
            },
            || {
                let (context, scores, probabilities) =
                    attend_cross_with_taps(&query, &key_value, heads, &mask).unwrap();
                vec![context, scores, probabilities]
            },
        );
    }
}

#[test]
fn losses_are_the_ones() {
    let (student, teacher) = (variable(&[2, 3, 5], 0.0), variable(&[2, 3, 5], 7.0));
    let weights = Arc::new(vec![1.0, 0.0, 0.5, 2.0, 0.0, 1.0]);
    for smoothing in [0.0, 0.1] {
        // The class of a row without weight need not be one.
        let targets = Arc::new(vec![0, 99, 4, 2, 1, 3]);
        let settings = CrossEntropy { targets, weights: weights.clone(), smoothing };
        compare(
            "cross-entropy",
            &[&student],
            || vec![cross_entropy_composite(&student, &settings).unwrap()],
            || vec![cross_entropy(&student, settings.clone()).unwrap()],
        );
    }
    for squared in [false, true] {
        let settings = Divergence { weights: weights.clone(), temperature: 3.0, squared };
        compare(
            "divergence",
            &[&student],
            || vec![divergence_composite(&student, &teacher.detach(), &settings).unwrap()],
            || vec![divergence(&student, &teacher, settings.clone()).unwrap()],
        );
    }
    let columns = Some(Arc::new(vec![1, 1, 0, 1, 0, 1, 0, 0, 0, 1]));
    let settings = SquaredError { weights, columns };
    let factors: Vec<f32> = [[1.0, 1.0, 0.0, 1.0, 0.0].map(|x| x / 3.0), [0.5, 0.0, 0.0, 0.0, 0.5]].concat();
    compare(
        "squared error",
        &[&student],
        || vec![squared_error_composite(&student, &teacher, &settings.weights, factors.clone()).unwrap()],
        || vec![squared_error(&student, &teacher, settings.clone()).unwrap()],
    );
}

#[test]
fn what_a_teacher_rules_out_adds_nothing() {
    let student = variable(&[1, 3], 0.0);
    let teacher = Tensor::new(&[[0.0f32, f32::NEG_INFINITY, 1.0]], &Device::Cpu).unwrap();
    let settings = Divergence { weights: Arc::new(vec![1.0]), temperature: 1.0, squared: false };
    let found = divergence_composite(&student, &teacher, &settings).unwrap();
    assert_close("divergence", &found, &divergence(&student, &teacher, settings).unwrap());
}
