//! Norm by the root mean square (Zhang and Sennrich, 2019): `x / sqrt(mean(x²) + epsilon) · weight`.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, D, Result, Tensor, bail};

use super::composite::is_needed;
use crate::vector::{self, vectorised};
use crate::{buffer, graph};

const NAME: &str = "root norm";

/// One over the root of the mean square of a row.
fn inverse_root(row: &[f32], epsilon: f64) -> f32 {
    let mean = vector::dot(row, row) / row.len() as f32;
    1.0 / (mean + epsilon as f32).sqrt()
}

vectorised! {
    fn scale(row: &[f32], inverse: f32, weight: &[f32], out: &mut [MaybeUninit<f32>]) {
        for ((out, x), weight) in out.iter_mut().zip(row).zip(weight) {
            out.write(x * inverse * weight);
        }
    }
}

vectorised! {
    /// Gradient of one row: `r · (g - x · r² · mean(g x))`, where r is one over the root and g the upstream gradient times the
    /// weight.
    fn backward_row(
        row: &[f32],
        upstream: &[f32],
        weight: &[f32],
        inverse: f32,
        scaled: &mut [f32],
        out: &mut [MaybeUninit<f32>],
    ) {
        for ((scaled, upstream), weight) in scaled.iter_mut().zip(upstream).zip(weight) {
            *scaled = upstream * weight;
        }
        let projection = inverse * inverse * vector::dot(scaled, row) / row.len() as f32;
        for ((out, scaled), x) in out.iter_mut().zip(scaled.iter()).zip(row) {
            out.write(inverse * (scaled - x * projection));
        }
    }
}

vectorised! {
    fn add_weight_gradient(row: &[f32], upstream: &[f32], inverse: f32, sums: &mut [f32]) {
        for ((sum, x), upstream) in sums.iter_mut().zip(row).zip(upstream) {
            *sum += x * inverse * upstream;
        }
    }
}

/// Gradients of the rows and of the weight.
fn gradients(x: &[f32], weight: &[f32], upstream: &[f32], epsilon: f64) -> (Vec<f32>, Vec<f32>) {
    let width = weight.len();
    let rows = x.len() / width;
    let of_rows = buffer::build_rows(rows, width, |first, out| {
        let mut scaled = vec![0.0; width];
        for (row, out) in out.chunks_exact_mut(width).enumerate() {
            let range = (first + row) * width..(first + row + 1) * width;
            let row = &x[range.clone()];
            backward_row(row, &upstream[range], weight, inverse_root(row, epsilon), &mut scaled, out);
        }
    });
    let of_weight = buffer::sum_rows(rows, width, |range, sums| {
        for row in range {
            let range = row * width..(row + 1) * width;
            let row = &x[range.clone()];
            add_weight_gradient(row, &upstream[range], inverse_root(row, epsilon), sums);
        }
    });
    (of_rows, of_weight)
}

/// Composite of [`root_norm`].
pub(super) fn root_norm_composite(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let root = (x.sqr()?.mean_keepdim(D::Minus1)? + epsilon)?.sqrt()?;
    x.broadcast_div(&root)?.broadcast_mul(weight)
}

/// `x / sqrt(mean(x²) + epsilon) · weight` for rows `[.., width]` and a weight `[width]`.
///
/// # Errors
/// When the shapes do not fit, or a tensor is not `f32`.
pub fn root_norm(x: &Tensor, weight: &Tensor, epsilon: f64) -> Result<Tensor> {
    let width = x.dims().last().copied().unwrap_or(0);
    if width == 0 || weight.dims() != [width] {
        bail!("{NAME}: a weight of {:?} does not fit rows of shape {:?}", weight.shape(), x.shape())
    }
    if is_needed(x) {
        return root_norm_composite(x, weight, epsilon);
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let out = buffer::with_slice(&x, NAME, |x| {
        buffer::with_slice(&weight, NAME, |weight| {
            buffer::build_rows(x.len() / width, width, |first, out| {
                for (row, out) in out.chunks_exact_mut(width).enumerate() {
                    let row = &x[(first + row) * width..][..width];
                    scale(row, inverse_root(row, epsilon), weight, out);
                }
            })
        })
    })??;
    let result = (CpuStorage::F32(out), x.shape().clone());
    graph::record_one(result, &[&x, &weight], move |inputs, _, upstream| {
        let [x, weight] = inputs else { bail!("{NAME}: {} inputs", inputs.len()) };
        let (of_rows, of_weight) = buffer::with_slice(x, NAME, |x| {
            buffer::with_slice(weight, NAME, |weight| {
                buffer::with_slice(upstream, NAME, |upstream| gradients(x, weight, upstream, epsilon))
            })
        })???;
        let of_rows = Tensor::from_vec(of_rows, x.shape(), x.device())?;
        let of_weight = Tensor::from_vec(of_weight, weight.shape(), weight.device())?;
        Ok(vec![Some(of_rows), Some(of_weight)])
    })
}
