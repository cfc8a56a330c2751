//! Layer norm, alone or over a residual sum with dropout.

use std::mem::MaybeUninit;
use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::composite::is_needed;
use super::dropout::{DropoutMask, dropout_composite};
use crate::vector::{self, vectorised};
use crate::{buffer, graph};

/// Tensors saved for the backward pass: the normalised rows and the inverse standard deviation of each.
struct Saved {
    normalised: Vec<f32>,
    inverse_deviation: Vec<f32>,
}

struct LayerNorm {
    epsilon: f64,
    tracked: bool,
    /// Dropout of the second summand.
    mask: Option<DropoutMask>,
    saved: OnceLock<Saved>,
}

vectorised! {
    /// Normalises one row in place and returns its inverse standard deviation.
    fn normalise(row: &mut [f32], epsilon: f32) -> f32 {
        let width = row.len() as f32;
        let mean = vector::sum(row) / width;
        let variance = vector::fold(row, |x| (x - mean) * (x - mean)) / width;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for x in row.iter_mut() {
            *x = (*x - mean) * inverse;
        }
        inverse
    }
}

vectorised! {
    fn scale_and_shift(normalised: &[f32], affine: &[f32], out: &mut [MaybeUninit<f32>]) {
        let (weight, bias) = affine.split_at(normalised.len());
        for (((out, x), weight), bias) in out.iter_mut().zip(normalised).zip(weight).zip(bias) {
            out.write(x * weight + bias);
        }
    }
}

vectorised! {
    /// Gradient of one row before normalisation.
    fn backward_row(
        normalised: &[f32],
        upstream: &[f32],
        affine: &[f32],
        inverse: f32,
        scaled: &mut [f32],
        out: &mut [MaybeUninit<f32>],
    ) {
        let width = normalised.len();
        for ((scaled, upstream), weight) in scaled.iter_mut().zip(upstream).zip(&affine[..width]) {
            *scaled = upstream * weight;
        }
        let mean = vector::sum(scaled) / width as f32;
        let projection = vector::dot(scaled, normalised) / width as f32;
        for ((out, scaled), normalised) in out.iter_mut().zip(scaled.iter()).zip(normalised) {
            out.write(inverse * (scaled - mean - normalised * projection));
        }
    }
}

vectorised! {
    fn add_affine_gradients(normalised: &[f32], upstream: &[f32], sums: &mut [f32]) {
        let width = sums.len() / 2;
        let (weight, bias) = sums.split_at_mut(width);
        for (normalised, upstream) in normalised.chunks_exact(width).zip(upstream.chunks_exact(width)) {
            for (((weight, bias), normalised), upstream) in
                weight.iter_mut().zip(bias.iter_mut()).zip(normalised).zip(upstream)
            {
                *weight += normalised * upstream;
                *bias += upstream;
            }
        }
    }
}

impl LayerNorm {
    /// Checks the shapes, and runs over `x` and `residual`, each with its shape.
    fn forward(
        &self,
        (x, shape): (&[f32], &Shape),
        residual: Option<(&[f32], &Shape)>,
        (affine, affine_shape): (&[f32], &Shape),
    ) -> Result<(CpuStorage, Shape)> {
        let width = shape.dims().last().copied().unwrap_or(0);
        if width == 0 || affine_shape.dims() != [2, width] {
            bail!("layer norm: packed weight and bias of {affine_shape:?} do not fit rows of shape {shape:?}")
        }
        if let Some((_, residual)) = residual.filter(|(_, residual)| *residual != shape) {
            bail!("layer norm: inputs of shapes {shape:?} and {residual:?} cannot be added")
        }
        if let Some(mask) = &self.mask {
            mask.check("layer norm", shape)?;
        }
        let residual = residual.map(|(residual, _)| residual);
        let (length, step) = (x.len(), buffer::rows_per_task(width));
        let mut inverse_deviation = vec![0.0; length / width];
        let mut out = Vec::new();
        let normalised = buffer::build(length, |normalised| {
            out = buffer::build(length, |out| {
                normalised
                    .par_chunks_mut(step * width)
                    .zip(out.par_chunks_mut(step * width))
                    .zip(inverse_deviation.par_chunks_mut(step))
                    .enumerate()
                    .for_each(|(task, ((normalised, out), inverse))| {
                        let normalised = self.sum(task * step * width, x, residual, normalised);
                        let rows = normalised.chunks_exact_mut(width).zip(out.chunks_exact_mut(width));
                        for ((row, out), inverse) in rows.zip(inverse) {
                            *inverse = normalise(row, self.epsilon as f32);
                            scale_and_shift(row, affine, out);
                        }
                    });
            });
        });
        if self.tracked {
            // A node of the graph runs forward once.
            let _ = self.saved.set(Saved { normalised, inverse_deviation });
        }
        Ok((CpuStorage::F32(out), shape.clone()))
    }

    /// Writes what is to be normalised, the elements from `first` on.
    fn sum<'a>(
        &self,
        first: usize,
        x: &[f32],
        residual: Option<&[f32]>,
        out: &'a mut [MaybeUninit<f32>],
    ) -> &'a mut [f32] {
        let range = first..first + out.len();
        let x = &x[range.clone()];
        match (residual, &self.mask) {
            (None, _) => return out.write_copy_of_slice(x),
            (Some(residual), None) => vector::add(x, &residual[range], out),
            (Some(residual), Some(mask)) => mask.add_kept(first, x, &residual[range], out),
        }
        // SAFETY: either of the two has just written every element.
        unsafe { out.assume_init_mut() }
    }

    /// Gradients of the normalised sum and of the packed weight and bias.
    fn backward(&self, affine: &Tensor, upstream: &Tensor) -> Result<(Tensor, Option<Tensor>)> {
        let Some(saved) = self.saved.get() else { bail!("layer norm: backward before forward") };
        let width = affine.dims2()?.1;
        let rows = saved.inverse_deviation.len();
        buffer::with_slice(upstream, "layer norm", |upstream_values| {
            let input = buffer::with_slice(affine, "layer norm", |affine| {
                buffer::build_rows(rows, width, |first, out| {
                    let mut scaled = vec![0.0; width];
                    for (row, out) in out.chunks_exact_mut(width).enumerate() {
                        let range = (first + row) * width..(first + row + 1) * width;
                        backward_row(
                            &saved.normalised[range.clone()],
                            &upstream_values[range],
                            affine,
                            saved.inverse_deviation[first + row],
                            &mut scaled,
                            out,
                        );
                    }
                })
            })?;
            let affine_gradient = affine
                .track_op()
                .then(|| {
                    let sums = buffer::sum_rows(rows, 2 * width, |range, sums| {
                        let range = range.start * width..range.end * width;
                        add_affine_gradients(&saved.normalised[range.clone()], &upstream_values[range], sums);
                    });
                    Tensor::from_vec(sums, (2, width), affine.device())
                })
                .transpose()?;
            Ok((Tensor::from_vec(input, upstream.shape(), upstream.device())?, affine_gradient))
        })?
    }
}

impl CustomOp2 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        a: &CpuStorage,
        al: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, affine) = (buffer::slice(x, xl, "layer norm")?, buffer::slice(a, al, "layer norm")?);
        self.forward((x, xl.shape()), None, (affine, al.shape()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        affine: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (input, affine) = self.backward(affine, upstream)?;
        Ok((Some(input), affine))
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "residual layer norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        r: &CpuStorage,
        rl: &Layout,
        a: &CpuStorage,
        al: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (x, residual) = (buffer::slice(x, xl, "layer norm")?, buffer::slice(r, rl, "layer norm")?);
        let affine = buffer::slice(a, al, "layer norm")?;
        self.forward((x, xl.shape()), Some((residual, rl.shape())), (affine, al.shape()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        residual: &Tensor,
        affine: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (input, affine) = self.backward(affine, upstream)?;
        let residual_gradient = match &self.mask {
            None => input.clone(),
            Some(mask) => {
                let kept = buffer::with_slice(&input, "layer norm", |gradient| mask.apply(gradient))?;
                Tensor::from_vec(kept, residual.shape(), residual.device())?
            }
        };
        Ok((Some(input), Some(residual_gradient), affine))
    }
}

/// Weight and bias of a layer norm, each `[width]`, as the one tensor `[2, width]` that the operations take.
///
/// # Errors
/// When the two differ in shape.
pub fn pack_affine(weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    if weight.shape() != bias.shape() {
        bail!("layer norm: weight {:?} and bias {:?} differ in shape", weight.shape(), bias.shape())
    }
    Tensor::stack(&[weight, bias], 0)
}

/// Composite of [`layer_norm`].
pub(super) fn layer_norm_composite(x: &Tensor, affine: &Tensor, epsilon: f64) -> Result<Tensor> {
    let width = x.dim(D::Minus1)?;
    if affine.dims() != [2, width] {
        bail!(
            "layer norm: packed weight and bias of {:?} do not fit rows of shape {:?}",
            affine.shape(),
            x.shape()
        )
    }
    let (weight, bias, epsilon) = (affine.get(0)?, affine.get(1)?, epsilon as f32);
    if x.track_op() || affine.track_op() {
        return candle_nn::ops::layer_norm_slow(x, &weight, &bias, epsilon);
    }
    // The kernel of candle-nn 0.11.1 takes the variance to be the mean square less the squared mean, which is NaN or far
    // off in rows whose mean is large beside their deviation; of rows centred before it is right.
    let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
    candle_nn::ops::layer_norm(&centred, &weight, &bias, epsilon)
}

/// Composite of [`residual_layer_norm`].
pub(super) fn residual_layer_norm_composite(
    x: &Tensor,
    sublayer: &Tensor,
    affine: &Tensor,
    epsilon: f64,
    mask: Option<&DropoutMask>,
) -> Result<Tensor> {
    let kept = match mask {
        Some(mask) => dropout_composite(sublayer, mask)?,
        None => sublayer.clone(),
    };
    layer_norm_composite(&(x + kept)?, affine, epsilon)
}

/// Layer norm over the last dimension: `(x - mean) / sqrt(variance + epsilon) * weight + bias`, with `affine` from
/// [`pack_affine`].
///
/// # Errors
/// When the shapes do not fit or a tensor is not `f32`.
pub fn layer_norm(x: &Tensor, affine: &Tensor, epsilon: f64) -> Result<Tensor> {
    if is_needed(x) {
        return layer_norm_composite(x, affine, epsilon);
    }
    let tracked = x.track_op() || affine.track_op();
    graph::apply2(
        &x.contiguous()?,
        affine,
        LayerNorm { epsilon, tracked, mask: None, saved: OnceLock::new() },
    )
}

/// `layer_norm(x + dropout(sublayer))`, the end of every post-norm sublayer, in one pass.
///
/// # Errors
/// As for [`layer_norm`], and when the mask was drawn for another number of elements.
pub fn residual_layer_norm(
    x: &Tensor,
    sublayer: &Tensor,
    affine: &Tensor,
    epsilon: f64,
    mask: Option<DropoutMask>,
) -> Result<Tensor> {
    if is_needed(x) {
        return residual_layer_norm_composite(x, sublayer, affine, epsilon, mask.as_ref());
    }
    let tracked = x.track_op() || sublayer.track_op() || affine.track_op();
    let operation = LayerNorm { epsilon, tracked, mask, saved: OnceLock::new() };
    graph::apply3(&x.contiguous()?, &sublayer.contiguous()?, affine, operation)
}
