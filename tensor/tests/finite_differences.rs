//! Gradients against central differences, on odd sizes and on sizes that are split over threads.
//!
//! Single precision leaves about three digits to a difference quotient, so a gradient is compared along directions:
//! random ones over the whole input, which see a wrong factor or a missing term, and ones that move a few
//! neighbouring elements, which see a wrong element.

// The lint knows functions marked as tests, not what they call.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use alambic_tensor::Streams;
use alambic_tensor::candle::{Device, Result, Tensor, Var};
use alambic_tensor::gradients::backward;
use alambic_tensor::ops::{
    self, Activation, AttentionHeads, AttentionMask, CrossEntropy, Divergence, Dropout, RaggedLayout,
    RaggedPairs, Rotation, SquaredError, attend, attend_cross, attend_cross_with_taps, attend_packed,
    attend_packed_with_taps, pack_affine, squared_error,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How far a direction moves its input, each way.
const STEP: f64 = 1e-2;

/// Tensors of one test, drawn from its own stream.
struct Draw(ChaCha8Rng);

impl Draw {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Roughly normal, of the given deviation.
    fn values(&mut self, length: usize, deviation: f32) -> Vec<f32> {
        (0..length).map(|_| (0..12).map(|_| self.0.random::<f32>() - 0.5).sum::<f32>() * deviation).collect()
    }

    fn tensor(&mut self, shape: &[usize], deviation: f32) -> Tensor {
        let values = self.values(shape.iter().product(), deviation);
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    /// Weights of which about a quarter is zero.
    fn weights(&mut self, length: usize) -> Arc<Vec<f32>> {
        Arc::new((0..length).map(|_| (self.0.random::<f32>() - 0.25).max(0.0)).collect())
    }

    fn ids(&mut self, length: usize, limit: u32) -> Arc<Vec<u32>> {
        Arc::new((0..length).map(|_| self.0.random_range(0..limit)).collect())
    }

    /// A mask of `batch` rows whose first keys, at least one, are allowed.
    fn padding(&mut self, batch: usize, keys: usize) -> Arc<Vec<u8>> {
        let lengths: Vec<usize> = (0..batch).map(|_| self.0.random_range(1..=keys)).collect();
        Arc::new(lengths.into_iter().flat_map(|l| (0..keys).map(move |key| u8::from(key < l))).collect())
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// Directions over `length` elements: as pairs of a first element and the steps from there on.
fn directions(draw: &mut Draw, length: usize, windows: usize) -> Vec<(usize, Vec<f32>)> {
    let mut directions: Vec<_> = (0..3).map(|_| (0, draw.values(length, 1.0))).collect();
    let size = length.min(5);
    for window in 0..windows {
        let first = match window {
            0 => 0,
            1 => length - size,
            _ => draw.0.random_range(0..=length - size),
        };
        directions.push((first, draw.values(size, 1.0)));
    }
    directions
}

/// Compares the gradient of a weighted sum of the output, along directions, with its difference quotient.
fn check_along(
    what: &str,
    windows: usize,
    inputs: &[Tensor],
    function: impl Fn(&[Tensor]) -> Result<Tensor>,
) {
    let mut draw = Draw::new(99);
    let variables: Vec<Var> = inputs.iter().map(|input| Var::from_tensor(input).unwrap()).collect();
    let tracked: Vec<Tensor> = variables.iter().map(|variable| variable.as_tensor().clone()).collect();
    let output = function(&tracked).unwrap();
    let weights = draw.tensor(output.dims(), 1.0);
    let gradients = backward(&(output * &weights).unwrap().sum_all().unwrap()).unwrap();
    let weights = values(&weights);
    for (index, (input, tracked)) in inputs.iter().zip(&tracked).enumerate() {
        let gradient = values(gradients.get(tracked).unwrap());
        for (first, direction) in directions(&mut draw, input.elem_count(), windows) {
            let moved = |by: f64| {
                let mut moved = values(input);
                for (value, step) in moved[first..].iter_mut().zip(&direction) {
                    *value += by as f32 * step;
                }
                let mut inputs = inputs.to_vec();
                inputs[index] = Tensor::from_vec(moved, input.dims(), &Device::Cpu).unwrap();
                values(&function(&inputs).unwrap())
            };
            let (above, below) = (moved(STEP), moved(-STEP));
            let found: f64 = above
                .iter()
                .zip(&below)
                .zip(&weights)
                .map(|((above, below), weight)| f64::from(*weight) * (f64::from(*above) - f64::from(*below)))
                .sum::<f64>()
                / (2.0 * STEP);
            let terms =
                gradient[first..].iter().zip(&direction).map(|(g, step)| f64::from(*g) * f64::from(*step));
            let expected: f64 = terms.clone().sum();
            // What the terms add up to when they neither cancel nor agree.
            let size = terms.map(|term| term * term).sum::<f64>().sqrt();
            assert!(
                (found - expected).abs() <= 1e-2 * size + 2e-4,
                "{what}: input {index} from element {first}: difference quotient {found}, gradient {expected} ± {size}"
            );
        }
    }
}

fn check(what: &str, inputs: &[Tensor], function: impl Fn(&[Tensor]) -> Result<Tensor>) {
    check_along(what, 12, inputs, function);
}

/// Small and odd, and large enough for several tasks.
const ROWS: [usize; 3] = [1, 7, 2_111];

#[test]
fn layer_norm() {
    for rows in ROWS {
        let mut draw = Draw::new(1);
        let inputs = [draw.tensor(&[rows, 33], 2.0), draw.tensor(&[33], 0.5), draw.tensor(&[33], 0.5)];
        check("layer norm", &inputs, |t| ops::layer_norm(&t[0], &pack_affine(&t[1], &t[2])?, 1e-5));
    }
}

#[test]
fn residual_layer_norm() {
    for rows in ROWS {
        let mut draw = Draw::new(2);
        let x = draw.tensor(&[rows, 33], 1.0);
        let inputs = [x, draw.tensor(&[rows, 33], 1.0), draw.tensor(&[33], 0.5), draw.tensor(&[33], 0.5)];
        for mask in [None, Dropout::new(&Streams::new(5)).mask(rows * 33, 0.3)] {
            check("residual layer norm", &inputs, |t| {
                let affine = pack_affine(&t[2], &t[3])?;
                ops::residual_layer_norm(&t[0], &t[1], &affine, 1e-5, mask.clone())
            });
        }
    }
}

#[test]
fn dropout() {
    for rows in ROWS {
        let mask = Dropout::new(&Streams::new(6)).mask(rows * 33, 0.4);
        let input = Draw::new(3).tensor(&[rows, 33], 1.0);
        check("dropout", &[input], |t| ops::dropout(&t[0], mask.clone()));
    }
}

#[test]
fn softmax() {
    for batch in [1, 3, 307] {
        let mut draw = Draw::new(4);
        let input = draw.tensor(&[batch, 3, 5, 7], 2.0);
        let keys = AttentionMask::keys(draw.padding(batch, 7));
        let both = AttentionMask { causal: true, ..keys.clone() };
        for mask in [None, Some(&keys), Some(&AttentionMask::causal()), Some(&both)] {
            check("softmax", std::slice::from_ref(&input), |t| ops::softmax(&t[0], mask));
        }
    }
}

/// Batches, queries and keys: one example, and enough of them for several tasks; short rows, and long ones.
const ATTENTION: [(usize, usize, usize); 4] = [(1, 1, 1), (3, 5, 7), (211, 6, 9), (9, 50, 41)];

/// Masks of every kind for `heads` heads of `queries` over `keys`.
fn masks(draw: &mut Draw, (batch, heads, queries, keys): (usize, usize, usize, usize)) -> [AttentionMask; 7] {
    let padding = AttentionMask::keys(draw.padding(batch, keys));
    let both = AttentionMask { causal: true, ..padding.clone() };
    let dropout = Dropout::new(&Streams::new(11)).mask(batch * heads * queries * keys, 0.3);
    let dropping = padding.with_dropout(dropout);
    let near = padding.with_window(Some(2));
    let sources = (0..batch).map(|_| draw.0.random_range(0..=keys) as u32).collect();
    let two_parts = AttentionMask::prefix(Arc::new(sources));
    [AttentionMask::default(), padding, AttentionMask::causal(), both, dropping, near, two_parts]
}

#[test]
fn attention_over_separate_inputs() {
    for (batch, queries, keys) in ATTENTION {
        let mut draw = Draw::new(5);
        let heads = AttentionHeads::new(3, 15).unwrap();
        let inputs = [queries, keys, keys].map(|length| draw.tensor(&[batch, length, 15], 1.0));
        for mask in masks(&mut draw, (batch, 3, queries, keys)) {
            check("attention", &inputs, |t| attend(&t[0], &t[1], &t[2], heads, &mask));
        }
    }
}

#[test]
fn attention_over_packed_inputs() {
    for (batch, queries, keys) in ATTENTION {
        let mut draw = Draw::new(6);
        let heads = AttentionHeads::new(2, 22).unwrap();
        let inputs = [draw.tensor(&[batch, queries, 22], 1.0), draw.tensor(&[batch, keys, 44], 1.0)];
        for mask in masks(&mut draw, (batch, 2, queries, keys)) {
            check("cross attention", &inputs, |t| attend_cross(&t[0], &t[1], heads, &mask));
        }
        let input = [draw.tensor(&[batch, keys, 66], 1.0)];
        for mask in masks(&mut draw, (batch, 2, keys, keys)) {
            check("packed attention", &input, |t| attend_packed(&t[0], heads, &mask));
        }
    }
}

#[test]
fn attention_with_taps() {
    let mut draw = Draw::new(9);
    let heads = AttentionHeads::new(3, 15).unwrap();
    let together = |(context, scores, probabilities): (Tensor, Tensor, Tensor)| {
        Tensor::cat(&[context.flatten_all()?, scores.flatten_all()?, probabilities.flatten_all()?], 0)
    };
    let inputs = [draw.tensor(&[5, 6, 45], 1.0)];
    for mask in masks(&mut draw, (5, 3, 6, 6)) {
        // All three are differentiated at once, as a loss on several taps does.
        check("packed attention with taps", &inputs, |t| {
            together(attend_packed_with_taps(&t[0], heads, &mask)?)
        });
        // Of some results no gradient comes.
        check("packed attention's scores", &inputs, |t| Ok(attend_packed_with_taps(&t[0], heads, &mask)?.1));
        check("packed attention's probabilities", &inputs, |t| {
            Ok(attend_packed_with_taps(&t[0], heads, &mask)?.2)
        });
    }
    let inputs = [draw.tensor(&[31, 5, 15], 1.0), draw.tensor(&[31, 7, 30], 1.0)];
    for mask in masks(&mut draw, (31, 3, 5, 7)) {
        check("cross attention with taps", &inputs, |t| {
            together(attend_cross_with_taps(&t[0], &t[1], heads, &mask)?)
        });
    }
}

#[test]
fn attention_with_a_bias_of_its_scores() {
    for (batch, of_bias) in [(1, 1), (3, 1), (3, 3), (120, 1)] {
        let mut draw = Draw::new(12);
        let heads = AttentionHeads::new(2, 12).unwrap();
        let inputs = [draw.tensor(&[batch, 5, 36], 1.0), draw.tensor(&[of_bias, 2, 5, 5], 1.0)];
        for mask in masks(&mut draw, (batch, 2, 5, 5)) {
            check("attention with a bias", &inputs, |t| {
                attend_packed(&t[0], heads, &mask.with_bias(Some(t[1].clone())))
            });
            check("scores with a bias", &inputs, |t| {
                Ok(attend_packed_with_taps(&t[0], heads, &mask.with_bias(Some(t[1].clone())))?.1)
            });
        }
    }
}

#[test]
fn gated_activation() {
    for rows in ROWS {
        let input = [Draw::new(14).tensor(&[rows, 34], 1.0)];
        for activation in [Activation::Gelu, Activation::Silu] {
            check("gated activation", &input, |t| ops::gated(&t[0], activation));
        }
    }
}

#[test]
fn root_norm() {
    for rows in ROWS {
        let input = [Draw::new(15).tensor(&[rows, 17], 1.0), Draw::new(16).tensor(&[17], 1.0)];
        check("root norm", &input, |t| ops::root_norm(&t[0], &t[1], 1e-3));
    }
}

#[test]
fn rotation() {
    for rows in [1, 5, 2000] {
        let mut draw = Draw::new(13);
        let rotation = Rotation::new(&Rotation::frequencies(100.0, 6), 9);
        let (input, positions) = ([draw.tensor(&[rows, 20], 1.0)], draw.ids(rows, 9));
        // Three heads are turned, two columns stay.
        check("rotation", &input, |t| ops::rotate(&t[0], 18, &rotation, &positions));
    }
}

/// Layouts of queries and keys of so many sequences, of these lengths at most, with dropout and order.
fn ragged_masks(draw: &mut Draw, (batch, queries, keys): (usize, usize, usize)) -> [AttentionMask; 3] {
    let mut layout = |length| Arc::new(RaggedLayout::of_mask(&draw.padding(batch, length), batch).unwrap());
    let pairs = RaggedPairs { queries: layout(queries), keys: layout(keys) };
    let plain = AttentionMask { ragged: Some(pairs.clone()), ..AttentionMask::default() };
    let dropping = plain.with_dropout(Dropout::new(&Streams::new(11)).mask(3 * pairs.count(), 0.3));
    [plain.clone(), AttentionMask { causal: true, ..plain }, dropping]
}

#[test]
fn ragged_attention() {
    let together = |(context, scores, probabilities): (Tensor, Tensor, Tensor)| {
        Tensor::cat(&[context.flatten_all()?, scores.flatten_all()?, probabilities.flatten_all()?], 0)
    };
    let heads = AttentionHeads::new(3, 15).unwrap();
    for (batch, queries, keys) in ATTENTION {
        let mut draw = Draw::new(14);
        for mask in ragged_masks(&mut draw, (batch, queries, keys)) {
            let pairs = mask.ragged.as_ref().unwrap();
            let [queries, keys] = [pairs.queries.tokens(), pairs.keys.tokens()];
            let inputs = [draw.tensor(&[queries, 15], 1.0), draw.tensor(&[keys, 30], 1.0)];
            check("ragged attention", &inputs, |t| attend_cross(&t[0], &t[1], heads, &mask));
            check("ragged attention with taps", &inputs, |t| {
                together(attend_cross_with_taps(&t[0], &t[1], heads, &mask)?)
            });
            let own = AttentionMask::ragged(pairs.keys.clone());
            let input = [draw.tensor(&[keys, 45], 1.0)];
            check("ragged packed attention", &input, |t| attend_packed(&t[0], heads, &own));
            check("ragged packed attention's scores", &input, |t| {
                Ok(attend_packed_with_taps(&t[0], heads, &own)?.1)
            });
        }
    }
}

#[test]
fn ragged_layouts() {
    for (batch, length) in [(1, 1), (3, 7), (97, 40)] {
        let mut draw = Draw::new(15);
        let layout = RaggedLayout::of_mask(&draw.padding(batch, length), batch).unwrap();
        let padded = [draw.tensor(&[batch, length, 2, 3], 1.0)];
        check("unpadding", &padded, |t| layout.unpad(&t[0]));
        let tokens = [draw.tensor(&[layout.tokens(), 6], 1.0)];
        check("padding", &tokens, |t| layout.pad(&t[0]));
        check("first tokens", &tokens, |t| layout.first(&t[0]));
    }
}

#[test]
fn squared_errors() {
    for rows in ROWS {
        let mut draw = Draw::new(12);
        let inputs = [draw.tensor(&[2, rows, 19], 1.0)];
        let teacher = draw.tensor(&[2, rows, 19], 1.0);
        let weights = Arc::new((0..2 * rows).map(|row| (row % 3) as f32 + 0.5).collect::<Vec<f32>>());
        let some = Arc::new((0..38).map(|column| u8::from(column % 5 != 0)).collect::<Vec<u8>>());
        for columns in [None, Some(some)] {
            let settings = SquaredError { weights: weights.clone(), columns };
            check("squared error", &inputs, |t| squared_error(&t[0], &teacher, settings.clone()));
        }
    }
}

const SMOOTH: [Activation; 6] = [
    Activation::Identity,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::QuickGelu,
    Activation::Silu,
    Activation::Tanh,
];

#[test]
fn activations() {
    for rows in ROWS {
        let mut draw = Draw::new(8);
        let input = draw.tensor(&[rows, 33], 2.0);
        for activation in SMOOTH {
            check(&format!("{activation:?}"), std::slice::from_ref(&input), |t| {
                ops::activate(&t[0], activation)
            });
        }
        // Away from the kink at zero.
        let input = input.map_away_from_zero();
        check("ReLU", &[input], |t| ops::activate(&t[0], Activation::Relu));
    }
}

trait AwayFromZero {
    /// Moves every element away from zero by half.
    fn map_away_from_zero(&self) -> Self;
}

impl AwayFromZero for Tensor {
    fn map_away_from_zero(&self) -> Self {
        let moved = values(self).into_iter().map(|x| x + 0.5f32.copysign(x)).collect::<Vec<_>>();
        Tensor::from_vec(moved, self.dims(), &Device::Cpu).unwrap()
    }
}

#[test]
fn linear_layers() {
    for rows in ROWS {
        let mut draw = Draw::new(9);
        let inputs = [draw.tensor(&[rows, 33], 1.0), draw.tensor(&[17, 33], 0.2), draw.tensor(&[17], 0.5)];
        for activation in SMOOTH {
            check(&format!("linear with {activation:?}"), &inputs, |t| {
                ops::linear(&t[0], &t[1], Some(&t[2]), activation)
            });
        }
        check("linear without bias", &inputs[..2], |t| ops::linear(&t[0], &t[1], None, Activation::Silu));
        // Sums that stay away from the kink at zero, on both sides of it.
        let inputs = [
            draw.tensor(&[rows, 33], 0.1),
            draw.tensor(&[17, 33], 0.1),
            (draw.tensor(&[17], 1.0).map_away_from_zero() * 4.0).unwrap(),
        ];
        check("linear with ReLU", &inputs, |t| ops::linear(&t[0], &t[1], Some(&t[2]), Activation::Relu));
    }
}

#[test]
fn packed_linear_layers() {
    let mut draw = Draw::new(10);
    let inputs = [
        draw.tensor(&[71, 9, 33], 1.0),
        draw.tensor(&[5, 33], 0.2),
        draw.tensor(&[8, 33], 0.2),
        draw.tensor(&[5], 0.5),
        draw.tensor(&[8], 0.5),
    ];
    check("packed linear", &inputs, |t| ops::linear_packed(&t[0], &[&t[1], &t[2]], &[&t[3], &t[4]]));
}

#[test]
fn embedding() {
    for (batch, length) in [(1, 1), (3, 5), (401, 9)] {
        let mut draw = Draw::new(11);
        let ids = draw.ids(batch * length, 41);
        let (table, positions) = (draw.tensor(&[41, 33], 1.0), draw.tensor(&[length, 33], 1.0));
        for positions in [None, Some(&positions)] {
            check("embedding", std::slice::from_ref(&table), |t| {
                ops::embed(&t[0], &ids, batch, 1.5, positions)
            });
        }
    }
}

/// Neighbouring elements of a mean over thousands of rows move it by less than single precision holds: only a mean
/// over a few rows is looked at element by element.
fn windows(rows: usize) -> usize {
    if rows > 10 { 0 } else { 12 }
}

#[test]
fn cross_entropy() {
    for rows in ROWS {
        let mut draw = Draw::new(12);
        let logits = draw.tensor(&[rows, 33], 2.0);
        for smoothing in [0.0, 0.2] {
            let settings = CrossEntropy {
                targets: draw.ids(rows, 33),
                weights: if rows == 1 { Arc::new(vec![0.5]) } else { draw.weights(rows) },
                smoothing,
            };
            check_along("cross-entropy", windows(rows), std::slice::from_ref(&logits), |t| {
                ops::cross_entropy(&t[0], settings.clone())
            });
        }
    }
}

#[test]
fn divergence() {
    for rows in ROWS {
        let mut draw = Draw::new(13);
        let (student, teacher) = (draw.tensor(&[rows, 33], 2.0), draw.tensor(&[rows, 33], 2.0));
        for (temperature, squared) in [(1.0, false), (2.5, false), (2.5, true)] {
            let settings = Divergence {
                weights: if rows == 1 { Arc::new(vec![0.5]) } else { draw.weights(rows) },
                temperature,
                squared,
            };
            check_along("divergence", windows(rows), std::slice::from_ref(&student), |t| {
                ops::divergence(&t[0], &teacher, settings.clone())
            });
        }
    }
}
