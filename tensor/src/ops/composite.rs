//! The operations out of candle's own, for tensors that are not in the memory of the processor.
//!
//! Each takes and gives what the fused operation of its name does. Gradients are candle's, through what each is made of.

use std::sync::Arc;

use candle_core::{D, DType, Device, Result, Shape, Tensor, bail};

use super::Activation;
use super::attention::{AttentionMask, Heads};
use super::cross_entropy::CrossEntropy;
use super::divergence::Divergence;
use super::dropout::Mask;
use crate::precision::{self, Products};

/// Whether the fused operations cannot reach a tensor.
pub(super) fn is_needed(tensor: &Tensor) -> bool {
    !tensor.device().is_cpu()
}

pub(super) fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    let sigmoid = |x: &Tensor| x.neg()?.exp()?.affine(1.0, 1.0)?.recip();
    match activation {
        Activation::Identity => Ok(x.clone()),
        Activation::Relu => x.relu(),
        Activation::Gelu => x.gelu_erf(),
        Activation::GeluTanh => x.gelu(),
        Activation::QuickGelu => x * sigmoid(&(x * 1.702)?)?,
        Activation::Silu => x.silu(),
        Activation::Tanh => x.tanh(),
    }
}

pub(super) fn linear(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut shape = x.dims().to_vec();
    if inputs == 0 || shape.last() != Some(&inputs) {
        bail!("linear: input {shape:?} does not fit weight [{outputs}, {inputs}]")
    }
    let rows = x.contiguous()?.reshape(((), inputs))?;
    if let Some(last) = shape.last_mut() {
        *last = outputs;
    }
    let lowered = |tensor: &Tensor| tensor.to_dtype(DType::BF16);
    let product = match precision::current() {
        Products::Bf16 => lowered(&rows)?.matmul(&lowered(weight)?.t()?)?.to_dtype(DType::F32)?,
        // In full: what is asked for is less exact, and nothing here is faster.
        Products::F32 | Products::Bf16x3 | Products::Int8 => rows.matmul(&weight.t()?)?,
    };
    let sum = match bias {
        Some(bias) => product.broadcast_add(bias)?,
        None => product,
    };
    activate(&sum.reshape(shape)?, activation)
}

pub(super) fn linear_packed(x: &Tensor, weights: &[&Tensor], biases: &[&Tensor]) -> Result<Tensor> {
    linear(x, &Tensor::cat(weights, 0)?, Some(&Tensor::cat(biases, 0)?), Activation::Identity)
}

pub(super) fn layer_norm(x: &Tensor, affine: &Tensor, epsilon: f64) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    if affine.dims() != [2, width] {
        bail!(
            "layer norm: packed weight and bias of {:?} do not fit rows of shape {:?}",
            affine.shape(),
            x.shape()
        )
    }
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(&affine.get(0)?)?.broadcast_add(&affine.get(1)?)
}

pub(super) fn residual_layer_norm(
    x: &Tensor,
    sublayer: &Tensor,
    affine: &Tensor,
    epsilon: f64,
    mask: Option<&Mask>,
) -> Result<Tensor> {
    let kept = match mask {
        Some(mask) => dropout(sublayer, mask)?,
        None => sublayer.clone(),
    };
    layer_norm(&(x + kept)?, affine, epsilon)
}

pub(super) fn dropout(x: &Tensor, mask: &Mask) -> Result<Tensor> {
    mask.check("dropout", x.shape())?;
    x * mask.factors(x.shape(), x.device())?
}

pub(super) fn embed(
    table: &Tensor,
    ids: &Arc<Vec<u32>>,
    batch: usize,
    scale: f32,
    positions: Option<&Tensor>,
) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    // A GPU reads what lies behind the table without a word.
    if let Some(id) = ids.iter().find(|&&id| id as usize >= rows) {
        bail!("embedding: token {id} is not in a table of {rows} rows")
    }
    let index = Tensor::from_vec(ids.to_vec(), ids.len(), table.device())?;
    let length = ids.len() / batch.max(1);
    let looked_up = table.index_select(&index, 0)?.reshape((batch, length, width))?;
    let scaled = if scale == 1.0 { looked_up } else { (looked_up * f64::from(scale))? };
    match positions {
        Some(positions) => scaled.broadcast_add(&positions.detach()),
        None => Ok(scaled),
    }
}

/// Which entries of `[batch, .., queries, keys]` a mask allows, 1 or 0, with a size of 1 where it makes no difference.
fn allowed(mask: &AttentionMask, shape: &Shape, device: &Device) -> Result<Tensor> {
    let [batch, between @ .., queries, keys] = shape.dims() else {
        bail!("softmax: a masked input is [batch, .., queries, keys], not {shape:?}")
    };
    mask.check_keys(*batch, *keys)?;
    let batches = if mask.keys.is_some() { *batch } else { 1 };
    let rows = if mask.causal { *queries } else { 1 };
    let mut values = Vec::with_capacity(batches * rows * keys);
    for example in 0..batches {
        for query in 0..rows {
            values.extend((0..*keys).map(|key| u8::from(mask.allows(example, query, key, *keys))));
        }
    }
    let mut dims = vec![batches];
    dims.extend(std::iter::repeat_n(1, between.len()));
    dims.extend([rows, *keys]);
    Tensor::from_vec(values, dims, device)
}

pub(super) fn softmax(x: &Tensor, mask: Option<&AttentionMask>) -> Result<Tensor> {
    let Some(mask) = mask else {
        let exponentials = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?.exp()?;
        return exponentials.broadcast_div(&exponentials.sum_keepdim(D::Minus1)?);
    };
    let allowed = allowed(mask, x.shape(), x.device())?.broadcast_as(x.shape())?.contiguous()?;
    // The lowest number and not minus infinity: of a row without any entry the difference has to be one.
    let lowest = Tensor::full(f32::MIN, x.shape(), x.device())?.contiguous()?;
    let scores = allowed.where_cond(x, &lowest)?;
    let exponentials = scores.broadcast_sub(&scores.detach().max_keepdim(D::Minus1)?)?.exp()?;
    let exponentials = (exponentials * allowed.to_dtype(DType::F32)?)?;
    let sums = exponentials.sum_keepdim(D::Minus1)?.maximum(f64::from(f32::MIN_POSITIVE))?;
    exponentials.broadcast_div(&sums)
}

/// The context, and scores before the mask and probabilities before dropout.
pub(super) fn attention(
    [query, key, value]: [&Tensor; 3],
    heads: Heads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, queries, width) = query.dims3()?;
    heads.check(width)?;
    let split = |x: &Tensor| {
        let length = x.dim(1)?;
        x.reshape((batch, length, heads.count, width / heads.count))?.transpose(1, 2)?.contiguous()
    };
    let (query, key, value) = (split(query)?, split(key)?, split(value)?);
    let scores = (query.matmul(&key.t()?)? * f64::from(heads.scale))?;
    let masked = (mask.keys.is_some() || mask.causal).then_some(mask);
    let probabilities = softmax(&scores, masked)?;
    let kept = match &mask.dropped {
        Some(dropped) => dropout(&probabilities, dropped)?,
        None => probabilities.clone(),
    };
    let context = kept.matmul(&value)?.transpose(1, 2)?.reshape((batch, queries, width))?;
    Ok((context, scores, probabilities))
}

fn log_softmax(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.detach().max_keepdim(D::Minus1)?)?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

/// The weighted mean of losses of rows, `[rows]`. What stands in a row of weight zero plays no part.
fn mean_of_rows(losses: &Tensor, weights: &[f32]) -> Result<Tensor> {
    let total: f32 = weights.iter().sum();
    let inverse = if total > 0.0 { 1.0 / total } else { 0.0 };
    let shares: Vec<f32> = weights.iter().map(|weight| weight * inverse).collect();
    let counted: Vec<u8> = weights.iter().map(|&weight| u8::from(weight != 0.0)).collect();
    let counted = Tensor::from_vec(counted, losses.shape(), losses.device())?;
    let losses = counted.where_cond(losses, &losses.zeros_like()?)?;
    let shares = Tensor::from_vec(shares, losses.shape(), losses.device())?;
    (losses * shares)?.sum_all()
}

/// `[.., columns]` as rows.
fn rows(x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.reshape(((), x.dim(D::Minus1)?))
}

pub(super) fn cross_entropy(logits: &Tensor, settings: &CrossEntropy) -> Result<Tensor> {
    let CrossEntropy { targets, weights, smoothing } = settings;
    let logits = rows(logits)?;
    let (count, classes) = logits.dims2()?;
    if targets.len() != count || weights.len() != count {
        bail!(
            "cross-entropy: {} targets and {} weights do not fit logits of shape {:?}",
            targets.len(),
            weights.len(),
            logits.shape()
        )
    }
    let stray = |row: &usize| weights[*row] != 0.0 && targets[*row] as usize >= classes;
    if let Some(row) = (0..count).find(stray) {
        bail!("cross-entropy: target {} of row {row} is not among {classes} classes", targets[row])
    }
    let logarithms = log_softmax(&logits)?;
    let index: Vec<u32> = targets.iter().map(|&target| target.min(classes as u32 - 1)).collect();
    let index = Tensor::from_vec(index, (count, 1), logits.device())?;
    let mut losses = (logarithms.gather(&index, 1)?.squeeze(1)? * -f64::from(1.0 - smoothing))?;
    if *smoothing > 0.0 {
        let even = (logarithms.sum(D::Minus1)? * (f64::from(*smoothing) / classes as f64))?;
        losses = (losses - even)?;
    }
    mean_of_rows(&losses, weights)
}

pub(super) fn divergence(student: &Tensor, teacher: &Tensor, settings: &Divergence) -> Result<Tensor> {
    let Divergence { weights, temperature, squared } = settings;
    if temperature.is_nan() || *temperature <= 0.0 {
        bail!("divergence: a temperature of {temperature} is not above zero")
    }
    let (student, teacher) = (rows(student)?, rows(teacher)?);
    if student.shape() != teacher.shape() || weights.len() != student.dim(0)? {
        bail!(
            "divergence: student {:?}, teacher {:?} and {} row weights do not fit; both need the same vocabulary",
            student.shape(),
            teacher.shape(),
            weights.len()
        )
    }
    let cooled = |logits: &Tensor| log_softmax(&(logits / f64::from(*temperature))?);
    let (student, teacher) = (cooled(&student)?, cooled(&teacher)?);
    let probabilities = teacher.exp()?;
    // What the teacher rules out adds nothing, though its logarithm is infinite.
    let possible = probabilities.gt(0.0)?;
    let differences = possible.where_cond(&(teacher - student)?, &probabilities.zeros_like()?)?;
    let losses = (probabilities * differences)?.sum(D::Minus1)?;
    let factor = if *squared { temperature * temperature } else { 1.0 };
    mean_of_rows(&losses, weights)? * f64::from(factor)
}

/// With the weights of rows, and `factors` of each example and column, `[examples, columns]`.
pub(super) fn squared_error(
    student: &Tensor,
    teacher: &Tensor,
    weights: &[f32],
    factors: Vec<f32>,
) -> Result<Tensor> {
    let width = student.dim(D::Minus1)?;
    let examples = factors.len() / width;
    let factors = Tensor::from_vec(factors, (examples, 1, width), student.device())?;
    let squares = (student - teacher.detach())?.sqr()?.reshape((examples, (), width))?;
    let losses = squares.broadcast_mul(&factors)?.sum(D::Minus1)?.flatten_all()?;
    mean_of_rows(&losses, weights)
}

#[cfg(test)]
mod tests {
    use candle_core::Var;

    use super::super::{
        self as ops, Dropout, SquaredError, attend_packed_with_taps, embed as fused_embed,
        layer_norm as fused_layer_norm, residual_layer_norm as fused_residual_layer_norm,
        softmax as fused_softmax,
    };
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
    fn activations_and_linear_layers_are_the_fused_ones() {
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
                || vec![linear(&x, &w, Some(&b), activation).unwrap()],
                || vec![ops::linear(&x, &w, Some(&b), activation).unwrap()],
            );
        }
        let (second, bias) = (variable(&[3, 5], 5.0), variable(&[3], 6.0));
        compare(
            "packed linear",
            &[&x, &w, &second, &b, &bias],
            || vec![linear_packed(&x, &[&w, &second], &[&b, &bias]).unwrap()],
            || vec![ops::linear_packed(&x, &[&w, &second], &[&b, &bias]).unwrap()],
        );
    }

    #[test]
    fn layer_norm_dropout_and_embedding_are_the_fused_ones() {
        let (x, y, affine) = (variable(&[2, 3, 8], 0.0), variable(&[2, 3, 8], 9.0), variable(&[2, 8], 4.0));
        compare(
            "layer norm",
            &[&x, &affine],
            || vec![layer_norm(&x, &affine, 1e-5).unwrap()],
            || vec![fused_layer_norm(&x, &affine, 1e-5).unwrap()],
        );
        let mask = Dropout::new(&Streams::new(1)).mask(48, 0.4);
        compare(
            "residual layer norm",
            &[&x, &y, &affine],
            || vec![residual_layer_norm(&x, &y, &affine, 1e-5, mask.as_ref()).unwrap()],
            || vec![fused_residual_layer_norm(&x, &y, &affine, 1e-5, mask.clone()).unwrap()],
        );
        compare(
            "dropout",
            &[&x],
            || vec![dropout(&x, mask.as_ref().unwrap()).unwrap()],
            || vec![ops::dropout(&x, mask.clone()).unwrap()],
        );
        let (table, positions) = (variable(&[7, 8], 1.0), variable(&[3, 8], 2.0));
        let ids = Arc::new(vec![1, 6, 1, 0, 3, 1]);
        compare(
            "embedding",
            &[&table],
            || vec![embed(&table, &ids, 2, 2.0, Some(&positions)).unwrap()],
            || vec![fused_embed(&table, &ids, 2, 2.0, Some(&positions)).unwrap()],
        );
        assert!(embed(&table, &Arc::new(vec![7]), 1, 1.0, None).is_err());
    }

    #[test]
    fn attention_and_softmax_are_the_fused_ones_whatever_the_mask() {
        let packed = variable(&[2, 4, 24], 0.0);
        let heads = Heads::new(2, 8).unwrap();
        // The second example has a query that may look at nothing.
        let keys = Some(Arc::new(vec![1, 1, 1, 0, 0, 1, 1, 0]));
        let dropped = Dropout::new(&Streams::new(2)).mask(2 * 2 * 4 * 4, 0.3);
        let masks = [
            AttentionMask::default(),
            AttentionMask { keys: keys.clone(), ..AttentionMask::default() },
            AttentionMask::causal(),
            AttentionMask { keys, causal: true, dropped },
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
                        attention([&parts[0], &parts[1], &parts[2]], heads, &mask).unwrap();
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
                || vec![softmax(&scores, Some(&mask)).unwrap()],
                || vec![fused_softmax(&scores, Some(&mask)).unwrap()],
            );
        }
        compare(
            "softmax",
            &[&scores],
            || vec![softmax(&scores, None).unwrap()],
            || vec![fused_softmax(&scores, None).unwrap()],
        );
    }

    #[test]
    fn losses_are_the_fused_ones() {
        let (student, teacher) = (variable(&[2, 3, 5], 0.0), variable(&[2, 3, 5], 7.0));
        let weights = Arc::new(vec![1.0, 0.0, 0.5, 2.0, 0.0, 1.0]);
        for smoothing in [0.0, 0.1] {
            // The class of a row without weight need not be one.
            let targets = Arc::new(vec![0, 99, 4, 2, 1, 3]);
            let settings = CrossEntropy { targets, weights: weights.clone(), smoothing };
            compare(
                "cross-entropy",
                &[&student],
                || vec![cross_entropy(&student, &settings).unwrap()],
                || vec![ops::cross_entropy(&student, settings.clone()).unwrap()],
            );
        }
        for squared in [false, true] {
            let settings = Divergence { weights: weights.clone(), temperature: 3.0, squared };
            compare(
                "divergence",
                &[&student],
                || vec![divergence(&student, &teacher.detach(), &settings).unwrap()],
                || vec![ops::divergence(&student, &teacher, settings.clone()).unwrap()],
            );
        }
        let columns = Some(Arc::new(vec![1, 1, 0, 1, 0, 1, 0, 0, 0, 1]));
        let settings = SquaredError { weights, columns };
        let factors: Vec<f32> =
            [[1.0, 1.0, 0.0, 1.0, 0.0].map(|x| x / 3.0), [0.5, 0.0, 0.0, 0.0, 0.5]].concat();
        compare(
            "squared error",
            &[&student],
            || vec![squared_error(&student, &teacher, &settings.weights, factors.clone()).unwrap()],
            || vec![ops::squared_error(&student, &teacher, settings.clone()).unwrap()],
        );
    }

    #[test]
    fn what_a_teacher_rules_out_adds_nothing() {
        let student = variable(&[1, 3], 0.0);
        let teacher = Tensor::new(&[[0.0f32, f32::NEG_INFINITY, 1.0]], &Device::Cpu).unwrap();
        let settings = Divergence { weights: Arc::new(vec![1.0]), temperature: 1.0, squared: false };
        let found = divergence(&student, &teacher, &settings).unwrap();
        assert_close("divergence", &found, &ops::divergence(&student, &teacher, settings).unwrap());
    }
}
