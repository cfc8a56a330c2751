//! Gated activation (Shazeer, 2020): one half of the columns activated, times the other.

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};

use super::activation::{self, Activation, activate_composite};
use super::composite::is_needed;
use crate::vector::vectorised;
use crate::{buffer, graph};

struct Gated(Activation);

vectorised! {
    /// Multiplies `values` by `factors`.
    fn multiply(values: &mut [f32], factors: &[f32]) {
        for (value, factor) in values.iter_mut().zip(factors) {
            *value *= factor;
        }
    }
}

/// Room for a row, given back as initialised once `write` has written all of it.
fn filled(row: &mut [MaybeUninit<f32>], write: impl FnOnce(&mut [MaybeUninit<f32>])) -> &mut [f32] {
    write(row);
    // SAFETY: the activations write every element of what they are given.
    unsafe { row.assume_init_mut() }
}

impl Gated {
    /// Rows and the width of a half.
    fn sizes(shape: &Shape) -> Result<(usize, usize)> {
        let width = shape.dims().last().copied().unwrap_or(0);
        if width == 0 || !width.is_multiple_of(2) {
            bail!("gated activation: {shape:?} has no two halves")
        }
        Ok((shape.elem_count() / width, width / 2))
    }
}

impl CustomOp1 for Gated {
    fn name(&self) -> &'static str {
        "gated activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = buffer::slice(storage, layout, self.name())?;
        let (rows, half) = Self::sizes(layout.shape())?;
        let out = buffer::build_rows(rows, half, |first, out| {
            let inputs = x[2 * half * first..].chunks_exact(2 * half);
            for (out, input) in out.chunks_exact_mut(half).zip(inputs) {
                let (activated, factors) = input.split_at(half);
                multiply(filled(out, |out| activation::forward(self.0, activated, out)), factors);
            }
        });
        let mut shape = layout.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = half;
        }
        Ok((CpuStorage::F32(out), shape.into()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let (rows, half) = Self::sizes(input.shape())?;
        let gradient = buffer::with_slice(input, self.name(), |x| {
            buffer::with_slice(upstream, self.name(), |upstream| {
                buffer::build_rows(rows, 2 * half, |first, out| {
                    let inputs = x[2 * half * first..].chunks_exact(2 * half);
                    let upstream = upstream[half * first..].chunks_exact(half);
                    for ((out, input), upstream) in out.chunks_exact_mut(2 * half).zip(inputs).zip(upstream) {
                        let ((activated, factors), (of_activated, of_factors)) =
                            (input.split_at(half), out.split_at_mut(half));
                        let backward = |out: &mut [MaybeUninit<f32>]| {
                            activation::backward(self.0, activated, upstream, out);
                        };
                        multiply(filled(of_activated, backward), factors);
                        multiply(
                            filled(of_factors, |out| activation::forward(self.0, activated, out)),
                            upstream,
                        );
                    }
                })
            })
        })??;
        Tensor::from_vec(gradient, input.shape(), input.device()).map(Some)
    }
}

/// Composite of [`gated`].
pub(super) fn gated_composite(x: &Tensor, activation: Activation) -> Result<Tensor> {
    let (_, half) = Gated::sizes(x.shape())?;
    let part = |index: usize| x.narrow(D::Minus1, index * half, half)?.contiguous();
    activate_composite(&part(0)?, activation)? * part(1)?
}

/// `activation(a) · b` for rows `[.., 2 · width]` of a and b: `[.., width]`.
///
/// # Errors
/// When the rows have no two halves, or the tensor is not `f32`.
pub fn gated(x: &Tensor, activation: Activation) -> Result<Tensor> {
    if is_needed(x) {
        return gated_composite(x, activation);
    }
    graph::apply1(&x.contiguous()?, Gated(activation))
}
