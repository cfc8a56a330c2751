//! Attention as an operation over one, two and three tensors.

use std::borrow::Cow;
use std::sync::Arc;

use candle_core::{CpuStorage, D, DType, Device, Result, Shape, Storage, Tensor, bail};

use super::kernel::{self, AttentionSizes, Lengths, RowView, SavedOutputs, Upstream};
use super::{AttentionHeads, AttentionMask};
use crate::matrix::MatrixViewMut;
use crate::ops::composite::is_needed;
use crate::ops::dropout::{DropoutMask, dropout_composite};
use crate::ops::softmax::softmax_composite;
use crate::vector::add_scaled;
use crate::{buffer, graph};

/// Packing of query, key and value in the inputs.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// One tensor `[batch, length, 3 * width]`.
    All,
    /// `[batch, queries, width]` and `[batch, keys, 2 * width]`.
    KeyValue,
    /// Three tensors.
    None,
}

/// Operation of attention: its heads, its mask, the packing of its inputs.
struct Attention {
    heads: AttentionHeads,
    mask: AttentionMask,
    packing: Packing,
    /// Whether a bias of the scores is the last of the inputs.
    has_bias: bool,
}

/// Result of attention.
pub(super) struct AttentionResult {
    /// A row for each query, as they lie.
    pub(super) context: Tensor,
    /// Scores before the mask and probabilities before dropout, each `[batch, heads, queries, keys]`, if asked for.
    pub(super) taps: Option<(Tensor, Tensor)>,
}

impl AttentionResult {
    /// Context, scores and probabilities.
    pub(super) fn tapped(self) -> Result<(Tensor, Tensor, Tensor)> {
        match self.taps {
            Some((scores, probabilities)) => Ok((self.context, scores, probabilities)),
            None => bail!("attention: the taps were not asked for"),
        }
    }
}

/// Attention over one, two or three tensors, as `packing` says.
pub(super) fn run<const N: usize>(
    inputs: [&Tensor; N],
    heads: AttentionHeads,
    mask: &AttentionMask,
    packing: Packing,
    tapped: bool,
) -> Result<AttentionResult> {
    if is_needed(inputs[0]) {
        return run_composite(inputs, heads, mask, packing);
    }
    let mut contiguous = Vec::with_capacity(N + 1);
    for input in inputs.into_iter().chain(&mask.bias) {
        contiguous.push(input.contiguous()?);
    }
    let inputs: Vec<&Tensor> = contiguous.iter().collect();
    // The bias is an input as the others are, so that it gets its gradient.
    let operation = Attention { heads, mask: mask.with_bias(None), packing, has_bias: mask.bias.is_some() };
    let sizes = operation.sizes(inputs[0].shape(), inputs[N - 1].shape())?;
    if let Some(bias) = inputs.get(N) {
        sizes.check_bias(bias.dims())?;
    }
    if let [_, key, value] = inputs[..N]
        && key.shape() != value.shape()
    {
        bail!("attention: keys of {:?} and values of {:?} differ in shape", key.shape(), value.shape())
    }
    let tracked = inputs.iter().any(|input| input.track_op());
    let saved = match (tapped, tracked) {
        (true, _) => SavedOutputs::Scores,
        // The backward pass needs the probabilities, whether anyone looks at them or not.
        (false, true) => SavedOutputs::Probabilities,
        (false, false) => SavedOutputs::Nothing,
    };
    let kernel::AttentionOutput { context, probabilities, scores } = operation.run(sizes, &inputs, saved)?;
    let whole = Shape::from([&inputs[0].dims()[..inputs[0].rank() - 1], &[sizes.width]].concat());
    let mut results = vec![(CpuStorage::F32(context), whole)];
    let mut kept = Vec::new();
    let count = heads.count;
    match sizes.lengths {
        Lengths::Even { queries, keys } if tapped => {
            let each = Shape::from((sizes.batch, count, queries, keys));
            results.push((CpuStorage::F32(scores), each.clone()));
            results.push((CpuStorage::F32(probabilities), each));
        }
        Lengths::Ragged(pairs) if tapped => {
            let each = Shape::from((sizes.batch, count, pairs.queries.length(), pairs.keys.length()));
            results.push((CpuStorage::F32(pairs.pad(&scores, count)), each.clone()));
            results.push((CpuStorage::F32(pairs.pad(&probabilities, count)), each));
            kept = probabilities;
        }
        _ => kept = probabilities,
    }
    let results = graph::record(results, &inputs, move |inputs, results, upstream| {
        let gradients = match results {
            [_, _, probabilities] if operation.mask.ragged.is_none() => {
                buffer::with_slice(probabilities, "attention", |probabilities| {
                    operation.gradients(inputs, probabilities, upstream)
                })?
            }
            _ => operation.gradients(inputs, &kept, upstream),
        };
        Ok(gradients?.into_iter().map(Some).collect())
    })?;
    let mut results = results.into_iter();
    match (results.next(), results.next(), results.next()) {
        (Some(context), None, None) => Ok(AttentionResult { context, taps: None }),
        (Some(context), Some(scores), Some(probabilities)) => {
            Ok(AttentionResult { context, taps: Some((scores, probabilities)) })
        }
        _ => bail!("attention: results are missing"),
    }
}

/// Attention by its composite, where the fused operation cannot reach the inputs.
fn run_composite<const N: usize>(
    inputs: [&Tensor; N],
    heads: AttentionHeads,
    mask: &AttentionMask,
    packing: Packing,
) -> Result<AttentionResult> {
    let parts = match packing {
        Packing::All => inputs[0].chunk(3, D::Minus1)?,
        Packing::KeyValue => [vec![inputs[0].clone()], inputs[N - 1].chunk(2, D::Minus1)?].concat(),
        Packing::None => inputs.map(Clone::clone).to_vec(),
    };
    let [query, key, value] = &parts[..] else { bail!("attention: {} inputs", parts.len()) };
    let (context, scores, probabilities) = attention_composite([query, key, value], heads, mask)?;
    Ok(AttentionResult { context, taps: Some((scores, probabilities)) })
}

/// Composite of attention: the context, and scores before the mask and probabilities before dropout.
pub(crate) fn attention_composite(
    inputs: [&Tensor; 3],
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    let Some(pairs) = &mask.ragged else { return padded_composite(inputs, heads, mask) };
    // Batched products need one length.
    let [query, key, value] = inputs;
    let padded = [pairs.queries.pad(query)?, pairs.keys.pad(key)?, pairs.keys.pad(value)?];
    let lay_out = |dropout: &DropoutMask| dropout.laid_out(|kept| pairs.pad(kept, heads.count));
    let mask = AttentionMask {
        keys: Some(Arc::new(pairs.keys.mask())),
        ragged: None,
        dropout: mask.dropout.as_ref().map(lay_out),
        ..mask.clone()
    };
    let (context, scores, probabilities) = padded_composite(padded.each_ref(), heads, &mask)?;
    // A query that is padding has scores of zero, and probabilities of none.
    let queries: Vec<f32> = pairs.queries.mask().iter().map(|&kept| f32::from(kept)).collect();
    let shape = (pairs.queries.batch(), 1, pairs.queries.length(), 1);
    let queries = Tensor::from_vec(queries, shape, query.device())?;
    Ok((pairs.queries.unpad(&context)?, scores, probabilities.broadcast_mul(&queries)?))
}

fn padded_composite(
    [query, key, value]: [&Tensor; 3],
    heads: AttentionHeads,
    mask: &AttentionMask,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, queries, width) = query.dims3()?;
    heads.check(width)?;
    let split = |x: &Tensor| {
        let length = x.dim(1)?;
        x.reshape((batch, length, heads.count, width / heads.count))?.transpose(1, 2)?.contiguous()
    };
    let (query, key, value) = (split(query)?, split(key)?, split(value)?);
    let products = (query.matmul(&key.t()?)? * f64::from(heads.scale))?;
    let scores = match &mask.bias {
        Some(bias) => products.broadcast_add(bias)?,
        None => products,
    };
    let masked = (mask.keys.is_some() || mask.depends_on_query()).then_some(mask);
    let probabilities = softmax_composite(&scores, masked)?;
    let kept = match &mask.dropout {
        Some(dropped) => dropout_composite(&probabilities, dropped)?,
        None => probabilities.clone(),
    };
    let context = kept.matmul(&value)?.transpose(1, 2)?.reshape((batch, queries, width))?;
    Ok((context, scores, probabilities))
}

impl Attention {
    /// Sizes from the shapes of the first and the last input.
    fn sizes(&self, first: &Shape, last: &Shape) -> Result<AttentionSizes<'_>> {
        let misfit = || {
            candle_core::Error::Msg(format!(
                "attention: inputs of {first:?} and {last:?} do not fit each other and {} heads",
                self.heads.count
            ))
        };
        let (batch, lengths, first_width, last_width) = match (&self.mask.ragged, first.dims(), last.dims()) {
            (None, &[batch, queries, first_width], &[last_batch, keys, last_width])
                if batch == last_batch && batch * queries * keys > 0 =>
            {
                self.mask.check_keys(batch, keys)?;
                (batch, Lengths::Even { queries, keys }, first_width, last_width)
            }
            (Some(pairs), &[queries, first_width], &[keys, last_width])
                if queries == pairs.queries.tokens() && keys == pairs.keys.tokens() && queries * keys > 0 =>
            {
                pairs.check()?;
                self.mask.check_prefix(pairs.queries.batch(), pairs.keys.length())?;
                (pairs.queries.batch(), Lengths::Ragged(pairs), first_width, last_width)
            }
            _ => return Err(misfit()),
        };
        let (width, fits) = match self.packing {
            Packing::All => (first_width / 3, first_width.is_multiple_of(3)),
            Packing::KeyValue => (first_width, last_width == 2 * first_width),
            Packing::None => (first_width, last_width == first_width),
        };
        let heads = self.heads;
        if width * heads.count == 0 || !fits || !width.is_multiple_of(heads.count) {
            return Err(misfit());
        }
        let sizes = AttentionSizes { batch, lengths, width, heads };
        if let Some(dropout) = &self.mask.dropout {
            dropout.check("attention", &sizes.probabilities().into())?;
        }
        Ok(sizes)
    }

    /// Offset and step of query, key and value in their inputs.
    fn places(&self, width: usize) -> [(usize, usize); 3] {
        match self.packing {
            Packing::All => [(0, 3 * width), (width, 3 * width), (2 * width, 3 * width)],
            Packing::KeyValue => [(0, width), (0, 2 * width), (width, 2 * width)],
            Packing::None => [(0, width); 3],
        }
    }

    /// The inputs that hold query, key and value.
    fn assignment(&self) -> [usize; 3] {
        match self.packing {
            Packing::All => [0, 0, 0],
            Packing::KeyValue => [0, 1, 1],
            Packing::None => [0, 1, 2],
        }
    }

    fn run(
        &self,
        sizes: AttentionSizes<'_>,
        inputs: &[&Tensor],
        saved: SavedOutputs,
    ) -> Result<kernel::AttentionOutput> {
        with_slices(inputs, |slices| {
            let (places, assignment) = (self.places(sizes.width), self.assignment());
            let [query, key, value] = [0, 1, 2].map(|i| RowView {
                values: slices[assignment[i]],
                offset: places[i].0,
                step: places[i].1,
            });
            let bias = self.has_bias.then(|| slices[slices.len() - 1]);
            kernel::forward(sizes, (query, key, value), (&self.mask, bias), saved)
        })
    }

    /// Gradients in the shapes of the inputs, given those of the context, and of scores and probabilities where these are
    /// results.
    fn gradients(
        &self,
        inputs: &[Tensor],
        probabilities: &[f32],
        upstream: &[Option<Tensor>],
    ) -> Result<Vec<Tensor>> {
        let inputs: Vec<&Tensor> = inputs.iter().collect();
        let (inputs, bias) = inputs.split_at(inputs.len() - usize::from(self.has_bias));
        let sizes = self.sizes(inputs[0].shape(), inputs[inputs.len() - 1].shape())?;
        let mut of_bias = vec![0.0; if self.has_bias { sizes.probabilities() } else { 0 }];
        let (places, assignment) = (self.places(sizes.width), self.assignment());
        // Without a gradient of the context, zeros.
        let nothing;
        let of_context = if let Some(upstream) = upstream.first().and_then(Option::as_ref) {
            upstream
        } else {
            nothing = Tensor::zeros((sizes.queries(), sizes.width), DType::F32, &Device::Cpu)?;
            &nothing
        };
        let present: Vec<&Tensor> =
            std::iter::once(of_context).chain(upstream.iter().skip(1).flatten()).collect();
        let given = |index: usize| upstream.get(index).is_some_and(Option::is_some);
        let gradients = with_slices(inputs, |slices| {
            with_slices(&present, |present| {
                let mut gradients: Vec<Vec<f32>> =
                    slices.iter().map(|values| Vec::with_capacity(values.len())).collect();
                let pointers: Vec<*mut f32> = gradients.iter_mut().map(Vec::as_mut_ptr).collect();
                let rows = |i: usize| RowView {
                    values: slices[assignment[i]],
                    offset: places[i].0,
                    step: places[i].1,
                };
                let target = |i: usize| {
                    let (offset, step) = places[i];
                    MatrixViewMut { pointer: pointers[assignment[i]].wrapping_add(offset), step }
                };
                // What is wanted of attention itself is padded, whatever the inputs are.
                let as_pairs = |padded| match sizes.lengths {
                    Lengths::Even { .. } => Cow::Borrowed(padded),
                    Lengths::Ragged(pairs) => Cow::Owned(pairs.unpad(padded, self.heads.count)),
                };
                let scores = given(1).then(|| as_pairs(present[1]));
                let of_probabilities = given(2).then(|| as_pairs(present[present.len() - 1]));
                let upstream = Upstream {
                    context: present[0],
                    scores: scores.as_deref(),
                    probabilities: of_probabilities.as_deref(),
                };
                kernel::backward(
                    sizes,
                    (rows(0), rows(1), rows(2)),
                    (&self.mask, probabilities),
                    upstream,
                    (target(0), target(1), target(2)),
                    self.has_bias.then_some(of_bias.as_mut_slice()),
                );
                for (gradient, values) in gradients.iter_mut().zip(slices) {
                    // SAFETY: query, key and value together make up all of the inputs, and their gradients were just
                    // written.
                    unsafe { gradient.set_len(values.len()) };
                }
                gradients
            })
        })??;
        let of_inputs = gradients.into_iter().zip(inputs);
        let of_bias = bias.iter().map(|bias| (sum_examples(of_bias.as_slice(), bias.elem_count()), bias));
        of_inputs
            .chain(of_bias)
            .map(|(gradient, tensor)| Tensor::from_vec(gradient, tensor.shape(), tensor.device()))
            .collect()
    }
}

/// Gradients of a bias, which examples may share.
fn sum_examples(gradients: &[f32], elements: usize) -> Vec<f32> {
    let (first, others) = gradients.split_at(elements.min(gradients.len()));
    let mut sum = first.to_vec();
    for other in others.chunks_exact(elements.max(1)) {
        add_scaled(&mut sum, other, 1.0);
    }
    sum
}

/// Calls `read` with the elements of tensors.
fn with_slices<T>(tensors: &[&Tensor], read: impl FnOnce(&[&[f32]]) -> T) -> Result<T> {
    let contiguous: Vec<Tensor> = tensors.iter().map(|tensor| tensor.contiguous()).collect::<Result<_>>()?;
    let guards: Vec<_> = contiguous.iter().map(Tensor::storage_and_layout).collect();
    let slices: Vec<&[f32]> = guards
        .iter()
        .map(|(storage, layout)| match &**storage {
            Storage::Cpu(storage) => buffer::slice(storage, layout, "attention"),
            _ => bail!("attention: runs on the CPU only"),
        })
        .collect::<Result<_>>()?;
    Ok(read(&slices))
}
