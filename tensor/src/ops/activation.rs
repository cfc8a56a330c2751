//! Element-wise activations.

// What is called from a vectorised loop and not inlined would be compiled for the baseline.
#![allow(clippy::inline_always)]

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};

use crate::buffer;
use crate::vector::{self, vectorised};

/// The activations of the published checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x
    Identity,
    /// max(x, 0)
    Relu,
    /// x * Phi(x), with the error function (Hendrycks and Gimpel, 2016)
    Gelu,
    /// The tanh form of GELU: 0.5 x (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
    GeluTanh,
    /// x * sigmoid(1.702 x), an approximation of GELU
    QuickGelu,
    /// x * sigmoid(x), also called swish
    Silu,
    /// tanh(x)
    Tanh,
}

/// The factor of the quick GELU (Hendrycks and Gimpel, 2016).
const QUICK: f32 = 1.702;
/// sqrt(2 / pi)
const SQRT_2_OVER_PI: f32 = 0.797_884_6;

vectorised! {
    /// Writes the activation of `input` to `out`.
    pub(super) fn forward(activation: Activation, input: &[f32], out: &mut [MaybeUninit<f32>]) {
        #[inline(always)]
        fn each(input: &[f32], out: &mut [MaybeUninit<f32>], function: impl Fn(f32) -> f32) {
            for (out, &x) in out.iter_mut().zip(input) {
                out.write(function(x));
            }
        }
        match activation {
            Activation::Identity => each(input, out, |x| x),
            Activation::Relu => each(input, out, |x| if x > 0.0 { x } else { 0.0 }),
            Activation::Gelu => each(input, out, |x| 0.5 * x * (1.0 + vector::erf(x * std::f32::consts::FRAC_1_SQRT_2))),
            Activation::GeluTanh => {
                each(input, out, |x| 0.5 * x * (1.0 + vector::tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x))));
            }
            Activation::QuickGelu => each(input, out, |x| x * vector::sigmoid(QUICK * x)),
            Activation::Silu => each(input, out, |x| x * vector::sigmoid(x)),
            Activation::Tanh => each(input, out, vector::tanh),
        }
    }
}

vectorised! {
    /// Writes `upstream` times the derivative at `input` to `out`.
    pub(super) fn backward(activation: Activation, input: &[f32], upstream: &[f32], out: &mut [MaybeUninit<f32>]) {
        #[inline(always)]
        fn each(input: &[f32], upstream: &[f32], out: &mut [MaybeUninit<f32>], derivative: impl Fn(f32) -> f32) {
            for ((out, &x), &upstream) in out.iter_mut().zip(input).zip(upstream) {
                out.write(upstream * derivative(x));
            }
        }
        match activation {
            Activation::Identity => each(input, upstream, out, |_| 1.0),
            Activation::Relu => each(input, upstream, out, |x| if x > 0.0 { 1.0 } else { 0.0 }),
            Activation::Gelu => each(input, upstream, out, |x| {
                // Phi(x) + x phi(x), where 1 / sqrt(2 pi) = 0.3989...
                0.5 * (1.0 + vector::erf(x * std::f32::consts::FRAC_1_SQRT_2))
                    + x * 0.398_942_3 * vector::exp(-0.5 * x * x)
            }),
            Activation::GeluTanh => each(input, upstream, out, |x| {
                let t = vector::tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x));
                0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * SQRT_2_OVER_PI * (1.0 + 0.134_145 * x * x)
            }),
            Activation::QuickGelu => each(input, upstream, out, |x| {
                let s = vector::sigmoid(QUICK * x);
                s * (1.0 + QUICK * x * (1.0 - s))
            }),
            Activation::Silu => each(input, upstream, out, |x| {
                let s = vector::sigmoid(x);
                s * (1.0 + x * (1.0 - s))
            }),
            Activation::Tanh => each(input, upstream, out, |x| {
                let t = vector::tanh(x);
                1.0 - t * t
            }),
        }
    }
}

struct Activate(Activation);

impl CustomOp1 for Activate {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let input = buffer::slice(storage, layout, self.name())?;
        let out = buffer::map(input, |input, out| forward(self.0, input, out));
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let gradient = buffer::with_slice(input, self.name(), |x| {
            buffer::with_slice(upstream, self.name(), |upstream| {
                buffer::build_rows(x.len(), 1, |first, out| {
                    let range = first..first + out.len();
                    backward(self.0, &x[range.clone()], &upstream[range], out);
                })
            })
        })??;
        Tensor::from_vec(gradient, input.shape(), input.device()).map(Some)
    }
}

/// The activation of every element.
///
/// # Errors
/// When the tensor is not `f32` in CPU memory.
pub fn activate(input: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(input.clone()),
        _ => input.contiguous()?.apply_op1(Activate(activation)),
    }
}
