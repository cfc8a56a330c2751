//! Element-wise activations.

// A function that is called from a vectorised loop and not inlined would be compiled for the baseline.
#![allow(clippy::inline_always)]

use std::mem::MaybeUninit;

use candle_core::{CpuStorage, CustomOp1, Layout, Module, Result, Shape, Tensor};

use super::composite::is_needed;
use crate::vector::vectorised;
use crate::{buffer, graph};

/// Activation of a layer, as published checkpoints name them.
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

vectorised! {
    /// Writes the activation of `input` to `out`.
    pub(super) fn forward(activation: Activation, input: &[f32], out: &mut [MaybeUninit<f32>]) {
        // A macro, since the compiler leaves a long function that is passed to another one as a call, and vectorises
        // no loop with a call in it.
        macro_rules! each {
            ($value:path) => {
                for (out, &x) in out.iter_mut().zip(input) {
                    out.write($value(x));
                }
            };
        }
        match activation {
            Activation::Identity => each!(identity::value),
            Activation::Relu => each!(relu::value),
            Activation::Gelu => each!(gelu::value),
            Activation::GeluTanh => each!(gelu_tanh::value),
            Activation::QuickGelu => each!(quick_gelu::value),
            Activation::Silu => each!(silu::value),
            Activation::Tanh => each!(tanh::value),
        }
    }
}

vectorised! {
    /// Writes `upstream` times the derivative at `input` to `out`.
    pub(super) fn backward(activation: Activation, input: &[f32], upstream: &[f32], out: &mut [MaybeUninit<f32>]) {
        macro_rules! each {
            ($derivative:path) => {
                for ((out, &x), &upstream) in out.iter_mut().zip(input).zip(upstream) {
                    out.write(upstream * $derivative(x));
                }
            };
        }
        match activation {
            Activation::Identity => each!(identity::derivative),
            Activation::Relu => each!(relu::derivative),
            Activation::Gelu => each!(gelu::derivative),
            Activation::GeluTanh => each!(gelu_tanh::derivative),
            Activation::QuickGelu => each!(quick_gelu::derivative),
            Activation::Silu => each!(silu::derivative),
            Activation::Tanh => each!(tanh::derivative),
        }
    }
}

mod identity {
    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        x
    }

    #[inline(always)]
    pub(super) fn derivative(_: f32) -> f32 {
        1.0
    }
}

mod relu {
    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        if x > 0.0 { x } else { 0.0 }
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        if x > 0.0 { 1.0 } else { 0.0 }
    }
}

mod gelu {
    use crate::vector::{erf, exp};

    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        // Phi(x) + x phi(x), where 1 / sqrt(2 pi) = 0.3989...
        0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)) + x * 0.398_942_3 * exp(-0.5 * x * x)
    }
}

mod gelu_tanh {
    use crate::vector::tanh;

    /// sqrt(2 / pi)
    const SQRT_2_OVER_PI: f32 = 0.797_884_6;

    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        0.5 * x * (1.0 + tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x)))
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        let t = tanh(SQRT_2_OVER_PI * (x + 0.044_715 * x * x * x));
        0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * SQRT_2_OVER_PI * (1.0 + 0.134_145 * x * x)
    }
}

mod quick_gelu {
    use crate::vector::sigmoid;

    /// The factor of the quick GELU (Hendrycks and Gimpel, 2016).
    pub(super) const QUICK: f32 = 1.702;

    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        x * sigmoid(QUICK * x)
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        let s = sigmoid(QUICK * x);
        s * (1.0 + QUICK * x * (1.0 - s))
    }
}

mod silu {
    use crate::vector::sigmoid;

    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        x * sigmoid(x)
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        let s = sigmoid(x);
        s * (1.0 + x * (1.0 - s))
    }
}

mod tanh {
    use crate::vector::tanh;

    #[inline(always)]
    pub(super) fn value(x: f32) -> f32 {
        tanh(x)
    }

    #[inline(always)]
    pub(super) fn derivative(x: f32) -> f32 {
        let t = tanh(x);
        1.0 - t * t
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

impl Module for Activation {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        activate(x, *self)
    }
}

/// Composite of [`activate`].
pub(super) fn activate_composite(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(x.clone()),
        // Not that of candle 0.11.1, whose gradient at 0 is 1; it is 0 here and in PyTorch.
        Activation::Relu => x.gt(0.0)?.where_cond(x, &x.zeros_like()?),
        Activation::Gelu => candle_nn::Activation::Gelu.forward(x),
        Activation::GeluTanh => candle_nn::Activation::NewGelu.forward(x),
        Activation::QuickGelu => x * candle_nn::ops::sigmoid(&(x * f64::from(quick_gelu::QUICK))?)?,
        Activation::Silu => candle_nn::Activation::Silu.forward(x),
        Activation::Tanh => x.tanh(),
    }
}

/// The activation of every element.
///
/// # Errors
/// When the tensor is not `f32`.
pub fn activate(input: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::Identity => Ok(input.clone()),
        _ if is_needed(input) => activate_composite(input, activation),
        _ => graph::apply1(&input.contiguous()?, Activate(activation)),
    }
}
