//! A linear layer with its bias and activation.

use std::fmt::{self, Debug, Formatter};
use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Module, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::activation::{self, Activation, activate_composite};
use super::composite::is_needed;
use crate::matmul;
use crate::packed_weight::PackedWeight;
use crate::precision::{self, MatmulPrecision};
use crate::vector::vectorised;
use crate::{buffer, graph};

struct Linear {
    activation: Activation,
    /// Keep what the backward pass needs.
    tracked: bool,
    /// The sum before the activation, `[rows, outputs]`.
    sum: OnceLock<Vec<f32>>,
    /// The weights packed for the processor, if they stay as they are.
    packed: Option<Arc<PackedWeight>>,
}

vectorised! {
    fn add_bias(rows: &mut [f32], bias: &[f32]) {
        for row in rows.chunks_exact_mut(bias.len()) {
            for (value, bias) in row.iter_mut().zip(bias) {
                *value += bias;
            }
        }
    }
}

vectorised! {
    fn add_rows(rows: &[f32], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

impl Linear {
    fn forward(
        &self,
        (input, input_layout): (&CpuStorage, &Layout),
        (weight, weight_layout): (&CpuStorage, &Layout),
        bias: Option<&[f32]>,
    ) -> Result<(CpuStorage, Shape)> {
        let x = buffer::slice(input, input_layout, "linear")?;
        let w = buffer::slice(weight, weight_layout, "linear")?;
        let (outputs, inputs) = weight_layout.shape().dims2()?;
        let mut shape = input_layout.dims().to_vec();
        let empty = inputs == 0 || outputs == 0;
        if empty || shape.last() != Some(&inputs) || bias.is_some_and(|bias| bias.len() != outputs) {
            bail!(
                "linear: input {shape:?} does not fit weight [{outputs}, {inputs}] and bias of {:?}",
                bias.map(<[f32]>::len)
            )
        }
        if let Some(last) = shape.last_mut() {
            *last = outputs;
        }
        let rows = x.len() / inputs;
        let mut is_biased = false;
        let mut sum = buffer::build(rows * outputs, |out| {
            let own = |packed: &Arc<PackedWeight>| packed.multiply(out, x, w, bias, (inputs, outputs));
            is_biased = self.packed.as_ref().is_some_and(own);
            if !is_biased {
                matmul::multiply(out, (x, false), (w, true), (rows, inputs, outputs));
            }
        });
        let step = buffer::rows_per_task(outputs) * outputs;
        let missing = bias.filter(|_| !is_biased);
        let complete = |sum: &mut [f32]| {
            if let Some(bias) = missing {
                add_bias(sum, bias);
            }
        };
        if self.activation == Activation::Identity {
            if missing.is_some() {
                sum.par_chunks_mut(step).for_each(complete);
            }
            return Ok((CpuStorage::F32(sum), shape.into()));
        }
        let out = buffer::build(sum.len(), |out| {
            sum.par_chunks_mut(step).zip(out.par_chunks_mut(step)).for_each(|(sum, out)| {
                complete(sum);
                activation::forward(self.activation, sum, out);
            });
        });
        if self.tracked {
            // A node of the graph runs forward once.
            let _ = self.sum.set(sum);
        }
        Ok((CpuStorage::F32(out), shape.into()))
    }

    /// Gradients of input, weight and bias, each only where it is wanted.
    fn backward(
        &self,
        input: &Tensor,
        weight: &Tensor,
        bias: Option<&Tensor>,
        upstream: &Tensor,
        wanted: [bool; 3],
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (outputs, inputs) = weight.dims2()?;
        let rows = input.elem_count() / inputs;
        let device = input.device();
        buffer::with_slice(upstream, "linear", |upstream| {
            let through_activation;
            let upstream = match self.sum.get() {
                None => upstream,
                Some(sum) => {
                    through_activation = buffer::build_rows(sum.len(), 1, |first, out| {
                        let range = first..first + out.len();
                        activation::backward(self.activation, &sum[range.clone()], &upstream[range], out);
                    });
                    &through_activation
                }
            };
            let input_gradient = wanted[0]
                .then(|| {
                    let gradient = buffer::with_slice(weight, "linear", |w| {
                        buffer::build(rows * inputs, |out| {
                            matmul::multiply(out, (upstream, false), (w, false), (rows, outputs, inputs));
                        })
                    })?;
                    Tensor::from_vec(gradient, input.shape(), device)
                })
                .transpose()?;
            let weight_gradient = wanted[1]
                .then(|| {
                    let gradient = buffer::with_slice(input, "linear", |x| {
                        buffer::build(outputs * inputs, |out| {
                            matmul::multiply(out, (upstream, true), (x, false), (outputs, rows, inputs));
                        })
                    })?;
                    Tensor::from_vec(gradient, weight.shape(), device)
                })
                .transpose()?;
            let bias_gradient = bias
                .filter(|_| wanted[2])
                .map(|bias| {
                    let gradient = buffer::sum_rows(rows, outputs, |range, sums| {
                        add_rows(&upstream[range.start * outputs..range.end * outputs], sums);
                    });
                    Tensor::from_vec(gradient, bias.shape(), device)
                })
                .transpose()?;
            Ok((input_gradient, weight_gradient, bias_gradient))
        })?
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.forward((x, xl), (w, wl), None)
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (x, w, _) = self.backward(x, w, None, upstream, [x.track_op(), w.track_op(), false])?;
        Ok((x, w))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        xl: &Layout,
        w: &CpuStorage,
        wl: &Layout,
        b: &CpuStorage,
        bl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let bias = buffer::slice(b, bl, "linear")?;
        self.forward((x, xl), (w, wl), Some(bias))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        self.backward(x, w, Some(b), upstream, [x, w, b].map(Tensor::track_op))
    }
}

/// Composite of [`linear`].
pub(super) fn linear_composite(
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
        MatmulPrecision::Bf16 => lowered(&rows)?.matmul(&lowered(weight)?.t()?)?.to_dtype(DType::F32)?,
        // In full: what is asked for is less exact, and nothing here is faster.
        MatmulPrecision::F32 | MatmulPrecision::Bf16x3 | MatmulPrecision::Int8 => {
            rows.matmul(&weight.t()?)?
        }
    };
    let sum = match bias {
        Some(bias) => product.broadcast_add(bias)?,
        None => product,
    };
    activate_composite(&sum.reshape(shape)?, activation)
}

/// Composite of [`linear_packed`].
pub(super) fn linear_packed_composite(x: &Tensor, weights: &[&Tensor], biases: &[&Tensor]) -> Result<Tensor> {
    linear_composite(x, &Tensor::cat(weights, 0)?, Some(&Tensor::cat(biases, 0)?), Activation::Identity)
}

/// `activation(x Wᵀ + b)` with `x` of shape `[.., inputs]`, `W` `[outputs, inputs]` and `b` `[outputs]`.
///
/// # Errors
/// When the shapes do not fit or a tensor is not contiguous `f32`.
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
    apply(x, weight, None, bias, activation)
}

fn apply(
    x: &Tensor,
    weight: &Tensor,
    packed: Option<Arc<PackedWeight>>,
    bias: Option<&Tensor>,
    activation: Activation,
) -> Result<Tensor> {
    if is_needed(x) {
        return linear_composite(x, weight, bias, activation);
    }
    let x = x.contiguous()?;
    let tracked = x.track_op() || weight.track_op() || bias.is_some_and(Tensor::track_op);
    let operation = Linear { activation, tracked, sum: OnceLock::new(), packed };
    match bias {
        Some(bias) => graph::apply3(&x, weight, bias, operation),
        None => graph::apply2(&x, weight, operation),
    }
}

/// Weights `[outputs, inputs]` of a linear layer that is applied more than once.
///
/// Those that no gradient reaches are laid out for the processor in the first product that they are used in, which later
/// products need not do again; from then on they take their memory twice. Clones share it.
#[derive(Clone)]
pub struct LinearWeight {
    tensor: Tensor,
    packed: Option<Arc<PackedWeight>>,
}

impl LinearWeight {
    /// These weights.
    #[must_use]
    pub fn new(tensor: Tensor) -> Self {
        let packed = (!tensor.track_op()).then(Arc::default);
        Self { tensor, packed }
    }

    /// The weights as a tensor.
    #[must_use]
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// As [`linear`] with these weights.
    ///
    /// # Errors
    /// As for [`linear`].
    pub fn linear(&self, x: &Tensor, bias: Option<&Tensor>, activation: Activation) -> Result<Tensor> {
        // A layer that gradients go through is part of a training, which builds its network anew in every step.
        let packed = self.packed.clone().filter(|_| !x.track_op());
        apply(x, &self.tensor, packed, bias, activation)
    }
}

/// The layer without bias and activation.
impl Module for LinearWeight {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.linear(x, None, Activation::Identity)
    }
}

impl Debug for LinearWeight {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LinearWeight").field(self.tensor.shape()).finish()
    }
}

/// Several linear layers over the same input as one product: `weights` and `biases` are stacked by outputs, and so
/// is the result, `[.., sum of outputs]`.
///
/// # Errors
/// As for [`linear`].
pub fn linear_packed(x: &Tensor, weights: &[&Tensor], biases: &[&Tensor]) -> Result<Tensor> {
    if weights.len() != biases.len() {
        bail!("linear: {} weights and {} biases", weights.len(), biases.len())
    }
    if is_needed(x) {
        return linear_packed_composite(x, weights, biases);
    }
    let stacked = |parts: &[&Tensor]| -> Result<(Tensor, bool)> {
        let detached: Vec<Tensor> = parts.iter().map(|part| part.detach()).collect();
        Ok((Tensor::cat(&detached, 0)?, parts.iter().any(|part| part.track_op())))
    };
    let x = x.contiguous()?;
    let ((weight, of_weights), (bias, of_biases)) = (stacked(weights)?, stacked(biases)?);
    let tracked = x.track_op() || of_weights || of_biases;
    let operation = Linear { activation: Activation::Identity, tracked, sum: OnceLock::new(), packed: None };
    let result = graph::with_storages([&x, &weight, &bias], |[x, w, b]| {
        CustomOp3::cpu_fwd(&operation, x.0, x.1, w.0, w.1, b.0, b.1)
    })?;
    let inputs: Vec<&Tensor> = std::iter::once(&x).chain(weights.iter().chain(biases).copied()).collect();
    graph::record_one(result, &inputs, move |inputs, _, upstream| {
        let (x, parts) = (&inputs[0], &inputs[1..]);
        let (weights, biases) = parts.split_at(parts.len() / 2);
        let wanted = [x.track_op(), of_weights, of_biases];
        let (input, weight, bias) = operation.backward(x, &weight, Some(&bias), upstream, wanted)?;
        let mut gradients = vec![input];
        for (whole, parts) in [(weight, weights), (bias, biases)] {
            let mut first = 0;
            for part in parts {
                let rows = part.dim(0)?;
                gradients.push(match &whole {
                    Some(whole) if part.track_op() => Some(whole.narrow(0, first, rows)?),
                    _ => None,
                });
                first += rows;
            }
        }
        Ok(gradients)
    })
}
