//! What cannot be computed is an error that names the operation, never a panic; and what is masked out is zero.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{DType, Device, Result, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, CrossEntropy, Divergence, Dropout, RaggedLayout,
    RaggedPairs, attend, attend_cached, attend_cross, attend_cross_with_taps, attend_packed,
    attend_packed_with_taps, pack_affine,
};

fn ones(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F32, &Device::Cpu).unwrap()
}

fn doubles(shape: &[usize]) -> Tensor {
    Tensor::ones(shape, DType::F64, &Device::Cpu).unwrap()
}

fn tensor<const N: usize>(values: [f32; N], shape: &[usize]) -> Tensor {
    Tensor::from_slice(&values, shape, &Device::Cpu).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Every attempt must fail with a message that contains `operation`.
fn assert_fail<T>(operation: &str, attempts: impl IntoIterator<Item = Result<T>>) {
    for (index, attempt) in attempts.into_iter().enumerate() {
        let Err(error) = attempt else { panic!("{operation}: attempt {index} went through") };
        let message = error.to_string();
        assert!(message.contains(operation), "{operation}: attempt {index} fails with: {message}");
    }
}

#[test]
fn layer_norm() {
    let (x, affine) = (ones(&[2, 3, 8]), ones(&[2, 8]));
    let residual = |x: &Tensor, y: &Tensor, affine: &Tensor| {
        ops::residual_layer_norm(x, y, affine, 1e-5, Dropout::new(&Streams::new(1)).mask(48, 0.1))
    };
    assert_fail(
        "layer norm",
        [
            ops::layer_norm(&x, &ones(&[2, 7]), 1e-5),
            ops::layer_norm(&x, &ones(&[16]), 1e-5),
            ops::layer_norm(&ones(&[2, 0]), &ones(&[2, 0]), 1e-5),
            ops::layer_norm(&ones(&[]), &affine, 1e-5),
            ops::layer_norm(&doubles(&[2, 8]), &affine, 1e-5),
            ops::layer_norm(&x, &doubles(&[2, 8]), 1e-5),
            residual(&x, &ones(&[2, 3, 7]), &affine),
            // As many elements in another order.
            residual(&x, &ones(&[3, 2, 8]), &affine),
            residual(&ones(&[4, 8]), &ones(&[4, 8]), &affine),
            pack_affine(&ones(&[8]), &ones(&[7])),
        ],
    );
}

#[test]
fn softmax() {
    let keys = |entries| AttentionMask::keys(Arc::new(vec![1; entries]));
    assert_fail(
        "softmax",
        [
            ops::softmax(&doubles(&[2, 3]), None),
            ops::softmax(&ones(&[2, 0]), None),
            ops::softmax(&ones(&[0, 2, 3]), Some(&AttentionMask::causal())),
            ops::softmax(&ones(&[3]), Some(&keys(3))),
            ops::softmax(&ones(&[2, 3]), Some(&keys(6))),
        ],
    );
    assert_fail("attention", [ops::softmax(&ones(&[2, 4, 3]), Some(&keys(5)))]);
}

#[test]
fn attention() {
    let heads = AttentionHeads::new(2, 6).unwrap();
    let (none, free) = (AttentionHeads { count: 0, scale: 1.0 }, AttentionMask::default());
    let short = AttentionMask::keys(Arc::new(vec![1; 9]));
    let (q, k) = (ones(&[2, 4, 6]), ones(&[2, 5, 6]));
    assert_fail(
        "attention",
        [AttentionHeads::new(4, 6), AttentionHeads::new(0, 6), AttentionHeads::new(1, 0)],
    );
    assert_fail(
        "attention",
        [
            attend(&q, &k, &ones(&[2, 5, 4]), heads, &free),
            attend(&q, &k, &ones(&[2, 4, 6]), heads, &free),
            attend(&q, &ones(&[3, 5, 6]), &ones(&[3, 5, 6]), heads, &free),
            attend(&q, &k, &k, AttentionHeads::new(4, 8).unwrap(), &free),
            attend(&q, &k, &k, none, &free),
            attend(&q, &k, &k, heads, &short),
            attend(&q, &ones(&[2, 0, 6]), &ones(&[2, 0, 6]), heads, &free),
            attend(&ones(&[2, 4, 0]), &ones(&[2, 5, 0]), &ones(&[2, 5, 0]), heads, &free),
            attend(&doubles(&[2, 4, 6]), &k, &k, heads, &free),
            attend_cross(&q, &ones(&[2, 5, 6]), heads, &free),
            attend_cross(&q, &ones(&[2, 5, 12]), heads, &short),
            attend_cross(&q, &ones(&[2, 0, 12]), heads, &free),
            attend_cross(&q, &doubles(&[2, 5, 12]), heads, &free),
            attend_packed(&ones(&[2, 4, 17]), heads, &free),
            attend_packed(&ones(&[2, 4, 18]), heads, &short),
            attend_packed(&ones(&[2, 4, 18]), none, &free),
            attend_packed(&doubles(&[2, 4, 18]), heads, &free),
        ],
    );
    let (whole, packed) = (ones(&[2, 5, 12]), ones(&[2, 4, 18]));
    let crossed =
        |kv: &Tensor, heads, mask| attend_cross_with_taps(&q, kv, heads, mask).map(|(context, ..)| context);
    let tapped =
        |packed: &Tensor, heads, mask| attend_packed_with_taps(packed, heads, mask).map(|given| given.0);
    assert_fail(
        "attention",
        [
            crossed(&ones(&[2, 5, 16]), heads, &free),
            crossed(&ones(&[3, 5, 12]), heads, &free),
            crossed(&whole, none, &free),
            crossed(&whole, AttentionHeads { count: 4, scale: 1.0 }, &free),
            crossed(&whole, heads, &short),
            tapped(&ones(&[2, 4, 17]), heads, &free),
            tapped(&packed, none, &free),
            tapped(&packed, heads, &short),
        ],
    );
    // Two rows of three are used, of width 6 for keys and values each.
    let cache = vec![1.0; 2 * 3 * 12];
    let query = ones(&[2, 1, 6]);
    assert_fail(
        "attention",
        [
            attend_cached(&q, &cache, 3, 2, heads, None),
            attend_cached(&query, &cache, 3, 4, heads, None),
            attend_cached(&query, &cache, 3, 0, heads, None),
            attend_cached(&query, &cache[1..], 3, 2, heads, None),
            attend_cached(&query, &cache, 3, 2, none, None),
            attend_cached(&query, &cache, 3, 2, AttentionHeads { count: 4, scale: 1.0 }, None),
            attend_cached(&query, &cache, 3, 2, heads, Some(&[0.0; 3])),
            attend_cached(&ones(&[2, 1, 0]), &[], 3, 2, heads, None),
            attend_cached(&doubles(&[2, 1, 6]), &cache, 3, 2, heads, None),
        ],
    );
    for rank in
        [attend_packed(&ones(&[4, 18]), heads, &free), attend_cached(&ones(&[6]), &cache, 3, 2, heads, None)]
    {
        assert!(rank.is_err());
    }
}

#[test]
fn ragged_layouts() {
    let layout = |mask: &[u8]| Arc::new(RaggedLayout::of_mask(mask, 2).unwrap());
    assert!(RaggedLayout::of_mask(&[1; 5], 2).is_err(), "rows of two lengths");
    let (even, empty) = (layout(&[1, 1, 1, 0]), layout(&[1, 1, 0, 0]));
    assert_fail(
        "ragged layout",
        [even.unpad(&ones(&[2, 3, 4])), even.unpad(&ones(&[4])), even.unpad(&doubles(&[2, 2]))],
    );
    assert_fail("ragged layout", [even.pad(&ones(&[4, 4])), even.pad(&doubles(&[3, 4]))]);
    assert_fail("ragged layout", [even.first(&ones(&[2, 4])), empty.first(&ones(&[2, 4]))]);
    let heads = AttentionHeads::new(2, 6).unwrap();
    let mask = AttentionMask::ragged;
    let three = Arc::new(RaggedLayout::of_mask(&[1; 3], 3).unwrap());
    let unlike = AttentionMask {
        ragged: Some(RaggedPairs { queries: even.clone(), keys: three }),
        ..AttentionMask::default()
    };
    let dropping = mask(even.clone()).with_dropout(Dropout::new(&Streams::new(1)).mask(3, 0.5));
    assert_fail(
        "attention",
        [
            attend_packed(&ones(&[4, 18]), heads, &mask(even.clone())),
            attend_packed(&ones(&[1, 3, 18]), heads, &mask(even)),
            attend_packed(&ones(&[2, 18]), heads, &mask(empty)),
            attend_packed(&ones(&[3, 18]), heads, &dropping),
            attend_cross(&ones(&[3, 6]), &ones(&[3, 12]), heads, &unlike),
        ],
    );
}

#[test]
fn activations() {
    assert_fail("activation", [ops::activate(&doubles(&[3]), Activation::Gelu)]);
}

#[test]
fn linear_layers() {
    let run = |x: &Tensor, w: &Tensor, b: Option<&Tensor>| ops::linear(x, w, b, Activation::Relu);
    let (x, w) = (ones(&[2, 3, 8]), ones(&[5, 8]));
    assert_fail(
        "linear",
        [
            run(&x, &ones(&[5, 7]), None),
            run(&x, &w, Some(&ones(&[4]))),
            run(&ones(&[]), &w, None),
            run(&ones(&[2, 0]), &ones(&[5, 0]), None),
            run(&x, &ones(&[0, 8]), Some(&ones(&[0]))),
            run(&doubles(&[2, 8]), &w, None),
            run(&x, &doubles(&[5, 8]), None),
            run(&x, &w, Some(&doubles(&[5]))),
            run(&x, &ones(&[8, 5]).t().unwrap(), None),
            ops::linear_packed(&x, &[&w, &w], &[&ones(&[5])]),
        ],
    );
    assert!(run(&x, &ones(&[40]), None).is_err());
    assert!(ops::linear_packed(&x, &[&w, &ones(&[5, 7])], &[&ones(&[5]), &ones(&[5])]).is_err());
    assert!(ops::linear_packed(&x, &[], &[]).is_err());
}

#[test]
fn embedding() {
    let table = ones(&[7, 5]);
    let embed = |table: &Tensor, ids: Vec<u32>, batch, positions: Option<&Tensor>| {
        ops::embed(table, &Arc::new(ids), batch, 1.0, positions)
    };
    assert_fail(
        "embedding",
        [
            embed(&table, vec![1, 2, 3, 7], 2, None),
            embed(&table, vec![1, 2, u32::MAX], 1, None),
            embed(&table, vec![1, 2, 3], 2, None),
            embed(&table, vec![1, 2, 3], 0, None),
            embed(&table, vec![1, 2, 3, 4], 2, Some(&ones(&[3, 5]))),
            embed(&table, vec![1, 2], 1, Some(&doubles(&[2, 5]))),
            embed(&ones(&[7, 0]), vec![1, 2], 1, None),
            embed(&doubles(&[7, 5]), vec![1, 2], 1, None),
            embed(&ones(&[5, 7]).t().unwrap(), vec![1, 2], 1, None),
        ],
    );
    assert!(embed(&ones(&[35]), vec![1, 2], 1, None).is_err());
}

#[test]
fn dropout() {
    let mask = || Dropout::new(&Streams::new(1)).mask(6, 0.5);
    assert_fail(
        "dropout",
        [
            ops::dropout(&ones(&[5]), mask()),
            ops::dropout(&ones(&[7]), mask()),
            ops::dropout(&doubles(&[6]), mask()),
        ],
    );
}

#[test]
fn losses() {
    let loss = |logits: &Tensor, targets: &[u32], weights: usize| {
        let targets = Arc::new(targets.to_vec());
        ops::cross_entropy(
            logits,
            CrossEntropy { targets, weights: Arc::new(vec![1.0; weights]), smoothing: 0.1 },
        )
    };
    let logits = ones(&[3, 4]);
    assert_fail(
        "cross-entropy",
        [
            loss(&logits, &[0, 1, 4], 3),
            loss(&logits, &[0, 1], 2),
            loss(&logits, &[0, 1, 2], 2),
            loss(&ones(&[3, 0]), &[0, 0, 0], 3),
            loss(&doubles(&[3, 4]), &[0, 1, 2], 3),
        ],
    );
    let divergence = |student: &Tensor, teacher: &Tensor, weights: usize, temperature| {
        let weights = Arc::new(vec![1.0; weights]);
        ops::divergence(student, teacher, Divergence { weights, temperature, squared: false })
    };
    assert_fail(
        "divergence",
        [
            divergence(&logits, &ones(&[3, 5]), 3, 1.0),
            divergence(&logits, &ones(&[4, 3]), 3, 1.0),
            divergence(&logits, &logits, 2, 1.0),
            divergence(&ones(&[3, 0]), &ones(&[3, 0]), 3, 1.0),
            divergence(&logits, &logits, 3, 0.0),
            divergence(&logits, &logits, 3, -1.0),
            divergence(&logits, &logits, 3, f32::NAN),
            divergence(&logits, &doubles(&[3, 4]), 3, 1.0),
        ],
    );
}

#[test]
fn rows_of_weight_zero_need_no_target() {
    let targets = Arc::new(vec![1, 9]);
    let some = CrossEntropy { targets, weights: Arc::new(vec![1.0, 0.0]), smoothing: 0.0 };
    let logits = tensor([1.0, 2.0, f32::NAN, 4.0], &[2, 2]);
    let loss: f32 = ops::cross_entropy(&logits, some.clone()).unwrap().to_scalar().unwrap();
    assert!((loss - (1.0f32 + (-1.0f32).exp()).ln()).abs() < 1e-6);
    let none = CrossEntropy { weights: Arc::new(vec![0.0, 0.0]), ..some };
    let logits = Var::from_tensor(&logits).unwrap();
    let loss = ops::cross_entropy(logits.as_tensor(), none).unwrap();
    assert_eq!(loss.to_scalar::<f32>().unwrap(), 0.0);
    assert_eq!(values(backward(&loss).unwrap().get(logits.as_tensor()).unwrap()), [0.0; 4]);
}

#[test]
fn negative_infinity_among_logits_rules_a_class_out() {
    let logits = tensor([1.0, f32::NEG_INFINITY, 2.0, 0.5], &[1, 4]);
    assert_eq!(values(&ops::softmax(&logits, None).unwrap())[1], 0.0);
    let weights = Arc::new(vec![1.0]);

    let student = Var::from_tensor(&logits).unwrap();
    let settings = CrossEntropy { targets: Arc::new(vec![2]), weights: weights.clone(), smoothing: 0.0 };
    let loss = ops::cross_entropy(student.as_tensor(), settings).unwrap();
    assert!(loss.to_scalar::<f32>().unwrap().is_finite());
    let gradient = values(backward(&loss).unwrap().get(student.as_tensor()).unwrap());
    assert!(gradient.iter().all(|value| value.is_finite()) && gradient[1] == 0.0, "{gradient:?}");

    // The teacher rules a class out: alone, and together with the student.
    for student in [tensor([0.0, 1.0, 2.0, 3.0], &[1, 4]), logits.clone()] {
        let student = Var::from_tensor(&student).unwrap();
        let settings = Divergence { weights: weights.clone(), temperature: 2.0, squared: true };
        let loss = ops::divergence(student.as_tensor(), &logits, settings).unwrap();
        assert!(loss.to_scalar::<f32>().unwrap().is_finite());
        let gradient = values(backward(&loss).unwrap().get(student.as_tensor()).unwrap());
        assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
    }
}

#[test]
fn a_row_without_an_allowed_key_is_zero() {
    // The first example has no key at all, the second one key.
    let mask = AttentionMask::keys(Arc::new(vec![0, 0, 0, 0, 1, 0]));
    let scores = Var::from_tensor(&tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 1, 3])).unwrap();
    let probabilities = ops::softmax(scores.as_tensor(), Some(&mask)).unwrap();
    assert_eq!(values(&probabilities), [0.0, 0.0, 0.0, 0.0, 1.0, 0.0]);
    let weighted = (probabilities * tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[2, 1, 3])).unwrap();
    let gradients = backward(&weighted.sum_all().unwrap()).unwrap();
    assert_eq!(values(gradients.get(scores.as_tensor()).unwrap()), [0.0; 6]);

    let heads = AttentionHeads::new(1, 2).unwrap();
    let inputs = [1, 3, 3].map(|length| Var::from_tensor(&ones(&[2, length, 2])).unwrap());
    let [query, key, value] = inputs.each_ref().map(Var::as_tensor);
    let context = attend(query, key, value, heads, &mask).unwrap();
    assert_eq!(values(&context), [0.0, 0.0, 1.0, 1.0]);
    let gradients = backward(&context.sum_all().unwrap()).unwrap();
    for input in [query, key] {
        assert!(values(gradients.get(input).unwrap()).iter().all(|value| *value == 0.0));
    }
    let expected = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0];
    assert_eq!(values(gradients.get(value).unwrap()), expected);
}
