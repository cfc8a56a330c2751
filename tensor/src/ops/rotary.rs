//! Rotary position embedding (Su et al., 2021): queries and keys turned by angles that grow with their positions.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::composite::is_needed;
use crate::{buffer, graph};

/// Rotation of heads by position: cosines and sines of `position · frequency`.
///
/// Number i of the first half of a head and number i of the second half are a pair, which turns by the i-th frequency, as in
/// GPT-NeoX and transformers.
#[derive(Debug, Clone)]
pub struct Rotation {
    /// `[positions, frequencies]` of pairs of cosine and sine.
    turns: Arc<Vec<(f32, f32)>>,
    frequencies: usize,
}

impl Rotation {
    /// The rotation by so many positions, given the frequency of each pair of a head.
    #[must_use]
    pub fn new(frequencies: &[f32], positions: usize) -> Self {
        let turns = (0..positions).flat_map(|position| {
            frequencies.iter().map(move |frequency| {
                let (sine, cosine) = (position as f32 * frequency).sin_cos();
                (cosine, sine)
            })
        });
        Self { turns: Arc::new(turns.collect()), frequencies: frequencies.len() }
    }

    /// Frequencies of the pairs of a head of this width: `base^(-2i/width)`.
    #[must_use]
    pub fn frequencies(base: f64, head_width: usize) -> Vec<f32> {
        let exponent = |pair: usize| (2 * pair) as f32 / head_width as f32;
        (0..head_width / 2).map(|pair| 1.0 / (base as f32).powf(exponent(pair))).collect()
    }

    fn row(&self, position: u32) -> &[(f32, f32)] {
        &self.turns[position as usize * self.frequencies..][..self.frequencies]
    }

    fn positions(&self) -> usize {
        self.turns.len() / self.frequencies.max(1)
    }
}

/// Turns the first columns of each row, head by head.
struct Rotate {
    rotation: Rotation,
    columns: usize,
    /// The position of each row.
    positions: Arc<Vec<u32>>,
}

impl Rotate {
    /// Turns all rows of `values` in place, backward if `inverse`.
    fn turn(&self, values: &mut [f32], width: usize, inverse: bool) {
        let (half, rows) = (self.rotation.frequencies, buffer::rows_per_task(width));
        let sign = if inverse { -1.0 } else { 1.0 };
        values.par_chunks_mut(rows * width).enumerate().for_each(|(task, chunk)| {
            for (row, position) in chunk.chunks_exact_mut(width).zip(&self.positions[task * rows..]) {
                let turns = self.rotation.row(*position);
                for head in row[..self.columns].chunks_exact_mut(2 * half) {
                    let (first, second) = head.split_at_mut(half);
                    for ((x, y), (cosine, sine)) in first.iter_mut().zip(second).zip(turns) {
                        (*x, *y) = (*x * cosine - sign * *y * sine, *y * cosine + sign * *x * sine);
                    }
                }
            }
        });
    }

    fn check(&self, shape: &Shape) -> Result<usize> {
        let (width, head) = (shape.dims().last().copied().unwrap_or(0), 2 * self.rotation.frequencies);
        if self.columns > width || head == 0 || !self.columns.is_multiple_of(head) {
            bail!("rotation: {} columns of {shape:?} are no heads of {head}", self.columns)
        }
        if self.positions.len() * width != shape.elem_count() {
            bail!("rotation: {} positions do not fit {shape:?}", self.positions.len())
        }
        match self.positions.iter().find(|&&position| position as usize >= self.rotation.positions()) {
            Some(far) => bail!("rotation: position {far} is beyond {}", self.rotation.positions()),
            None => Ok(width),
        }
    }
}

impl CustomOp1 for Rotate {
    fn name(&self) -> &'static str {
        "rotation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let width = self.check(layout.shape())?;
        let mut values = buffer::slice(storage, layout, self.name())?.to_vec();
        self.turn(&mut values, width, false);
        Ok((CpuStorage::F32(values), layout.shape().clone()))
    }

    fn bwd(&self, input: &Tensor, _: &Tensor, upstream: &Tensor) -> Result<Option<Tensor>> {
        let mut values = buffer::with_slice(upstream, self.name(), <[f32]>::to_vec)?;
        self.turn(&mut values, upstream.dim(D::Minus1)?, true);
        Tensor::from_vec(values, input.shape(), input.device()).map(Some)
    }
}

/// Composite of [`rotate`].
pub(super) fn rotate_composite(
    x: &Tensor,
    columns: usize,
    rotation: &Rotation,
    positions: &Arc<Vec<u32>>,
) -> Result<Tensor> {
    let rotate = Rotate { rotation: rotation.clone(), columns, positions: positions.clone() };
    let (width, half) = (rotate.check(x.shape())?, rotation.frequencies);
    let turns = |which: fn(&(f32, f32)) -> f32| {
        let values = positions.iter().flat_map(|&position| rotation.row(position).iter().map(which));
        Tensor::from_vec(values.collect::<Vec<f32>>(), (positions.len(), 1, half), x.device())
    };
    let (cosines, sines) = (turns(|turn| turn.0)?, turns(|turn| turn.1)?);
    let rows = x.contiguous()?.reshape(((), width))?;
    let heads = rows.narrow(1, 0, columns)?.reshape(((), columns / (2 * half), 2 * half))?;
    let (first, second) = (heads.narrow(2, 0, half)?, heads.narrow(2, half, half)?);
    let turned = Tensor::cat(
        &[
            (first.broadcast_mul(&cosines)? - second.broadcast_mul(&sines)?)?,
            (second.broadcast_mul(&cosines)? + first.broadcast_mul(&sines)?)?,
        ],
        2,
    )?;
    let turned = turned.reshape(((), columns))?;
    Tensor::cat(&[turned, rows.narrow(1, columns, width - columns)?], 1)?.reshape(x.shape())
}

/// Rows `[.., width]` whose first `columns` columns are heads, each turned by the position of its row; the other columns as
/// they are. `positions` has one for each row, below those of the rotation.
///
/// # Errors
/// When the columns do not divide into heads, a position is beyond the rotation, or the tensor is not `f32`.
pub fn rotate(x: &Tensor, columns: usize, rotation: &Rotation, positions: &Arc<Vec<u32>>) -> Result<Tensor> {
    if is_needed(x) {
        return rotate_composite(x, columns, rotation, positions);
    }
    let rotate = Rotate { rotation: rotation.clone(), columns, positions: positions.clone() };
    graph::apply1(&x.contiguous()?, rotate)
}
