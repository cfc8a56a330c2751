//! Attention as candle operations of one, two and three inputs.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::kernel::{self, Rows, Sizes, Target};
use super::{AttentionMask, Heads};
use crate::buffer;

/// How query, key and value are laid out over the inputs.
#[derive(Clone, Copy)]
pub(super) enum Packing {
    /// One tensor `[batch, length, 3 * width]`.
    All,
    /// `[batch, queries, width]` and `[batch, keys, 2 * width]`.
    KeyValue,
    /// Three tensors.
    None,
}

pub(super) struct Attention {
    heads: Heads,
    mask: AttentionMask,
    packing: Packing,
    tracked: bool,
    probabilities: OnceLock<Vec<f32>>,
}

impl Attention {
    pub(super) fn new(heads: Heads, mask: &AttentionMask, packing: Packing, tracked: bool) -> Self {
        Self { heads, mask: mask.clone(), packing, tracked, probabilities: OnceLock::new() }
    }

    /// Sizes from the shapes of the first and the last input.
    fn sizes(&self, first: &Shape, last: &Shape) -> Result<Sizes> {
        let (batch, queries, first_width) = first.dims3()?;
        let (last_batch, keys, last_width) = last.dims3()?;
        let (width, fits) = match self.packing {
            Packing::All => (first_width / 3, first_width.is_multiple_of(3)),
            Packing::KeyValue => (first_width, last_width == 2 * first_width),
            Packing::None => (first_width, last_width == first_width),
        };
        let heads = self.heads.count;
        let empty = batch * queries * keys * width * heads == 0;
        if empty || !fits || batch != last_batch || !width.is_multiple_of(heads) {
            bail!("attention: inputs of {first:?} and {last:?} do not fit each other and {heads} heads")
        }
        self.mask.check((batch, heads, queries, keys))?;
        Ok(Sizes { batch, queries, keys, width, heads: self.heads })
    }

    /// Offset and step of query, key and value in their inputs.
    fn places(&self, width: usize) -> [(usize, usize); 3] {
        match self.packing {
            Packing::All => [(0, 3 * width), (width, 3 * width), (2 * width, 3 * width)],
            Packing::KeyValue => [(0, width), (0, 2 * width), (width, 2 * width)],
            Packing::None => [(0, width); 3],
        }
    }

    fn run(&self, sizes: Sizes, inputs: [&[f32]; 3]) -> (CpuStorage, Shape) {
        let places = self.places(sizes.width);
        let [query, key, value] =
            [0, 1, 2].map(|i| Rows { values: inputs[i], offset: places[i].0, step: places[i].1 });
        let (context, probabilities) = kernel::forward(sizes, (query, key, value), &self.mask);
        if self.tracked {
            // A node of the graph runs forward once.
            let _ = self.probabilities.set(probabilities);
        }
        (CpuStorage::F32(context), (sizes.batch, sizes.queries, sizes.width).into())
    }

    /// Gradients in the shapes of `tensors`; `assignment[i]` says which of them holds query, key and value.
    fn gradients(
        &self,
        tensors: &[&Tensor],
        assignment: [usize; 3],
        upstream: &Tensor,
    ) -> Result<Vec<Tensor>> {
        let Some(probabilities) = self.probabilities.get() else {
            bail!("attention: backward before forward")
        };
        let sizes = self.sizes(tensors[0].shape(), tensors[tensors.len() - 1].shape())?;
        let places = self.places(sizes.width);
        let inputs: Vec<Tensor> = tensors.iter().map(|tensor| tensor.contiguous()).collect::<Result<_>>()?;
        let guards: Vec<_> = inputs.iter().map(Tensor::storage_and_layout).collect();
        let slices: Vec<&[f32]> = guards
            .iter()
            .map(|(storage, layout)| match &**storage {
                candle_core::Storage::Cpu(storage) => buffer::slice(storage, layout, "attention"),
                _ => bail!("attention: runs on the CPU only"),
            })
            .collect::<Result<_>>()?;
        let mut gradients: Vec<Vec<f32>> =
            slices.iter().map(|values| Vec::with_capacity(values.len())).collect();
        let pointers: Vec<*mut f32> = gradients.iter_mut().map(Vec::as_mut_ptr).collect();
        let rows = |i: usize| Rows { values: slices[assignment[i]], offset: places[i].0, step: places[i].1 };
        let target =
            |i: usize| Target { pointer: pointers[assignment[i]], offset: places[i].0, step: places[i].1 };
        buffer::with_slice(upstream, "attention", |upstream| {
            kernel::backward(
                sizes,
                (rows(0), rows(1), rows(2)),
                (probabilities, self.mask.dropped.as_ref()),
                upstream,
                (target(0), target(1), target(2)),
            );
        })?;
        for (gradient, values) in gradients.iter_mut().zip(&slices) {
            // SAFETY: query, key and value together make up all of the inputs, and their gradients were just written.
            unsafe { gradient.set_len(values.len()) };
        }
        gradients
            .into_iter()
            .zip(tensors)
            .map(|(gradient, tensor)| Tensor::from_vec(gradient, tensor.shape(), tensor.device()))
            .collect()
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let packed = buffer::slice(storage, layout, "attention")?;
        let sizes = self.sizes(layout.shape(), layout.shape())?;
        Ok(self.run(sizes, [packed; 3]))
    }

    fn bwd(&self, packed: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.gradients(&[packed], [0, 0, 0], upstream)?.pop())
    }
}

impl CustomOp2 for Attention {
    fn name(&self) -> &'static str {
        "cross attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        kv: &CpuStorage,
        kvl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (query, key_value) = (buffer::slice(q, ql, "attention")?, buffer::slice(kv, kvl, "attention")?);
        let sizes = self.sizes(ql.shape(), kvl.shape())?;
        Ok(self.run(sizes, [query, key_value, key_value]))
    }

    fn bwd(
        &self,
        q: &Tensor,
        kv: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.gradients(&[q, kv], [0, 1, 1], upstream)?.into_iter();
        Ok((gradients.next(), gradients.next()))
    }
}

impl CustomOp3 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        q: &CpuStorage,
        ql: &Layout,
        k: &CpuStorage,
        kl: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let inputs = [
            buffer::slice(q, ql, "attention")?,
            buffer::slice(k, kl, "attention")?,
            buffer::slice(v, vl, "attention")?,
        ];
        if kl.shape() != vl.shape() {
            bail!("attention: keys of {:?} and values of {:?} differ in shape", kl.shape(), vl.shape())
        }
        let sizes = self.sizes(ql.shape(), vl.shape())?;
        Ok(self.run(sizes, inputs))
    }

    fn bwd(
        &self,
        q: &Tensor,
        k: &Tensor,
        v: &Tensor,
        _: &Tensor,
        upstream: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.gradients(&[q, k, v], [0, 1, 2], upstream)?.into_iter();
        Ok((gradients.next(), gradients.next(), gradients.next()))
    }
}
