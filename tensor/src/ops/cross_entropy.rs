//! Cross-entropy with label smoothing.

use std::mem::MaybeUninit;
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::composite::{is_needed, mean_of_rows, rows};
use super::softmax::log_softmax_row;
use crate::vector::{self, vectorised};
use crate::{buffer, graph};

/// Targets, row weights and label smoothing of [`cross_entropy`].
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    /// The class of each row.
    pub targets: Arc<Vec<u32>>,
    /// The weight of each row; rows of weight zero are left out.
    pub weights: Arc<Vec<f32>>,
    /// Mass spread evenly over all classes (Szegedy et al., 2016).
    pub smoothing: f32,
}

/// Rows of a loss that is a weighted mean over rows, and its gradient.
pub(super) struct RowLoss {
    pub(super) value: f32,
    pub(super) gradient: Vec<f32>,
}

/// Runs `row(index, logits row, gradient row) -> loss` over all rows with a weight, and divides by the total weight.
/// `row` must write the whole of its gradient row.
pub(super) fn mean_over_rows<F>(logits: &[f32], width: usize, weights: &[f32], row: F) -> RowLoss
where
    F: Fn(usize, &[f32], &mut [MaybeUninit<f32>]) -> f32 + Sync,
{
    let total: f32 = weights.iter().sum();
    let inverse = if total > 0.0 { 1.0 / total } else { 0.0 };
    let mut losses = vec![0.0; weights.len()];
    let gradient = buffer::build(weights.len() * width, |gradient| {
        let step = buffer::rows_per_task(width);
        let tasks = gradient.par_chunks_mut(step * width).zip(losses.par_chunks_mut(step));
        tasks.enumerate().for_each(|(task, (gradient, losses))| {
            for (index, (out, loss)) in gradient.chunks_exact_mut(width).zip(losses).enumerate() {
                let index = task * step + index;
                let weight = weights[index] * inverse;
                if weight == 0.0 {
                    out.fill(MaybeUninit::new(0.0));
                    continue;
                }
                *loss = weight * row(index, &logits[index * width..(index + 1) * width], out);
                for value in out {
                    // SAFETY: `row` has just written the whole of its gradient row.
                    let value = unsafe { value.assume_init_mut() };
                    *value *= weight;
                }
            }
        });
    });
    RowLoss { value: losses.iter().sum(), gradient }
}

vectorised! {
    /// The loss of one row of logits; its gradient goes to `out`.
    fn row(logits: &[f32], target: usize, smoothing: f32, out: &mut [MaybeUninit<f32>]) -> f32 {
        log_softmax_row(logits, 1.0, out);
        // SAFETY: every element was just written.
        let out = unsafe { &mut *(std::ptr::from_mut(out) as *mut [f32]) };
        let even = smoothing / out.len() as f32;
        let mut loss = -(1.0 - smoothing) * out[target];
        // A class that cannot be has an infinite logarithm, of which no share is to be taken where there is none.
        if even > 0.0 {
            loss -= even * vector::sum(out);
        }
        for value in out.iter_mut() {
            *value = vector::exp(*value) - even;
        }
        out[target] -= 1.0 - smoothing;
        loss
    }
}

struct Operation {
    settings: CrossEntropy,
    gradient: OnceLock<Vec<f32>>,
}

impl CustomOp1 for Operation {
    fn name(&self) -> &'static str {
        "cross-entropy"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let logits = buffer::slice(storage, layout, self.name())?;
        let CrossEntropy { targets, weights, smoothing } = &self.settings;
        let classes = layout.dims().last().copied().unwrap_or(1);
        if classes == 0 || targets.len() * classes != logits.len() || weights.len() != targets.len() {
            bail!(
                "cross-entropy: {} targets and {} weights do not fit logits of shape {:?}",
                targets.len(),
                weights.len(),
                layout.shape()
            )
        }
        let stray = |row: &usize| weights[*row] != 0.0 && targets[*row] as usize >= classes;
        if let Some(row) = (0..targets.len()).find(stray) {
            bail!("cross-entropy: target {} of row {row} is not among {classes} classes", targets[row])
        }
        let loss = mean_over_rows(logits, classes, weights, |index, logits, out| {
            row(logits, targets[index] as usize, *smoothing, out)
        });
        // A node of the graph runs forward once.
        let _ = self.gradient.set(loss.gradient);
        Ok((CpuStorage::F32(vec![loss.value]), Shape::from(())))
    }

    fn bwd(&self, logits: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        scaled_gradient(self.gradient.get(), logits, upstream).map(Some)
    }
}

/// The gradient kept by a forward pass times the scalar gradient of the loss.
pub(super) fn scaled_gradient(
    gradient: Option<&Vec<f32>>,
    logits: &Tensor,
    upstream: &Tensor,
) -> Result<Tensor> {
    let Some(gradient) = gradient else { bail!("loss: backward before forward") };
    let scale = upstream.to_scalar::<f32>()?;
    let scaled = buffer::map(gradient, |gradient, out| {
        for (out, gradient) in out.iter_mut().zip(gradient) {
            out.write(gradient * scale);
        }
    });
    Tensor::from_vec(scaled, logits.shape(), logits.device())
}

/// Composite of [`cross_entropy`].
pub(super) fn cross_entropy_composite(logits: &Tensor, settings: &CrossEntropy) -> Result<Tensor> {
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
    let logarithms = candle_nn::ops::log_softmax(&logits, D::Minus1)?;
    let index: Vec<u32> = targets.iter().map(|&target| target.min(classes as u32 - 1)).collect();
    let index = Tensor::from_vec(index, (count, 1), logits.device())?;
    let mut losses = (logarithms.gather(&index, 1)?.squeeze(1)? * -f64::from(1.0 - smoothing))?;
    if *smoothing > 0.0 {
        let even = (logarithms.sum(D::Minus1)? * (f64::from(*smoothing) / classes as f64))?;
        losses = (losses - even)?;
    }
    mean_of_rows(&losses, weights)
}

/// Cross-entropy of `logits` `[.., classes]` with the target of each row, a weighted mean over rows:
/// `-(1 - s) log p[target] - s / classes * sum(log p)`.
///
/// # Errors
/// When the counts do not fit, or a target is not a class.
pub fn cross_entropy(logits: &Tensor, settings: CrossEntropy) -> Result<Tensor> {
    if is_needed(logits) {
        return cross_entropy_composite(logits, &settings);
    }
    graph::apply1(&logits.contiguous()?, Operation { settings, gradient: OnceLock::new() })
}
