//! Embedding lookup with scaling and positions.

use std::sync::Arc;

use candle_core::{CpuStorage, Layout, Result, Shape, Tensor, bail};

use super::composite::is_needed;
use crate::gradient::{Gradient, SparseGradient};
use crate::{buffer, graph};

struct Embed {
    ids: Arc<Vec<u32>>,
    batch: usize,
    scale: f32,
    /// `[length, width]`, added to every example.
    positions: Option<Vec<f32>>,
}

impl Embed {
    fn forward(&self, (storage, layout): (&CpuStorage, &Layout)) -> Result<(CpuStorage, Shape)> {
        let table = buffer::slice(storage, layout, "embedding")?;
        let (rows, width) = layout.shape().dims2()?;
        if let Some(id) = self.ids.iter().find(|&&id| id as usize >= rows) {
            bail!("embedding: token {id} is not in a table of {rows} rows")
        }
        let length = self.ids.len() / self.batch.max(1);
        if self.ids.len() != self.batch * length || width == 0 {
            bail!(
                "embedding: {} tokens do not make {} rows out of a table of width {width}",
                self.ids.len(),
                self.batch
            )
        }
        if self.positions.as_ref().is_some_and(|positions| positions.len() != length * width) {
            bail!("embedding: positions do not fit {length} tokens of width {width}")
        }
        let out = buffer::build_rows(self.ids.len(), width, |first, out| {
            for (index, out) in out.chunks_exact_mut(width).enumerate() {
                let row = first + index;
                let start = self.ids[row] as usize * width;
                let embedding = &table[start..start + width];
                match &self.positions {
                    None => {
                        for (out, value) in out.iter_mut().zip(embedding) {
                            out.write(value * self.scale);
                        }
                    }
                    Some(positions) => {
                        let position = &positions[row % length * width..][..width];
                        for ((out, value), position) in out.iter_mut().zip(embedding).zip(position) {
                            out.write(value * self.scale + position);
                        }
                    }
                }
            }
        });
        Ok((CpuStorage::F32(out), (self.batch, length, width).into()))
    }

    /// The gradient of a table of the given shape.
    fn backward(&self, shape: (usize, usize), upstream: &Tensor) -> Result<Gradient> {
        let rows = |upstream: &[f32]| SparseGradient::of(&self.ids, upstream, self.scale, shape);
        buffer::with_slice(upstream, "embedding", rows).map(Gradient::Sparse)
    }
}

/// Composite of [`embed`].
pub(super) fn embed_composite(
    table: &Tensor,
    ids: &Arc<Vec<u32>>,
    batch: usize,
    scale: f32,
    positions: Option<&Tensor>,
) -> Result<Tensor> {
    let (rows, width) = table.dims2()?;
    // A GPU reads behind the end of the table without an error.
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

/// `scale * table[ids] + positions`, of shape `[batch, length, width]`, for `ids` given row by row and `positions` of
/// shape `[length, width]`. Positions get no gradient.
///
/// # Errors
/// When an id is not in the table or the shapes do not fit.
pub fn embed(
    table: &Tensor,
    ids: &Arc<Vec<u32>>,
    batch: usize,
    scale: f32,
    positions: Option<&Tensor>,
) -> Result<Tensor> {
    if is_needed(table) {
        return embed_composite(table, ids, batch, scale, positions);
    }
    let positions =
        positions.map(|positions| buffer::with_slice(positions, "embedding", <[f32]>::to_vec)).transpose()?;
    let operation = Embed { ids: ids.clone(), batch, scale, positions };
    let result = graph::with_storages([table], |[table]| operation.forward(table))?;
    graph::record_one(result, &[table], move |inputs, _, upstream| {
        Ok(vec![Some(operation.backward(inputs[0].dims2()?, upstream)?)])
    })
}
